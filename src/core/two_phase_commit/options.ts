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
import type { StateMachine } from "../replication.ts";
import { DEFAULT_SNAPSHOT_OPTIONS, type SnapshotOptions } from "../snapshotter.ts";

/** How long things may take, in milliseconds. */
export interface TwoPhaseTimes {
  /** A replica that says nothing of a transaction for so long is missing, and the transaction is aborted. @default 1000 */
  readonly prepare_ms: number;
  /** A transaction that has not got all its locks, and a read that waits, fail as `UNAVAILABLE` after so long. @default 3000 */
  readonly patience_ms: number;
  /** A command that was decided on, and not applied and acknowledged everywhere, has an unknown outcome after so long. @default 5000 */
  readonly outcome_ms: number;
  /** What was not answered for so long is said or asked again, and less and less often after the decision. @default 100 */
  readonly retry_ms: number;
  /** An operator hears of a transaction that is in doubt for so long. @default 2000 */
  readonly doubt_ms: number;
}

/** The times unless others are given. */
export const DEFAULT_TWO_PHASE_TIMES: TwoPhaseTimes = {
  prepare_ms: 1000,
  patience_ms: 3000,
  outcome_ms: 5000,
  retry_ms: 100,
  doubt_ms: 2000,
};

/** What a {@link TwoPhaseCommit} is made of. */
export interface TwoPhaseCommitOptions extends Partial<SnapshotOptions> {
  /** Which replica this is, counted from 0. */
  readonly id: ReplicaId;
  /** How many replicas there are: 1 to 31. */
  readonly replicas: number;
  /** The way to the other replicas; closed by {@link TwoPhaseCommit.close}. */
  readonly transport: Transport;
  /** Where promises become durable; closed by {@link TwoPhaseCommit.close}. */
  readonly log: Log;
  /** Stamps commands, and tells when something is overdue. */
  readonly clock: Clock;
  /** Spreads what is said again, so that replicas do not do it all at once. */
  readonly random: Random;
  /** What the commands are applied to; the same on every replica at first. */
  readonly stateMachine: StateMachine;
  /** How long things may take. */
  readonly times?: Partial<TwoPhaseTimes>;
  /** Commands are refused while this many bytes of them wait. @default 268435456 */
  readonly maxPending_bytes?: number;
}

/** Options with nothing left out. */
export type ResolvedTwoPhaseOptions = Omit<Required<TwoPhaseCommitOptions>, "times"> & {
  readonly times: TwoPhaseTimes;
};

/** Something that happened to a replica, for logs and people. */
export type TwoPhaseEvent =
  /** Another replica can be reached by the transport, or not any more. */
  | { readonly type: "peer"; readonly peer: ReplicaId; readonly isConnected: boolean }
  /** Another replica does not answer, so that no write can go through, or answers again. */
  | { readonly type: "missing"; readonly replica: ReplicaId; readonly isMissing: boolean }
  /** This replica votes now. */
  | { readonly type: "member" }
  /** This replica does not vote and serves nothing, because `by` remembers another log of it. */
  | { readonly type: "refused"; readonly by: ReplicaId }
  /** Another replica came with another log than the one remembered: no write can go through. Or it is the old one again. */
  | { readonly type: "stranger"; readonly replica: ReplicaId; readonly isStranger: boolean }
  /** The outcome of a transaction is not known for so long. Its keys, null for all, are locked. */
  | {
    readonly type: "inDoubt";
    readonly transaction: string;
    readonly coordinator: ReplicaId;
    readonly age_ms: number;
    readonly keys: readonly string[] | null;
  }
  /** The outcome of such a transaction is known. */
  | {
    readonly type: "resolved";
    readonly transaction: string;
    readonly isCommitted: boolean;
    readonly age_ms: number;
  };

/**
 * Fills in what is left out.
 *
 * @throws {RangeError} when there can be no such replica
 */
export function resolveTwoPhaseOptions(options: TwoPhaseCommitOptions): ResolvedTwoPhaseOptions {
  checkReplica(options.id, options.replicas);
  const { snapshotEvery_bytes, snapshotSlice_bytes } = DEFAULT_SNAPSHOT_OPTIONS;
  return {
    ...options,
    times: { ...DEFAULT_TWO_PHASE_TIMES, ...options.times },
    maxPending_bytes: options.maxPending_bytes ?? 256 * 1024 * 1024,
    snapshotEvery_bytes: options.snapshotEvery_bytes ?? snapshotEvery_bytes,
    snapshotSlice_bytes: options.snapshotSlice_bytes ?? snapshotSlice_bytes,
  };
}
