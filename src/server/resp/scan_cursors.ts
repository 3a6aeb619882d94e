/**
 * The cursors of SCAN. Clients treat a cursor as an unsigned 64-bit number, and the place where a scan stopped
 * is a key, which is longer than that: so the server gives out random numbers and remembers their keys.
 *
 * The invariant: at most {@link MAX_SCAN_CURSORS} are remembered, the newest ones; a number is never 0, which
 * means the beginning and the end.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import type { Random } from "../../ports/random.ts";

/** How many cursors a server remembers. */
export const MAX_SCAN_CURSORS = 10_000;

/** From the numbers that SCAN gives out to the last key that it looked at. */
export class ScanCursors {
  readonly #random: Random;
  readonly #capacity: number;
  /** In the order in which they were given out, as a Map iterates. */
  readonly #keys: Map<number, Key> = new Map();

  constructor(random: Random, capacity: number = MAX_SCAN_CURSORS) {
    this.#random = random;
    this.#capacity = capacity;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#keys.size;
  }

  /** A number for a scan that looked at everything up to and including `key`: 1 to 2^53 − 1. */
  issue(key: Key): number {
    let cursor = 0;
    while (cursor === 0 || this.#keys.has(cursor)) {
      cursor = Math.floor(this.#random.next() * Number.MAX_SAFE_INTEGER);
    }
    if (this.#keys.size >= this.#capacity) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(cursor, key);
    return cursor;
  }

  /** The key of a number that was given out, or undefined when it never was or is forgotten. A number may be used again. */
  find(cursor: bigint): Key | undefined {
    return cursor > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : this.#keys.get(Number(cursor));
  }
}
