/**
 * Reads that wait for transactions whose keys they read.
 *
 * A read waits for what this replica has voted for by the time the read comes and has not applied or aborted, as far as it
 * is about the read's keys. That is enough. A write that was acknowledged, or that somebody has read, was decided; so this
 * replica had voted for it before, durably, and it is applied here or waited for. Transactions are applied whole and in
 * one order everywhere, so what the read finds is the state after some of them, with all on its keys that it had to see;
 * those that are missing do not touch these keys, and the read may stand after them as well. So histories are
 * linearizable per key and per transaction, and a read of one key need not wait for the outcome of another.
 *
 * What is read of a key that expires depends on the log time, and that is moved by commands on any key: such a read waits
 * for all of them.
 *
 * @module
 */
import type { LockOwner } from "./lock_table.ts";

/** What reads wait for. */
export interface Obstacle extends LockOwner {
  /** Counts obstacles in the order in which they came. */
  readonly number: number;
}

/** A read is told null when it may go on, or what is still in its way when that took too long. */
export type Release<Entry> = (obstacle: Entry | null) => void;

interface Barrier<Entry> {
  /** Null for all. */
  keys: readonly string[] | null;
  /** The number of the last obstacle when the read came. */
  readonly last: number;
  readonly since: number;
  readonly done: Release<Entry>;
}

/** The obstacles, and the reads before them. */
export class ReadBarriers<Entry extends Obstacle> {
  readonly #isTimed: (keys: readonly string[]) => boolean;
  /** In the order of their numbers, as the sets below. */
  readonly #all = new Set<Entry>();
  /** Those that concern every key. */
  readonly #whole = new Set<Entry>();
  readonly #byKey = new Map<string, Set<Entry>>();
  /** Each waits for one obstacle at a time, the oldest of a key. */
  readonly #waiting = new Map<Barrier<Entry>, Entry>();
  readonly #before = new Map<Entry, Barrier<Entry>[]>();
  #released: Barrier<Entry>[] = [];
  #last = 0;

  /** `isTimed` says whether what is read of keys depends on the log time. */
  constructor(isTimed: (keys: readonly string[]) => boolean) {
    this.#isTimed = isTimed;
  }

  /** How many reads wait. */
  get size(): number {
    return this.#waiting.size + this.#released.length;
  }

  /** Something is in the way of reads of its keys from now on. */
  add(entry: Entry): void {
    this.#last = entry.number;
    this.#all.add(entry);
    if (entry.conflicts === null) this.#whole.add(entry);
    for (const key of entry.conflicts ?? []) {
      const entries = this.#byKey.get(key);
      if (entries === undefined) this.#byKey.set(key, new Set([entry]));
      else entries.add(entry);
    }
  }

  /** It is not in the way any more; {@link release} lets go of those that waited. */
  remove(entry: Entry): void {
    if (!this.#all.delete(entry)) return;
    this.#whole.delete(entry);
    for (const key of entry.conflicts ?? []) {
      const entries = this.#byKey.get(key);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byKey.delete(key);
    }
    const barriers = this.#before.get(entry) ?? [];
    this.#before.delete(entry);
    for (const barrier of barriers) {
      if (this.#waiting.delete(barrier) && !this.#wait(barrier)) this.#released.push(barrier);
    }
  }

  /** Calls `done` when nothing is in the way, possibly at once. */
  read(keys: readonly string[] | null, now: number, done: Release<Entry>): void {
    const barrier: Barrier<Entry> = { keys, last: this.#last, since: now, done };
    if (!this.#wait(barrier)) done(null);
  }

  #wait(barrier: Barrier<Entry>): boolean {
    let obstacle = this.#obstacleOf(barrier);
    if (obstacle === null && barrier.keys !== null && this.#all.size > 0 && this.#isTimed(barrier.keys)) {
      barrier.keys = null;
      obstacle = this.#obstacleOf(barrier);
    }
    if (obstacle === null) return false;
    this.#waiting.set(barrier, obstacle);
    const others = this.#before.get(obstacle);
    if (others === undefined) this.#before.set(obstacle, [barrier]);
    else others.push(barrier);
    return true;
  }

  #obstacleOf({ keys, last }: Barrier<Entry>): Entry | null {
    if (keys === null) return firstUpTo(last, this.#all);
    for (const key of keys) {
      const obstacle = firstUpTo(last, this.#byKey.get(key));
      if (obstacle !== null) return obstacle;
    }
    return firstUpTo(last, this.#whole);
  }

  /** Lets those go on that have nothing in their way any more. */
  release(): void {
    const released = this.#released;
    if (released.length === 0) return;
    this.#released = [];
    for (const { done } of released) done(null);
  }

  /** Gives up on reads that have waited for `patience_ms`; which may be below 0 for all. */
  expire(now: number, patience_ms: number): void {
    for (const [barrier, obstacle] of this.#waiting) {
      if (now - barrier.since < patience_ms) continue;
      this.#waiting.delete(barrier);
      barrier.done(obstacle);
    }
  }
}

/** The first of entries in the order of their numbers, if it is not younger than `last`. */
function firstUpTo<Entry extends Obstacle>(last: number, entries: Iterable<Entry> | undefined): Entry | null {
  for (const entry of entries ?? []) return entry.number <= last ? entry : null;
  return null;
}
