/**
 * A command on its way, as its coordinator sees it: what it was asked, who has answered what, and who waits for its end.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import type { Completion } from "../replication.ts";
import type { LockOwner } from "./lock_table.ts";
import type { Age, TransactionId } from "./transaction_id.ts";

/** A command on its way. */
export interface Transaction extends LockOwner {
  readonly command: Uint8Array;
  /** When it was proposed, by the monotonic clock. */
  readonly since: number;
  /** Null when its caller has been told. */
  done: Completion | null;
  phase: "queued" | "voting" | "deciding" | "going";
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
  result: Uint8Array | null;
}

/** One that is queued. It has no number before its first attempt. */
export function newTransaction(
  id: TransactionId,
  age: Age,
  command: Uint8Array,
  conflicts: readonly string[] | null,
  done: Completion | null,
  now: number,
): Transaction {
  return {
    age,
    command,
    conflicts,
    done,
    since: now,
    phase: "queued",
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
    result: null,
  };
}
