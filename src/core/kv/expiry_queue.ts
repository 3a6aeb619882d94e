/**
 * Which key is due next. A binary min-heap of (time, key) with lazy deletion: a key whose expiry changes leaves
 * its old item behind, which is dropped when it comes to the top. The heap is rebuilt when such items outnumber
 * the live ones, so its memory stays proportional to the keys that expire.
 *
 * The order is total (ties by key), so that replicas that built their heaps differently remove the same keys.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";

/** The heap is not rebuilt below this size. */
const REBUILD_FLOOR = 64;

/** Keys by the time at which they are due. */
export class ExpiryQueue {
  #times: number[] = [];
  #keys: Key[] = [];
  /** How many keys have an expiry now: the items that are not stale. */
  #live = 0;
  readonly #expiryOf: (key: Key) => number;

  /** `expiryOf` gives a key's present expiry, 0 for none: an item with another time is stale. */
  constructor(expiryOf: (key: Key) => number) {
    this.#expiryOf = expiryOf;
  }

  /** How many items the heap holds, stale ones included. */
  get length(): number {
    return this.#times.length;
  }

  /** Notes that the expiry of `key` is now `after` and was `before`; 0 stands for none. Called after the change. */
  change(key: Key, before: number, after: number): void {
    if (before === after) return;
    if (before !== 0) this.#live--;
    if (after !== 0) {
      this.#live++;
      this.#push(after, key);
    }
    if (this.#times.length > REBUILD_FLOOR && this.#times.length > 2 * this.#live) this.#rebuild();
  }

  /** Forgets everything. */
  clear(): void {
    this.#times = [];
    this.#keys = [];
    this.#live = 0;
  }

  /** When the first key is due, or null when none has an expiry. */
  nextTime(): number | null {
    this.#dropStale();
    return this.#times[0] ?? null;
  }

  /** The first key, if it is due at `time`, or null. It stays first until its expiry changes. */
  nextKey(time: number): Key | null {
    this.#dropStale();
    const first = this.#times[0];
    return first !== undefined && first <= time ? this.#keys[0]! : null;
  }

  #dropStale(): void {
    while (this.#times.length > 0 && this.#expiryOf(this.#keys[0]!) !== this.#times[0]) this.#pop();
  }

  #rebuild(): void {
    const times = this.#times;
    const keys = this.#keys;
    this.#times = [];
    this.#keys = [];
    const seen = new Set<Key>();
    for (let i = 0; i < times.length; i++) {
      const key = keys[i]!;
      if (seen.has(key) || this.#expiryOf(key) !== times[i]) continue;
      seen.add(key);
      this.#push(times[i]!, key);
    }
  }

  #before(time: number, key: Key, at: number): boolean {
    const other = this.#times[at]!;
    return time < other || (time === other && key < this.#keys[at]!);
  }

  #push(time: number, key: Key): void {
    const times = this.#times;
    const keys = this.#keys;
    let at = times.length;
    times.push(time);
    keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(time, key, parent)) break;
      times[at] = times[parent]!;
      keys[at] = keys[parent]!;
      at = parent;
    }
    times[at] = time;
    keys[at] = key;
  }

  #pop(): void {
    const times = this.#times;
    const keys = this.#keys;
    const time = times.pop()!;
    const key = keys.pop()!;
    const length = times.length;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#before(times[child + 1]!, keys[child + 1]!, child)) child++;
      if (this.#before(time, key, child)) break;
      times[at] = times[child]!;
      keys[at] = keys[child]!;
      at = child;
    }
    times[at] = time;
    keys[at] = key;
  }
}
