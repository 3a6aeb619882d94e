/**
 * Why a TLS connection did not come about, in words that name the server, what was wrong and what to do. Runtimes tell
 * it by codes, which are nearly the same on all of them.
 *
 * @module
 */
import type { ServerAddress } from "../../client/connection.ts";
import { KvError } from "../../core/errors.ts";
import { addressText, UNTRUSTED } from "../socket_errors.ts";

/** What a runtime says of a failure; each fills in other parts. */
interface TlsFailure {
  readonly code?: unknown;
  readonly message?: unknown;
  /** The certificate whose names do not fit. */
  readonly cert?: { readonly subjectaltname?: unknown };
}

/** What answers is no TLS. */
const NOT_TLS = /wrong.version.number|packet.length.too.long|record.layer.failure|InvalidContentType/i;
/** The server says by an alert that it wants no more of it. */
const REFUSED = /alert/i;

/**
 * The error of a failed call, when it has to do with TLS; otherwise null.
 *
 * `name` is what the server's certificate had to be for, `hasCertificate` whether this client has one to show.
 */
export function tlsError(
  address: ServerAddress,
  cause: unknown,
  { name, hasCertificate }: { readonly name: string; readonly hasCertificate: boolean },
): KvError | null {
  const why = reasonOf((cause ?? {}) as TlsFailure, name, hasCertificate);
  return why === null ? null : new KvError("TLS_FAILED", `${addressText(address)}: ${why}`, { cause });
}

function reasonOf({ code, message, cert }: TlsFailure, name: string, hasCertificate: boolean): string | null {
  const known = typeof code === "string" ? code : "";
  const text = `${known} ${typeof message === "string" ? message : ""}`;
  if (known === "CERT_HAS_EXPIRED") return "its certificate has expired; give the server another one";
  if (known === "CERT_NOT_YET_VALID") {
    return "its certificate is not valid yet; give the server another one, or set the clock of this machine";
  }
  if (UNTRUSTED.test(known)) {
    // Deno has one code for whatever is wrong with a certificate.
    const also = "Deno" in globalThis ? ", or it is not valid at this time" : "";
    return `its certificate is of no authority that is trusted here${also} (${known}); ` +
      "give the authority's certificate as tls.ca (kvclient: --tls-ca FILE)";
  }
  if (known === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = typeof cert?.subjectaltname === "string" ? cert.subjectaltname : "other names";
    return `its certificate is not for ${name}, but for ${names}; call it by one of these, ` +
      "or give the name as tls.serverName (kvclient: --tls-server-name NAME)";
  }
  if (NOT_TLS.test(text)) {
    return "it does not speak TLS; leave tls out (kvclient: --no-tls), or start it with --tls-cert and --tls-key";
  }
  if (REFUSED.test(text)) {
    return hasCertificate
      ? `it refused this client's certificate (${alertIn(text)}); give one that it trusts`
      : `it refused the TLS connection (${alertIn(text)}); where it asks for certificates of its clients, ` +
        "give tls.cert and tls.key (kvclient: --tls-cert FILE --tls-key FILE)";
  }
  return null;
}

/** The name of an alert, without what the libraries write around it. */
function alertIn(text: string): string {
  const inCode = /ALERT_([A-Z_]+)/.exec(text)?.[1];
  return inCode?.toLowerCase().replaceAll("_", " ") ?? /alert:? ([A-Za-z ]+)/.exec(text)?.[1] ?? "no reason given";
}
