/**
 * What a replica is made of.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Random } from "../../ports/random.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import { checkReplica } from "../replica_count.ts";
import type { Role, StateMachine } from "../replication.ts";
import { DEFAULT_SNAPSHOT_OPTIONS, type SnapshotOptions } from "../snapshotter.ts";

/** How long things may take, in milliseconds. */
export interface PaxosTimes {
  /** How often a leader gives a sign of life. @default 100 */
  readonly heartbeat_ms: number;
  /** A leader that was silent for so long, and up to twice as long, is replaced. @default 500 */
  readonly election_ms: number;
  /** A command or read fails as `UNAVAILABLE` when nobody could take it for so long. @default 3000 */
  readonly patience_ms: number;
  /** A command that was sent to a leader has an unknown outcome after so long. @default 5000 */
  readonly outcome_ms: number;
  /** What was not answered for so long is asked again. @default 300 */
  readonly retry_ms: number;
  /** A gap in what was chosen is asked for when it has lasted so long. @default 50 */
  readonly grace_ms: number;
}

/** The times unless others are given. */
export const DEFAULT_PAXOS_TIMES: PaxosTimes = {
  heartbeat_ms: 100,
  election_ms: 500,
  patience_ms: 3000,
  outcome_ms: 5000,
  retry_ms: 300,
  grace_ms: 50,
};

/** What a {@link Paxos} is made of. */
export interface PaxosOptions extends Partial<SnapshotOptions> {
  /** Which replica this is, counted from 0. */
  readonly id: ReplicaId;
  /** How many replicas there are: 1 to 31, and best an odd number. */
  readonly replicas: number;
  /** The way to the other replicas; closed by {@link Paxos.close}. */
  readonly transport: Transport;
  /** Where promises become durable; closed by {@link Paxos.close}. */
  readonly log: Log;
  /** Stamps commands, and tells when something is overdue. */
  readonly clock: Clock;
  /** Keeps replicas from trying to lead all at once. */
  readonly random: Random;
  /** What the commands are applied to; the same on every replica at first. */
  readonly stateMachine: StateMachine;
  /** How long things may take. */
  readonly times?: Partial<PaxosTimes>;
  /**
   * Lets a leader to whom a majority has promised to elect nobody else for a while confirm reads without asking it. Rests
   * on clocks, see `lease.ts`. The same on all replicas, and so is `times.election_ms`. @default false
   */
  readonly leaseReads?: boolean;
  /** A batch is closed, and another begun, once it has this many bytes. @default 1048576 */
  readonly maxBatch_bytes?: number;
  /** Commands are refused while this many bytes of them wait. @default 268435456 */
  readonly maxPending_bytes?: number;
  /** How many bytes of values are kept in memory for replicas that are a little behind. @default 33554432 */
  readonly cache_bytes?: number;
  /** Told of every slot's value when it is applied, for whoever checks that all replicas agree. The bytes stay as they are. */
  readonly onChosen?: (slot: number, value: Uint8Array) => void;
  /** How many bytes of values a replica that lags is sent at once. @default 262144 */
  readonly catchUp_bytes?: number;
}

/** Options with nothing left out. */
export type ResolvedPaxosOptions = Omit<Required<PaxosOptions>, "times" | "onChosen"> & {
  readonly times: PaxosTimes;
  readonly onChosen: ((slot: number, value: Uint8Array) => void) | undefined;
};

const MIB = 1024 * 1024;

/**
 * Fills in what is left out.
 *
 * @throws {RangeError} when there can be no such replica
 */
export function resolvePaxosOptions(options: PaxosOptions): ResolvedPaxosOptions {
  checkReplica(options.id, options.replicas);
  const { snapshotEvery_bytes, snapshotSlice_bytes } = DEFAULT_SNAPSHOT_OPTIONS;
  return {
    ...options,
    times: { ...DEFAULT_PAXOS_TIMES, ...options.times },
    leaseReads: options.leaseReads ?? false,
    maxBatch_bytes: options.maxBatch_bytes ?? MIB,
    maxPending_bytes: options.maxPending_bytes ?? 256 * MIB,
    cache_bytes: options.cache_bytes ?? 32 * MIB,
    catchUp_bytes: options.catchUp_bytes ?? MIB / 4,
    snapshotEvery_bytes: options.snapshotEvery_bytes ?? snapshotEvery_bytes,
    snapshotSlice_bytes: options.snapshotSlice_bytes ?? snapshotSlice_bytes,
    onChosen: options.onChosen,
  };
}

/** Something that happened to a replica, for logs and people. */
export type PaxosEvent =
  /** Another replica leads, or none. */
  | { readonly type: "leader"; readonly leader: ReplicaId | null; readonly ballot: string }
  /** A role has crashed or was started again. */
  | { readonly type: "role"; readonly role: Role; readonly isUp: boolean }
  /** Another replica can be reached, or not any more. */
  | { readonly type: "peer"; readonly peer: ReplicaId; readonly isConnected: boolean }
  /** This replica votes now. */
  | { readonly type: "member" }
  /** This replica does not vote, because `by` remembers another log of it. */
  | { readonly type: "refused"; readonly by: ReplicaId }
  /** The snapshot of another replica has replaced the state. */
  | { readonly type: "installed"; readonly slot: number };
