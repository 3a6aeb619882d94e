/**
 * One read barrier per turn for all the reads that a connection received in it; under a protocol that locks keys one for
 * each read, because a read of a key that is not locked need not wait for one that is.
 *
 * Where the barrier calls back at once, reads go straight to the store, without an allocation. Where it does
 * not, they wait; they are released in the order in which they came, so that a later read never shows an older
 * state than an earlier one. A client that has said that stale reads will do (READONLY) waits for no barrier.
 *
 * @module
 */
import { keyFromBytes } from "../../codec/bytes.ts";
import type { KvError } from "../../core/errors.ts";
import type { Replication } from "../../core/replication.ts";

/** Runs when the barrier has called back: what is then read in the same turn is linearizable. */
type Waiting = (error: KvError | null) => void;

/** The keys of a read; null for all there are. */
type Keys = readonly string[] | null;

interface Batch {
  /** Of the reads in it; null where the protocol does not ask. */
  readonly keys: Keys;
  released: boolean;
  drained: boolean;
  error: KvError | null;
  readonly waiting: Waiting[];
}

/** The barriers of one connection. */
export class ReadGate {
  readonly #replication: Replication;
  readonly #mayBeStale: () => boolean;
  /** Whether each read has to say its keys. */
  readonly #locksKeys: boolean;
  #open = false;
  /** The latest barrier of this turn, unless it called back at once. */
  #batch: Batch | null = null;
  /** Barriers that have not been drained, oldest first. */
  #queue: Batch[] = [];

  /** `mayBeStale` says whether reads need no barrier at the moment. */
  constructor(replication: Replication, mayBeStale: () => boolean = () => false) {
    this.#replication = replication;
    this.#locksKeys = replication.locksKeys === true;
    this.#mayBeStale = mayBeStale;
  }

  /** Whether the store may be read right now; otherwise {@link wait}. `keys` are what it reads, null for all. */
  straight(keys: Keys = null): boolean {
    // Not remembered: the next command of this turn may be READWRITE.
    if (this.#open || this.#mayBeStale()) return true;
    if (this.#batch !== null && (!this.#locksKeys || isSame(this.#batch.keys, keys))) return false;
    const batch: Batch = { keys, released: false, drained: false, error: null, waiting: [] };
    this.#batch = batch;
    this.#queue.push(batch);
    this.#replication.barrier((error) => {
      batch.released = true;
      batch.error = error;
      this.#drain();
    }, keys);
    if (!batch.drained || batch.error !== null) return false;
    this.#batch = null;
    // What one read found says nothing of other keys.
    this.#open = !this.#locksKeys;
    return true;
  }

  /** {@link straight} for the one key that is in `source` from `start` to `end`. */
  straightFor(source: Uint8Array, start: number, end: number): boolean {
    return this.straight(this.#locksKeys ? [keyFromBytes(source, start, end)] : null);
  }

  /** Runs `read` when the barrier that {@link straight} has just said no for has called back, possibly at once. */
  wait(read: Waiting): void {
    const batch = this.#batch;
    if (batch === null) throw new Error("a read waits for a barrier that was not asked for");
    if (batch.drained) read(batch.error);
    else batch.waiting.push(read);
  }

  /** The next read needs a barrier of its own. */
  endTurn(): void {
    this.#open = false;
    this.#batch = null;
  }

  #drain(): void {
    for (let batch = this.#queue[0]; batch?.released; batch = this.#queue[0]) {
      this.#queue.shift();
      batch.drained = true;
      for (const read of batch.waiting) read(batch.error);
    }
  }
}

function isSame(a: Keys, b: Keys): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((key, at) => key === b[at]);
}
