/**
 * Replication over a KVStore without a log, for tests of what stands above it: proposals are applied in order,
 * each batch as soon as, or as late as, a test wants.
 *
 * @module
 */
import type { KvError } from "../../src/core/errors.ts";
import type { KVStore } from "../../src/core/kv/kv_store.ts";
import type { Completion, Replication, ReplicationStatus } from "../../src/core/replication.ts";

/** When a proposal is applied, or a barrier calls back: `run` must be called once, in a later turn. */
export type Schedule = (run: () => void) => void;

/** How an {@link ImmediateReplication} behaves. */
export interface ImmediateOptions {
  /** When proposals are applied. Order is kept whatever it does. @default the next microtask */
  readonly schedule?: Schedule;
  /** When barriers call back. @default at once */
  readonly scheduleBarrier?: Schedule;
  /** The log time of each command. @default a fixed time */
  readonly now?: () => number;
}

/** Replication on one machine, in memory. */
export class ImmediateReplication implements Replication {
  readonly store: KVStore;
  /** Set to make every proposal and barrier fail with it. */
  failure: KvError | null = null;
  proposals = 0;
  readonly #schedule: Schedule;
  readonly #scheduleBarrier: Schedule | null;
  readonly #now: () => number;
  #queue: { readonly command: Uint8Array; readonly done: Completion; due: boolean }[] = [];
  #applied = 0;

  constructor(store: KVStore, options: ImmediateOptions = {}) {
    this.store = store;
    this.#schedule = options.schedule ?? queueMicrotask;
    this.#scheduleBarrier = options.scheduleBarrier ?? null;
    this.#now = options.now ?? (() => 1_700_000_000_000);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  propose(command: Uint8Array, done: Completion): void {
    this.proposals++;
    const entry = { command: command.slice(), done, due: false };
    this.#queue.push(entry);
    this.#schedule(() => {
      entry.due = true;
      this.#applyDue();
    });
  }

  #applyDue(): void {
    while (this.#queue[0]?.due) {
      const { command, done } = this.#queue.shift()!;
      if (this.failure !== null) {
        done(this.failure, new Uint8Array(0));
        continue;
      }
      this.#applied++;
      done(null, this.store.apply(command, this.#now()));
    }
  }

  barrier(done: (error: KvError | null) => void): void {
    if (this.#scheduleBarrier === null) done(this.failure);
    else this.#scheduleBarrier(() => done(this.failure));
  }

  submit(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.propose(command, (error, result) => error === null ? resolve(result) : reject(error));
    });
  }

  read(query: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.barrier((error) => error === null ? resolve(this.store.query(query)) : reject(error));
    });
  }

  status(): ReplicationStatus {
    return {
      protocol: "none",
      state: this.failure === null ? "serving" : "failed",
      reason: this.failure?.message ?? null,
      applied: this.#applied,
      pending: this.#queue.length,
      appliedPosition: this.#applied,
      snapshots: 0,
      snapshotFailure: null,
      cluster: null,
    };
  }

  onFailure(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
