/**
 * Commands on their way, as their coordinator sees them: what was asked, who has answered what, and who waits for the end.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import type { Completion } from "../replication.ts";
import { encodeGroup } from "./group.ts";
import type { LockOwner } from "./lock_table.ts";
import type { Age, TransactionId } from "./transaction_id.ts";

/** A command, and who waits for its result. */
export interface Call extends LockOwner {
  readonly command: Uint8Array;
  /** When it was proposed, by the monotonic clock. */
  readonly since: number;
  /** Null when its caller has been told. */
  done: Completion | null;
}

/** Commands that are committed together. */
export interface Transaction {
  /** Empty for one of an earlier life, whose callers are gone. */
  readonly calls: readonly Call[];
  /** Their bytes: see `group.ts`. */
  readonly commands: Uint8Array;
  /** Of the oldest command. */
  readonly age: Age;
  /** When the oldest command was proposed, by the monotonic clock. */
  readonly since: number;
  phase: "voting" | "deciding" | "going";
  /** Of the present attempt. */
  id: TransactionId;
  time: number;
  /** The proposals of those that have voted. */
  votes: Map<ReplicaId, number>;
  /** When the present attempt began. */
  attemptAt: number;
  /** When each participant was last heard of the transaction, or else asked for the first time. */
  heardAt: number[];
  resendAt: number;
  /** How often the decision was sent without an acknowledgement of everybody. */
  resends: number;
  timestamp: number;
  /** Where the decision is in the log. */
  position: number;
  readonly acknowledged: Set<ReplicaId>;
  /** One for each command; null before it is applied here. */
  results: readonly Uint8Array[] | null;
}

/** One that has not begun: its id has no meaning before its first attempt. `calls` has the oldest first. */
export function newTransaction(calls: readonly Call[], id: TransactionId, now: number): Transaction {
  const [oldest] = calls;
  return {
    calls,
    commands: encodeGroup(calls.map(({ command }) => command)),
    age: oldest?.age ?? { time: 0, replica: id.coordinator },
    since: oldest?.since ?? now,
    phase: "voting",
    id,
    time: 0,
    votes: new Map(),
    attemptAt: 0,
    heardAt: [],
    resendAt: 0,
    resends: 0,
    timestamp: 0,
    position: 0,
    acknowledged: new Set(),
    results: null,
  };
}
