/**
 * A session: what makes a write happen exactly once however often it is sent. Each write has a sequence number
 * of its own; the server keeps its result until the client says, with a later write, that it has it.
 *
 * Invariants: a session has one incarnation all its life, and a session that the server has forgotten is never opened
 * again, so that all copies of a write are of the same incarnation; `acknowledged` is the lowest sequence that a caller
 * still waits for, so the server never forgets a result that may still be asked for; and sequences run at most
 * {@link SESSION_WINDOW} ahead of it, so the server never has to refuse one for too many results.
 *
 * @module
 */
import { type Key, keyFromBytes } from "../codec/bytes.ts";
import type { Random } from "../ports/random.ts";

/** How far sequences run ahead of the lowest one without a result: half of what servers keep by default. */
export const SESSION_WINDOW = 512;

/** How many random bytes name a session. */
const SESSION_ID_BYTES = 16;

/** The sequences of one session. */
export class Session {
  /** 16 random bytes. */
  readonly id: Key;
  /** Whether the server knows it: not yet asked, asked, yes, or no more. */
  state: "new" | "opening" | "open" | "lost" = "new";
  #incarnation = 0;
  #next = 1;
  #lowest = 1;
  /** Sequences above the lowest whose result is there (or no longer wanted). */
  #finished = new Set<number>();

  constructor(random: Random) {
    this.id = keyFromBytes(random.bytes(SESSION_ID_BYTES));
  }

  /** What the server gave when it opened the session. */
  get incarnation(): number {
    if (this.#incarnation === 0) throw new Error("the session was not opened yet");
    return this.#incarnation;
  }

  /** The server has opened it, or shown that it is there. */
  opened(incarnation: number): void {
    if (this.state !== "opening") throw new Error(`a session that is ${this.state} was opened`);
    this.state = "open";
    this.#incarnation = incarnation;
  }

  /** The lowest sequence without a result: what the client acknowledges is everything below. */
  get acknowledged(): number {
    return this.#lowest;
  }

  /** Whether another sequence may be taken now. */
  get hasRoom(): boolean {
    return this.#next - this.#lowest < SESSION_WINDOW;
  }

  /** The next sequence. */
  take(): number {
    if (!this.hasRoom) throw new Error(`more than ${SESSION_WINDOW} sequences without a result`);
    return this.#next++;
  }

  /** The result of `sequence` is there, or nobody waits for it any more. */
  finish(sequence: number): void {
    if (sequence < this.#lowest) return;
    this.#finished.add(sequence);
    while (this.#finished.delete(this.#lowest)) this.#lowest++;
  }
}
