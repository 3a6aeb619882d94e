/**
 * Who may send requests to a replica that has a secret: the called gives a nonce to whoever asks, and a request whose
 * proof fits one opens a session, whose requests each carry a proof of their own.
 *
 * Invariants: a nonce opens one session, once; of one peer there is one session; a proof is for one sequence number and
 * one body, so that what was overheard is refused, or is a repetition that is not heard again.
 *
 * @module
 */
import { toHex } from "../../codec/bytes.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import type { Hello } from "./hello.ts";
import { CHALLENGE_HEADER, DIGEST_HEADER, MAC_HEADER } from "./http_hello.ts";
import { isMac, macOf, PROOF_BYTES, proofOf } from "./proof.ts";
import type { PeerRegistry } from "./registry.ts";

/** Nonces that were given out and not used; the oldest are forgotten. */
const MAX_PENDING = 1000;

/** What becomes of a request. */
export type Entry =
  | { readonly kind: "open" }
  /** Its body must have this digest; the answer has this MAC. */
  | { readonly kind: "proved"; readonly digest: string; readonly answerMac: string }
  | { readonly kind: "challenge"; readonly challenge: string }
  | { readonly kind: "refused" };

/** The sessions of one door. */
export class HttpSessions {
  readonly #registry: PeerRegistry;
  readonly #pending = new Set<string>();
  /** The nonces of the sessions that are open. */
  readonly #sessions = new Map<ReplicaId, string>();

  constructor(registry: PeerRegistry) {
    this.#registry = registry;
  }

  /** Looks at the proof of a request, before its body is read. */
  enter(hello: Hello, sequence: number, headers: Headers): Entry {
    const { secret } = this.#registry.settings;
    if (secret === null) return { kind: "open" };
    const challenge = headers.get(CHALLENGE_HEADER) ?? "";
    const isPresent = this.#sessions.get(hello.from) === challenge;
    if (!isPresent && !this.#pending.delete(challenge)) return { kind: "challenge", challenge: this.#draw() };
    // From all that the request says of its sender, each time: whoever changes a word of that has another key.
    const key = proofOf(secret, "session", hello, bytesOf(challenge));
    const digest = headers.get(DIGEST_HEADER) ?? "";
    if (!isMac(headers.get(MAC_HEADER) ?? "", macOf(key, "request", sequence, digest))) return { kind: "refused" };
    if (!isPresent) this.#sessions.set(hello.from, challenge);
    return { kind: "proved", digest, answerMac: macOf(key, "answer", sequence, "204") };
  }

  #draw(): string {
    const challenge = toHex(this.#registry.settings.random.bytes(PROOF_BYTES));
    if (this.#pending.size >= MAX_PENDING) this.#pending.delete(this.#pending.keys().next().value!);
    this.#pending.add(challenge);
    return challenge;
  }
}

/** The bytes of hexadecimal digits. */
export function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
