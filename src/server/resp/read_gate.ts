/**
 * One read barrier per turn for all the reads that a connection received in it.
 *
 * Where the barrier calls back at once, reads go straight to the store, without an allocation. Where it does
 * not, they wait; they are released in the order in which they came, so that a later read never shows an older
 * state than an earlier one. A client that has said that stale reads will do (READONLY) waits for no barrier.
 *
 * @module
 */
import type { KvError } from "../../core/errors.ts";
import type { Replication } from "../../core/replication.ts";

/** Runs when the barrier has called back: what is then read in the same turn is linearizable. */
type Waiting = (error: KvError | null) => void;

interface Batch {
  released: boolean;
  drained: boolean;
  error: KvError | null;
  readonly waiting: Waiting[];
}

/** The barriers of one connection. */
export class ReadGate {
  readonly #replication: Replication;
  readonly #mayBeStale: () => boolean;
  #open = false;
  /** This turn's barrier, unless it called back at once. */
  #batch: Batch | null = null;
  /** Barriers that have not been drained, oldest first. */
  #queue: Batch[] = [];

  /** `mayBeStale` says whether reads need no barrier at the moment. */
  constructor(replication: Replication, mayBeStale: () => boolean = () => false) {
    this.#replication = replication;
    this.#mayBeStale = mayBeStale;
  }

  /** Whether the store may be read right now; otherwise {@link wait}. */
  straight(): boolean {
    // Not remembered: the next command of this turn may be READWRITE.
    if (this.#open || this.#mayBeStale()) return true;
    if (this.#batch !== null) return false;
    const batch: Batch = { released: false, drained: false, error: null, waiting: [] };
    this.#batch = batch;
    this.#queue.push(batch);
    this.#replication.barrier((error) => {
      batch.released = true;
      batch.error = error;
      this.#drain();
    });
    if (batch.drained && batch.error === null) {
      this.#batch = null;
      this.#open = true;
    }
    return this.#open;
  }

  /** Runs `read` when this turn's barrier has called back, possibly at once. Only after {@link straight} said no. */
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
