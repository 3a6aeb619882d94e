/**
 * Certificates and private keys in the text of PEM files, for servers and clients alike. What cannot be used is refused
 * under the name that it has where it comes from, such as a file's.
 *
 * @module
 */
import type { KeyObject, X509Certificate } from "node:crypto";
import { KvError } from "../../core/errors.ts";
import { runtimeModule } from "../runtime_modules.ts";

/** What the texts are called where they come from, such as the names of files. */
export type TlsNames = Readonly<Record<"ca" | "cert" | "key", string>>;

/** What they are called as options of the library. */
export const OPTION_NAMES: TlsNames = { ca: "tls.ca", cert: "tls.cert", key: "tls.key" };

/** The certificates of a text, at least one. Throws {@link unusable} when there is none, or one that cannot be read. */
export function certificatesIn(text: string, name: string): X509Certificate[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (found.length === 0) {
    throw unusable(`there is no certificate in ${name}; a PEM file with -----BEGIN CERTIFICATE----- is needed`);
  }
  return found.map((each) => {
    try {
      return new (runtimeModule("node:crypto").X509Certificate)(each);
    } catch (cause) {
      throw unusable(`a certificate in ${name} cannot be read; give a PEM file that is whole`, cause);
    }
  });
}

/** The private key of a text. Throws {@link unusable} when there is none, or one that is encrypted or cannot be read. */
export function privateKeyIn(text: string, name: string): KeyObject {
  if (/-----BEGIN ENCRYPTED |^Proc-Type: .*ENCRYPTED/m.test(text)) {
    throw unusable(
      `the private key in ${name} is encrypted, and nobody is there to give the password; ` +
        "decrypt it: openssl pkey -in FILE -out FILE",
    );
  }
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw unusable(`there is no private key in ${name}; a PEM file with -----BEGIN PRIVATE KEY----- is needed`);
  }
  try {
    return runtimeModule("node:crypto").createPrivateKey(text);
  } catch (cause) {
    throw unusable(`a private key in ${name} cannot be read; give a PEM file that is whole`, cause);
  }
}

/** Refuses a key that is not that of the certificate. */
export function checkPair(certificate: X509Certificate, key: KeyObject, names: TlsNames): void {
  if (certificate.checkPrivateKey(key)) return;
  throw unusable(
    `the private key in ${names.key} is not that of the certificate in ${names.cert}; give the two that belong together`,
  );
}

/** The error of texts that cannot be used. */
export function unusable(message: string, cause?: unknown): KvError {
  return new KvError("INVALID_ARGUMENT", message, cause === undefined ? undefined : { cause });
}
