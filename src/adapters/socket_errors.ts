/**
 * What went wrong with a socket, in words that name the server.
 *
 * @module
 */
import type { ServerAddress } from "../client/connection.ts";
import { KvError } from "../core/errors.ts";

/** Runtimes fill in different parts of what they throw. */
interface SocketFailure {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** What a server that ends a plain connection without a word may be. */
export const MAYBE_TLS = "; where it speaks TLS, connect with tls (kvclient: --tls-ca FILE or --tls)";
/** The codes of certificates that nobody has signed whom this side trusts. */
export const UNTRUSTED: RegExp =
  /^(UNABLE_TO_(GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?|CERT_(UNTRUSTED|REJECTED|SIGNATURE_FAILURE|CHAIN_TOO_LONG)|INVALID_(CA|PURPOSE)|UNSPECIFIED)$/;
/** What a plain client hears of a server that speaks TLS. */
export const SPEAKS_TLS =
  "it speaks TLS, and this client does not; connect with tls (kvclient: --tls-ca FILE or --tls)";

/** The error of a connection that could not be made, or broke. */
export function socketError(address: ServerAddress, cause: unknown): KvError {
  const { code, message } = (cause ?? {}) as SocketFailure;
  const why = [code, message].filter((part) => typeof part === "string" && part !== "");
  // Most messages begin with the code.
  const text = why.length === 2 && String(message).includes(String(code))
    ? message
    : why.join(": ") || "no reason given";
  return new KvError("UNAVAILABLE", `${addressText(address)}: ${text}`, { cause });
}

/** Why a call of `host` failed, in few words, for whoever knows whom was called. */
export function callFailure(host: string, { code, message }: Error & { readonly code?: string }): string {
  switch (code) {
    case "ENOTFOUND":
      return `the name ${host} is not known (ENOTFOUND)`;
    case "EAI_AGAIN":
      return `the name ${host} cannot be looked up at the moment (EAI_AGAIN)`;
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is not for ${host}, by which the list of replicas knows it`;
    default:
      if (code !== undefined && UNTRUSTED.test(code)) {
        return `its certificate is of none of the authorities in --tls-ca (${code})`;
      }
      return code ?? message;
  }
}

/** `host:port`, as people write it. */
export function addressText({ host, port }: ServerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
