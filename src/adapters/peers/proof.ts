/**
 * How replicas show each other that they know the cluster's secret without sending it: each side draws a nonce, and both
 * are mixed with who calls whom in which cluster into an HMAC-SHA-256 under the secret. What was overheard is of no use
 * again: the other side's nonce is another each time, and a proof of the caller is none of the called.
 *
 * A listener can try secrets one by one against what was overheard, so that a secret must be long and random.
 *
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { textToBytes, toHex } from "../../codec/bytes.ts";
import { encodeHello, type Hello } from "./hello.ts";

/** Bytes of a nonce, and of a proof. */
export const PROOF_BYTES = 32;
/** No shorter secret is taken. Characters. */
export const MIN_SECRET_CHARACTERS = 16;

/** What a proof is for: the caller's, the called's, or the key of a session of requests. */
export type ProofKind = "caller" | "called" | "session";

/** The proof that whoever made it knows the secret, and was asked by `challenge` (the called's nonce) now. */
export function proofOf(secret: string, kind: ProofKind, hello: Hello, challenge: Uint8Array): Uint8Array {
  const said = encodeHello(hello);
  return createHmac("sha256", textToBytes(secret))
    .update(`kvpaxos replica 2\n${kind}\n${said.length}\n`)
    .update(said)
    .update(challenge)
    .digest();
}

/** The proof that goes with one request, or one answer, of a session, in hexadecimal digits. */
export function macOf(key: Uint8Array, kind: "request" | "answer", sequence: number, digest: string): string {
  return toHex(createHmac("sha256", key).update(`${kind}\n${sequence}\n${digest}`).digest());
}

/** SHA-256 of a body, in hexadecimal digits. */
export function digestOf(body: Uint8Array): string {
  return toHex(createHash("sha256").update(body).digest());
}

/** Whether a proof is the one that was to come, in a time that says nothing about where it differs. */
export function isProof(given: Uint8Array, expected: Uint8Array): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** {@link isProof} for hexadecimal digits. */
export function isMac(given: string, expected: string): boolean {
  return isProof(textToBytes(given), textToBytes(expected));
}
