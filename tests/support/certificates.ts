/**
 * Certificates for tests of TLS, made on the spot: of an authority of the test's own, for the names and the time that the
 * test wants, so that an expired one or one of somebody else is as easy to have as a good one. ECDSA over P-256 with
 * SHA-256, which every TLS 1.2 and 1.3 has.
 */

import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import * as der from "./der.ts";
import { keepSecret } from "./secrets/secrets.ts";

/** What a certificate is for: who is called, who calls, or both (a replica's). */
export type CertificateUsage = "server" | "client" | "both";

/** What to issue. */
export interface CertificateRequest {
  /** DNS names and addresses; the first is also the common name. */
  readonly names: readonly string[];
  /**
   * Not valid before.
   *
   * @default {a day ago}
   */
  readonly notBefore?: Date;
  /**
   * Not valid after.
   *
   * @default {in 365 days}
   */
  readonly notAfter?: Date;
  /**
   * What it is for.
   *
   * @default {"both"}
   */
  readonly usage?: CertificateUsage;
}

/** A certificate and its private key, both PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Somebody whom others trust to issue certificates. */
export interface CertificateAuthority {
  /** The authority's own certificate, PEM. */
  readonly certificate: string;
  /** Issues a certificate with a key of its own. */
  issue(request: CertificateRequest): IssuedCertificate;
}

const DAY_ms = 86_400_000;
const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier("1.2.840.10045.4.3.2"));
const COMMON_NAME = der.objectIdentifier("2.5.4.3");
const EXTENSION = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;
const SERVER_AUTH = der.objectIdentifier("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH = der.objectIdentifier("1.3.6.1.5.5.7.3.2");

/**
 * Makes an authority whose own certificate is valid for ten years from a year ago.
 *
 * @example
 * ```ts
 * const authority = createAuthority("kvpaxos tests");
 * const server = authority.issue({ names: ["localhost", "127.0.0.1"] });
 * const expired = authority.issue({ names: ["localhost"], notAfter: new Date(Date.now() - 1000) });
 * createServer({ cert: server.certificate, key: server.key, ca: authority.certificate });
 * ```
 */
export function createAuthority(name: string): CertificateAuthority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyIdentifier = identifierOf(publicKey);
  const own = certificate({
    issuer: name,
    subject: name,
    publicKey,
    signedBy: privateKey,
    notBefore: new Date(Date.now() - 365 * DAY_ms),
    notAfter: new Date(Date.now() + 3_650 * DAY_ms),
    extensions: [
      extension("basicConstraints", der.sequence(der.yes()), true),
      // keyCertSign and cRLSign, bits 5 and 6.
      extension("keyUsage", der.bitString(Uint8Array.of(0b0000_0110), 1), true),
      extension("subjectKeyIdentifier", der.octetString(keyIdentifier)),
    ],
  });
  return {
    certificate: own,
    issue: ({ names, notBefore, notAfter, usage = "both" }) => {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        certificate: certificate({
          issuer: name,
          subject: names[0] ?? "",
          publicKey: pair.publicKey,
          signedBy: privateKey,
          notBefore: notBefore ?? new Date(Math.min(Date.now(), notAfter?.getTime() ?? Infinity) - DAY_ms),
          notAfter: notAfter ?? new Date(Date.now() + 365 * DAY_ms),
          extensions: [
            extension("basicConstraints", der.sequence(), true),
            // digitalSignature, bit 0.
            extension("keyUsage", der.bitString(Uint8Array.of(0b1000_0000), 7), true),
            extension("extendedKeyUsage", der.sequence(...purposes(usage))),
            extension("subjectAltName", der.sequence(...names.map(generalName))),
            extension("subjectKeyIdentifier", der.octetString(identifierOf(pair.publicKey))),
            extension("authorityKeyIdentifier", der.sequence(der.tagged(0x80, keyIdentifier))),
          ],
        }),
        key: keepSecret(pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
      };
    },
  };
}

interface CertificateFields {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signedBy: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Uint8Array[];
}

/** RFC 5280, section 4.1. */
function certificate(fields: CertificateFields): string {
  const serial = randomBytes(16);
  // The highest bits as 01: positive, and never with a zero byte in front, which would not be DER.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const version3 = der.tagged(0xa0, der.integer(Uint8Array.of(2)));
  const signedPart = der.sequence(
    version3,
    der.integer(serial),
    ECDSA_WITH_SHA256,
    nameOf(fields.issuer),
    der.sequence(der.time(fields.notBefore), der.time(fields.notAfter)),
    nameOf(fields.subject),
    fields.publicKey.export({ type: "spki", format: "der" }),
    der.tagged(0xa3, der.sequence(...fields.extensions)),
  );
  const signature = sign("sha256", signedPart, fields.signedBy);
  return pem("CERTIFICATE", der.sequence(signedPart, ECDSA_WITH_SHA256, der.bitString(signature)));
}

function nameOf(commonName: string): Uint8Array {
  return der.sequence(der.setOf(der.sequence(COMMON_NAME, der.text(commonName))));
}

function extension(name: keyof typeof EXTENSION, value: Uint8Array, critical = false): Uint8Array {
  const identifier = der.objectIdentifier(EXTENSION[name]);
  return critical
    ? der.sequence(identifier, der.yes(), der.octetString(value))
    : der.sequence(identifier, der.octetString(value));
}

function purposes(usage: CertificateUsage): Uint8Array[] {
  if (usage === "both") return [SERVER_AUTH, CLIENT_AUTH];
  return [usage === "server" ? SERVER_AUTH : CLIENT_AUTH];
}

function generalName(name: string): Uint8Array {
  const family = isIP(name);
  if (family === 4) return der.tagged(0x87, Uint8Array.from(name.split("."), Number));
  if (family === 6) return der.tagged(0x87, addressOfSixteenBytes(name));
  return der.tagged(0x82, new TextEncoder().encode(name));
}

/** An IPv6 address with at most one `::` and no dotted part. */
function addressOfSixteenBytes(address: string): Uint8Array {
  const [head = "", tail] = address.split("::");
  const groups = (part: string): number[] => part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const first = groups(head);
  const last = groups(tail ?? "");
  const between = new Array<number>(8 - first.length - last.length).fill(0);
  return Uint8Array.from([...first, ...between, ...last].flatMap((group) => [group >> 8, group & 0xff]));
}

function identifierOf(publicKey: KeyObject): Uint8Array {
  return createHash("sha1").update(publicKey.export({ type: "spki", format: "der" })).digest();
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/gu) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
