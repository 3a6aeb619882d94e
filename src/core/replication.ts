/**
 * The two interfaces around a replication protocol: the deterministic machine below it, and the face it shows
 * to front doors above. Commands, queries and results are opaque bytes here.
 *
 * @module
 */
import type { ReplicaId } from "../ports/transport.ts";
import type { KvError } from "./errors.ts";

/**
 * The state of a machine at one moment, in slices, while the machine goes on. Taking slices must see the state
 * as it was when the source was made.
 */
export interface SnapshotSource {
  /** The next slice, of about `size` bytes, or null after the last. */
  next(size: number): Uint8Array | null;
  /**
   * About how much of the state the slices so far hold, from 0 to 1. With it a large snapshot is written no faster than it
   * has to be; without, as fast as the disk takes it.
   */
  readonly progress?: () => number;
  /** Lets go of what is held for the snapshot. Called once, also half-way. */
  close(): void;
}

/** Takes the slices of a snapshot; the machine changes only when `finish` has verified the whole. */
export interface SnapshotSink {
  /** Takes the next slice. The bytes may be reused after the call. */
  write(slice: Uint8Array): void;
  /** Verifies the whole and replaces the machine's state by it. Throws, and changes nothing, if it is not whole. */
  finish(): void;
}

/**
 * A deterministic machine: the same commands with the same times in the same order give the same state and the
 * same results on every replica. It reads no clock and draws no random number.
 */
export interface StateMachine {
  /**
   * Executes a command and returns its result. Never throws for what a client can send: bytes that make no
   * sense give a result that says so. `time` is the wall time in milliseconds of the replica that proposed the
   * command; it may go back between proposers. The result is fresh memory.
   */
  apply(command: Uint8Array, time: number): Uint8Array;

  /**
   * {@link apply} for the command `source[start, end)`, called in its place where it is there: commands come many in one
   * piece of memory, and what a replica applies need not be cut out of it first. `source` changes after the call: copy what
   * is to be kept. When `isAwaited` is false nobody looks at the result, which may be empty whatever it would be;
   * everything else is as with `true`. Whoever puts something around a machine, or into its `apply`, does so with both.
   *
   * @example
   * ```ts
   * class Sum {
   *   #sum = 0;
   *
   *   apply(command: Uint8Array, time: number): Uint8Array {
   *     return this.applyFrom(command, 0, command.length, time, true);
   *   }
   *
   *   applyFrom(source: Uint8Array, start: number, end: number, _time: number, isAwaited: boolean): Uint8Array {
   *     for (let at = start; at < end; at++) this.#sum = (this.#sum + source[at]!) % 256;
   *     return isAwaited ? Uint8Array.of(this.#sum) : new Uint8Array(0);
   *   }
   * }
   *
   * console.assert(new Sum().applyFrom(Uint8Array.of(9, 1, 2, 9), 1, 3, 0, true)[0] === 3);
   * ```
   */
  applyFrom?(source: Uint8Array, start: number, end: number, time: number, isAwaited: boolean): Uint8Array;

  /** Answers a query from the present state and changes nothing. */
  query(query: Uint8Array): Uint8Array;

  /** Starts a snapshot of the present state. At most one is open at a time. */
  snapshot(): SnapshotSource;

  /** Starts to replace the state by a snapshot. */
  restore(): SnapshotSink;

  /**
   * What was stored is about to be restored and applied (`true`), or has been, and requests are served from now on
   * (`false`). Nobody is served in between, so work that is cheaper done at once may be put off until the end.
   */
  recovering?(isOn: boolean): void;

  /**
   * The time from which {@link dueCommand} has something to do, or null for never. The protocol proposes that
   * command soon after, so that what is due happens in the log and never by a replica's own clock.
   */
  nextDue?(): number | null;

  /** The command to propose when something is due. */
  dueCommand?(): Uint8Array;

  /**
   * The keys that a command reads or writes, each once, or null for all there are: commands with a key in common are not
   * prepared at the same time by a protocol that locks. A machine without this method has one lock for everything.
   */
  conflicts?(command: Uint8Array): readonly string[] | null;

  /** The keys that a query reads, or null for all there are. Without this method a query reads everything. */
  queryConflicts?(query: Uint8Array): readonly string[] | null;

  /**
   * Whether what is read of these keys depends on the times that came with commands on other keys, as that of keys that
   * expire does. Without this method nothing does.
   */
  isTimed?(keys: readonly string[]): boolean;
}

/**
 * How a proposal ended: with the result of the command, or with an error that says whether it surely did not
 * take effect ({@link KvError.retryable}) or may have (`OUTCOME_UNKNOWN`).
 */
export type Completion = (error: KvError | null, result: Uint8Array) => void;

/** Whether a replica can serve, and why not. */
export type ReplicationState = "starting" | "serving" | "failed" | "closed";

/** A part of a replica that can fail alone. */
export const ROLES = ["acceptor", "proposer", "learner"] as const;

/** The name of a role. */
export type Role = typeof ROLES[number];

/** Figures of one role. */
export interface RoleStatus {
  /** Whether it works now. */
  readonly isUp: boolean;
  /** How often it has crashed since the process started. */
  readonly crashes: number;
  /** How often it was started again. */
  readonly restarts: number;
}

/** Figures of one replica of several. */
export interface ClusterStatus {
  /** Which replica this is, counted from 0. */
  readonly id: ReplicaId;
  /** How many there are. */
  readonly replicas: number;
  /** What it is at the moment. */
  readonly role: "leader" | "follower" | "candidate";
  /** The ballot of the leader that it follows (or is), as text: a round, a dot, and a replica counted from 1. */
  readonly ballot: string;
  /** The leader, as far as this replica knows; null for none. */
  readonly leader: ReplicaId | null;
  /** The slot up to which it knows every chosen value. */
  readonly chosenSlot: number;
  /** The slot up to which it has applied. */
  readonly appliedSlot: number;
  /** How many slots are known to be chosen and not yet applied here. */
  readonly lag: number;
  /** Why it cannot serve at the moment, or null when it can. */
  readonly unready: string | null;
  /** Whether it votes. */
  readonly mayVote: boolean;
  /** Its roles. */
  readonly roles: Readonly<Record<Role, RoleStatus>>;
  /** Snapshots of other replicas that have replaced its state since the process started. */
  readonly snapshotsInstalled: number;
}

/** A transaction that a replica has voted for and whose outcome it does not know. */
export interface InDoubtTransaction {
  /** Its coordinator (counted from 1), that one's life, and a number, with dots between them. */
  readonly transaction: string;
  /** Who decides, counted from 0. */
  readonly coordinator: ReplicaId;
  /** How long this replica has known of it, in milliseconds. */
  readonly age_ms: number;
  /** The keys that it holds locked; null for all. */
  readonly keys: readonly string[] | null;
}

/** A transaction that waits for locks before its replica votes for it. */
export interface WaitingTransaction {
  /** As in {@link InDoubtTransaction}. */
  readonly transaction: string;
  /** Who decides, counted from 0. */
  readonly coordinator: ReplicaId;
  /** How long this replica has known of it, in milliseconds. */
  readonly age_ms: number;
  /** The keys that it wants; null for all. */
  readonly keys: readonly string[] | null;
  /** The transactions that hold what it wants. */
  readonly waitsFor: readonly string[];
}

/** Figures of one replica under two-phase commit. */
export interface TwoPhaseStatus {
  /** Which replica this is, counted from 0. */
  readonly id: ReplicaId;
  /** How many there are. */
  readonly replicas: number;
  /** Why it cannot serve writes at the moment, or null when it can. */
  readonly unready: string | null;
  /** Whether it votes: not before the others know its log, nor when they remember another. */
  readonly mayVote: boolean;
  /** The replicas that have not been heard of lately. */
  readonly missing: readonly ReplicaId[];
  /** How many transactions it coordinates that are not over. */
  readonly coordinating: number;
  /** The transactions whose outcome it waits for. */
  readonly inDoubt: readonly InDoubtTransaction[];
  /** The transactions that wait for locks. */
  readonly waiting: readonly WaitingTransaction[];
}

/** Figures for status pages and metrics. */
export interface ReplicationStatus {
  /** Which protocol replicates. */
  readonly protocol: "none" | "2pc" | "paxos";
  /** Whether it serves. */
  readonly state: ReplicationState;
  /** Why the replica does not serve, when it does not. */
  readonly reason: string | null;
  /** Commands that were applied since the process started. */
  readonly applied: number;
  /** Commands that wait for their outcome. */
  readonly pending: number;
  /** The log position up to which the machine has applied. */
  readonly appliedPosition: number;
  /** Snapshots written since the process started. */
  readonly snapshots: number;
  /** Why the latest snapshot failed, or null. */
  readonly snapshotFailure: string | null;
  /** Figures of this replica among the others; null for a server without replicas. */
  readonly cluster: ClusterStatus | null;
  /** Figures of this replica under two-phase commit; absent under every other protocol. */
  readonly twoPhase?: TwoPhaseStatus;
}

/**
 * A replication protocol, as front doors see it. The callback forms are the primitives, because a front door
 * answers many commands a turn; the promise forms are for people.
 */
export interface Replication {
  /**
   * Whether {@link barrier} goes by the keys that it is given: then each read asks for a barrier of its own with its keys;
   * else one does for all that is read in a turn.
   * @default false
   */
  readonly locksKeys?: boolean;

  /** Recovers what is stored and begins to serve. Rejects with the reason when it cannot. */
  start(): Promise<void>;

  /**
   * Proposes a command: it is copied, replicated, made durable, applied, and then `done` is called, in the
   * turn in which it was applied and before the next command is. Commands proposed one after the other by one
   * caller are applied in that order. `done` is called exactly once, never before `propose` returns.
   */
  propose(command: Uint8Array, done: Completion): void;

  /**
   * Calls `done` once the machine reflects every write that was acknowledged anywhere before this call: what is
   * then read from it in the same turn is linearizable. May call back before it returns. `keys` are those that will be
   * read, as in {@link StateMachine.conflicts}: a protocol that locks waits for nothing else; null or absent for all.
   */
  barrier(done: (error: KvError | null) => void, keys?: readonly string[] | null): void;

  /** {@link propose} as a promise. */
  submit(command: Uint8Array): Promise<Uint8Array>;

  /** {@link barrier}, then the machine's answer to `query`. */
  read(query: Uint8Array): Promise<Uint8Array>;

  /** Figures for status pages and metrics. */
  status(): ReplicationStatus;

  /** Called once if the replica stops serving because of a failure, such as its disk's. */
  onFailure(callback: (error: KvError) => void): void;

  /** Takes no more commands, finishes those that were accepted, makes everything durable and stops. */
  close(): Promise<void>;
}
