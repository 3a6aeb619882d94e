/**
 * The standalone server as runs use it: small sizes, so that segments, snapshots and evictions happen in a short run;
 * watched from inside; and with seams where a mutant, a deliberate bug, can be put in.
 *
 * @module
 */
import type { KvError } from "../../core/errors.ts";
import { KVStore } from "../../core/kv/kv_store.ts";
import type { Limits } from "../../core/kv/limits.ts";
import type { Completion, Replication, ReplicationStatus, StateMachine } from "../../core/replication.ts";
import { Standalone } from "../../core/standalone.ts";
import { openDurableLog } from "../../log/durable_log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Log } from "../../ports/log.ts";
import type { HostContext, HostFactory } from "../world/host.ts";
import { startAt } from "./late_start.ts";
import { type Life, type Truth, WitnessedMachine } from "./truth.ts";

/** Where a mutant can stand between the parts of a server. Each takes a part and gives what is used in its place. */
export interface ServerSeams {
  /** Below the log. */
  readonly disk?: (disk: Disk) => Disk;
  /** Around the opening of the log. */
  readonly open?: (open: () => Log, disk: Disk) => Log;
  /** Between the log and replication. */
  readonly log?: (log: Log, clock: Clock) => Log;
  /** Between replication and the store. */
  readonly machine?: (store: KVStore) => StateMachine;
}

/** Sizes of the servers of a run. */
export interface ServerSizes {
  /** A snapshot is due after so many bytes of log. */
  readonly snapshotEvery_bytes: number;
  /** A segment of the log. */
  readonly segmentBytes: number;
  /** Limits of the store, where they differ from the usual ones. */
  readonly limits: Partial<Limits>;
  /** The revision of an empty store. */
  readonly firstRevision: number;
}

/** How much of a snapshot is written a turn: little, so that a crash may find it half-written. */
const SNAPSHOT_SLICE_BYTES = 512;

/** Makes standalone servers that the truth is told about. */
export function observedStandalone(truth: Truth, sizes: ServerSizes, seams: ServerSeams = {}): HostFactory {
  return ({ id, disk, clock, random }: HostContext) => {
    const options = { segmentBytes: sizes.segmentBytes, reserveBytes: sizes.segmentBytes };
    const open = (): Log => openDurableLog({ disk: seams.disk?.(disk) ?? disk, clock, random, options });
    const opened = seams.open?.(open, disk) ?? open();
    const log = seams.log?.(opened, clock) ?? opened;
    const store = new KVStore({ limits: sizes.limits });
    if (sizes.firstRevision > 0) startAt(store, sizes.firstRevision);
    const inner = seams.machine?.(store) ?? store;
    const machine = new WitnessedMachine(inner, store, truth);
    const standalone = new Standalone({
      log,
      clock,
      stateMachine: machine,
      snapshotEvery_bytes: sizes.snapshotEvery_bytes,
      snapshotSlice_bytes: SNAPSHOT_SLICE_BYTES,
    });
    const life: Life = {
      store,
      log,
      apply: (command, time) => void inner.apply(command, time),
      appliedPosition: () => standalone.status().appliedPosition,
    };
    return { replication: new ObservedReplication(standalone, () => truth.onRecovered(id, life)), store, log };
  };
}

/** Says when a server has recovered. */
class ObservedReplication implements Replication {
  readonly #inner: Replication;
  readonly #onRecovered: () => void;

  constructor(inner: Replication, onRecovered: () => void) {
    this.#inner = inner;
    this.#onRecovered = onRecovered;
  }

  start(): Promise<void> {
    const started = this.#inner.start();
    if (this.#inner.status().state === "serving") this.#onRecovered();
    return started;
  }

  propose(command: Uint8Array, done: Completion): void {
    this.#inner.propose(command, done);
  }

  barrier(done: (error: KvError | null) => void): void {
    this.#inner.barrier(done);
  }

  submit(command: Uint8Array): Promise<Uint8Array> {
    return this.#inner.submit(command);
  }

  read(query: Uint8Array): Promise<Uint8Array> {
    return this.#inner.read(query);
  }

  status(): ReplicationStatus {
    return this.#inner.status();
  }

  onFailure(callback: (error: KvError) => void): void {
    this.#inner.onFailure(callback);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
