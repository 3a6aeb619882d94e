/**
 * Who is at the other end of a replica's connection, on the way from the thread that holds the socket to the owner, which
 * judges it.
 *
 * @module
 */
import type { CallerCertificate } from "../../adapters/tls/caller_certificate.ts";
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { bytesToText, textToBytes } from "../../codec/bytes.ts";

/** Without TLS there is none; with it there is one to be believed, or a reason not to. */
const NONE = 0;
const BELIEVED = 1;
const DOUBTED = 2;

/** Writes a certificate, or that there is none. */
export function writeCertificate(writer: ByteWriter, certificate: CallerCertificate | undefined): void {
  if (certificate === undefined) {
    writer.u8(NONE);
  } else if (certificate.trouble === null) {
    writer.u8(BELIEVED);
    writer.blob(certificate.der);
  } else {
    writer.u8(DOUBTED);
    writer.blob(textToBytes(certificate.trouble));
  }
}

/** Reads what {@link writeCertificate} wrote. */
export function readCertificate(reader: ByteReader): CallerCertificate | undefined {
  const kind = reader.u8();
  if (kind === NONE) return undefined;
  const blob = reader.blob();
  return kind === BELIEVED
    ? { trouble: null, der: blob.slice() }
    : { trouble: bytesToText(blob), der: blob.slice(0, 0) };
}
