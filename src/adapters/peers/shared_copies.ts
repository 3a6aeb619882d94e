/**
 * Copies of large bodies. A leader sends the same value to every peer, one after the other, and each queue keeps what it
 * is given until it has left: one copy for all of them spares the memory, and the time to fill it.
 *
 * Invariant: nobody writes to a copy, and a copy has the bytes that the body had at the time.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Copies what is sent. */
export class SharedCopies {
  #last: Uint8Array | null = null;

  /** A copy of `body`: the latest one if it has the same bytes. */
  copyOf(body: Uint8Array): Uint8Array {
    const last = this.#last;
    if (last !== null && last.length === body.length && Buffer.compare(last, body) === 0) return last;
    const copy = new Uint8Array(body.length);
    copy.set(body);
    this.#last = copy;
    return copy;
  }

  /** Holds nothing any more. */
  forget(): void {
    this.#last = null;
  }
}
