/**
 * Who calls, by the certificate that it has shown. Data, which can go from one thread to another.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { EMPTY } from "../../codec/bytes.ts";

/** The certificate of who calls. */
export interface CallerCertificate {
  /** Why it is not to be believed, such as its code; null for one of the authorities, at its time. */
  readonly trouble: string | null;
  /** The certificate in DER; empty when it is not to be believed. */
  readonly der: Uint8Array;
}

/** The certificate of who is at the other end of a socket, once the handshake is over. */
export function callerCertificate(socket: TLSSocket): CallerCertificate {
  const shown = socket.getPeerX509Certificate();
  // A session that is taken up again without a certificate passes for authorized where TLS 1.3 is spoken.
  if (shown === undefined) return { trouble: "it showed no certificate", der: EMPTY };
  if (!socket.authorized) return { trouble: troubleText(socket.authorizationError, shown.validTo), der: EMPTY };
  return { trouble: null, der: shown.raw };
}

function troubleText(error: unknown, validTo: string): string {
  const code = typeof error === "string" ? error : (error as { readonly code?: unknown } | null)?.code;
  // Not every runtime says so.
  if (Date.parse(validTo) < Date.now()) return "its certificate has expired";
  switch (code) {
    case "CERT_NOT_YET_VALID":
      return "its certificate is not valid yet";
    case "INVALID_PURPOSE":
      return "its certificate is not for callers";
    default:
      return `its certificate is of no authority that is trusted here (${String(code)})`;
  }
}
