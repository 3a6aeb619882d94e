/**
 * Servers as runs use them: small sizes, so that segments, snapshots and evictions happen in a short run;
 * watched from inside; and with seams where a mutant, a deliberate bug, can be put in.
 *
 * @module
 */
import type { KvError } from "../../core/errors.ts";
import { KVStore } from "../../core/kv/kv_store.ts";
import type { Limits } from "../../core/kv/limits.ts";
import type { Completion, Replication, ReplicationStatus, StateMachine } from "../../core/replication.ts";
import { openDurableLog } from "../../log/durable_log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import { type Host, type HostContext, type HostFactory, type HostRoles, withDescriptions } from "../world/host.ts";
import { startAt } from "./late_start.ts";
import type { Protocol } from "./protocols.ts";
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
  /** Between replication and the network. */
  readonly transport?: (transport: Transport, id: ReplicaId) => Transport;
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
  /** How much of what was chosen lately a replica keeps in memory. */
  readonly cache_bytes: number;
  /** How much a replica that lags is sent at once. */
  readonly catchUp_bytes: number;
  /** Whether leaders of Multi-Paxos answer reads within a lease. @default false */
  readonly leaseReads?: boolean;
}

/** How much of a snapshot is written a turn: little, so that a crash may find it half-written. */
const SNAPSHOT_SLICE_BYTES = 512;

/** Makes servers of a protocol that the truth is told about. */
export function observedHost(
  protocol: Protocol,
  truth: Truth,
  sizes: ServerSizes,
  seams: ServerSeams = {},
): HostFactory {
  const make = (context: HostContext): Host => {
    const { id, disk, clock, random } = context;
    const options = { segmentBytes: sizes.segmentBytes, reserveBytes: sizes.segmentBytes };
    const open = (): Log => openDurableLog({ disk: seams.disk?.(disk) ?? disk, clock, random, options });
    const opened = seams.open?.(open, disk) ?? open();
    truth.onOpened(id, opened);
    const log = seams.log?.(opened, clock) ?? opened;
    const store = new KVStore({ limits: sizes.limits });
    if (sizes.firstRevision > 0) startAt(store, sizes.firstRevision);
    const inner = seams.machine?.(store) ?? store;
    const machine = new WitnessedMachine(inner, store, truth, { checksSnapshots: !protocol.isOwnLogComplete });
    const { replication, roles, observe } = protocol.make({
      ...context,
      transport: seams.transport?.(context.transport, id) ?? context.transport,
      log,
      stateMachine: machine,
      snapshotEvery_bytes: sizes.snapshotEvery_bytes,
      snapshotSlice_bytes: SNAPSHOT_SLICE_BYTES,
      cache_bytes: sizes.cache_bytes,
      catchUp_bytes: sizes.catchUp_bytes,
      leaseReads: sizes.leaseReads ?? false,
    });
    const life: Life = {
      store,
      log,
      apply: (command, time) => void inner.apply(command, time),
      appliedPosition: () => replication.status().appliedPosition,
    };
    return {
      replication: protocol.isOwnLogComplete
        ? new ObservedReplication(replication, () => truth.onRecovered(id, life))
        : replication,
      store,
      log,
      ...(roles === undefined ? {} : { roles: forgiving(roles, machine) }),
      ...(observe === undefined ? {} : { observe }),
    };
  };
  return withDescriptions(make, protocol.describe);
}

/** Roles whose crash lets the state go back: it is volatile, and what comes after it begins with less. */
function forgiving(roles: HostRoles, machine: WitnessedMachine): HostRoles {
  return {
    names: roles.names,
    crash: (role) => {
      machine.mayGoBack();
      roles.crash(role);
    },
    restart: (role) => {
      machine.mayGoBack();
      roles.restart(role);
    },
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
