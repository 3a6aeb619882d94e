/**
 * The certificate, key and authorities of a server, as texts: looked at as a whole before anything uses them, because the
 * runtimes find out late, or not at all, that they do not fit together.
 *
 * @module
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { certificatesIn, checkPair, OPTION_NAMES, privateKeyIn, type TlsNames, unusable } from "./pem.ts";

/** What a server shows to whom it talks to, and whom it believes. Texts of PEM files. */
export interface ServerTlsTexts {
  /** The certificate, with those between it and its authority after it. */
  readonly cert: string;
  /** The private key of the certificate, not encrypted. */
  readonly key: string;
  /**
   * The authorities that issued the certificates of the replicas, and those of clients where they need one.
   *
   * @default null: nobody's certificate is looked at
   */
  readonly ca?: string | null;
}

/** How a server speaks TLS. */
export interface ServerTlsOptions extends ServerTlsTexts {
  /** Whether clients need a certificate of {@link ServerTlsTexts.ca}, too. Replicas always do. @default false */
  readonly clientAuth?: boolean;
}

/** What was found in the texts. */
export interface ServerCertificate {
  /** When the first of the certificates that are shown expires, in milliseconds since the Unix epoch. */
  readonly expiresAt_ms: number;
  /** Who it is, as text. */
  readonly subject: string;
}

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/**
 * Looks at texts. `replicaHost` is the name or address by which the other replicas know the server; null for a server
 * without others.
 *
 * @throws {KvError} `INVALID_ARGUMENT` naming the text that cannot be used and the remedy
 */
export function checkServerTexts(
  { cert, key, ca = null }: ServerTlsTexts,
  replicaHost: string | null,
  now_ms: number,
  names: TlsNames = OPTION_NAMES,
): ServerCertificate {
  const chain = certificatesIn(cert, names.cert);
  const own = chain[0]!;
  checkPair(own, privateKeyIn(key, names.key), names);
  for (const each of chain) checkTimes(each, names.cert, now_ms);
  if (ca === null) {
    if (replicaHost !== null) {
      throw unusable(`replicas that speak TLS know each other by the authority that is ${names.ca}; give it`);
    }
  } else {
    checkAuthorities(ca, chain, replicaHost !== null, names, now_ms);
  }
  if (replicaHost !== null) checkReplica(own, replicaHost, names.cert);
  return { expiresAt_ms: Math.min(...chain.map(expiryOf)), subject: oneLine(own.subject) };
}

function checkAuthorities(
  ca: string,
  chain: readonly X509Certificate[],
  isReplica: boolean,
  names: TlsNames,
  now_ms: number,
): void {
  const authorities = certificatesIn(ca, names.ca);
  // While one authority takes over from another both are there, and the old one may have expired.
  const living = authorities.filter((authority) => expiryOf(authority) > now_ms);
  if (living.length === 0) checkTimes(authorities[0]!, names.ca, now_ms);
  if (isReplica && !chain.some((each) => living.some((authority) => isIssuedBy(each, authority)))) {
    throw unusable(
      `${names.cert} is of none of the authorities in ${names.ca}, so that the other replicas would refuse it; ` +
        "have it issued by one of them",
    );
  }
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.fingerprint256 === authority.fingerprint256 ||
    (certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
}

function checkReplica(own: X509Certificate, host: string, name: string): void {
  if (!isFor(own, host)) {
    throw unusable(
      `${name} is not for ${host}, which is what the replicas call this one; it is for ${
        namesOf(own)
      }: have one issued ` +
        "for the names in the list of replicas",
    );
  }
  // Deno has the other uses of a key here, which have names and no numbers.
  const uses = (own.keyUsage as readonly string[] | undefined)?.filter((use) => /^[\d.]+$/.test(use)) ?? [];
  if (uses.length > 0 && !(uses.includes(CLIENT_AUTH) && uses.includes(SERVER_AUTH))) {
    throw unusable(
      `${name} is not for both ends of a connection, and a replica calls others and is called; have one issued with ` +
        "extendedKeyUsage = serverAuth, clientAuth",
    );
  }
}

/** Whether a certificate is for a name or an address. */
export function isFor(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

/** The names of a certificate, as text. */
export function namesOf(certificate: X509Certificate): string {
  return oneLine(certificate.subjectAltName ?? certificate.subject);
}

function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ", ").slice(0, 500);
}

function checkTimes(certificate: X509Certificate, name: string, now_ms: number): void {
  const expires_ms = expiryOf(certificate);
  if (expires_ms <= now_ms) {
    throw unusable(`${name} expired on ${dateText(expires_ms)}; have another one issued, or set the clock`);
  }
  const begins_ms = Date.parse(certificate.validFrom);
  if (begins_ms > now_ms) {
    throw unusable(`${name} is not valid before ${dateText(begins_ms)}; have another one issued, or set the clock`);
  }
}

function expiryOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

function dateText(time_ms: number): string {
  return new Date(time_ms).toISOString().replace(/\.\d+Z$/, "Z");
}
