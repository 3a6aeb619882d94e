/**
 * What a replica says when it cannot serve, and what it says of the transactions that keep it from serving. Replicas are
 * counted from 1 for people.
 *
 * @module
 */
import { KvError } from "../errors.ts";
import type { InDoubtTransaction, ReplicationState } from "../replication.ts";
import type { Prepared } from "./participant.ts";
import { formatId } from "./transaction_id.ts";

/** What is said to a request that comes when the replica does not serve: nothing was changed. */
export function refusalOf(state: ReplicationState, reason: string | null): KvError {
  if (state === "failed") return new KvError("STORAGE_FAILED", `this replica stopped taking requests: ${reason}`);
  if (state === "starting") return new KvError("UNAVAILABLE", "the replica is still starting: try again soon");
  return new KvError("UNAVAILABLE", "the replica is stopping: try another one, or again later");
}

/** What is said to a command for which there is no room. */
export function fullError(waiting_bytes: number, most_bytes: number): KvError {
  return new KvError(
    "UNAVAILABLE",
    `${waiting_bytes} bytes of commands wait to be committed; the limit is ${most_bytes}: try again later`,
  );
}

/** What is said to a read that has waited for too long. */
export function blockedError(inDoubt: readonly Prepared[]): KvError {
  const names = inDoubt.map(({ id }) => formatId(id)).join(", ") || "being committed";
  return new KvError(
    "UNAVAILABLE",
    `the read waits for the outcome of transactions (${names}), each named by its coordinator, life and number: try ` +
      "again when the coordinator is back",
  );
}

/** Transactions in doubt as the status tells of them. `now` is by the monotonic clock. */
export function describeInDoubt(inDoubt: readonly Prepared[], now: number): InDoubtTransaction[] {
  return inDoubt.map(({ id, since, conflicts }) => ({
    transaction: formatId(id),
    coordinator: id.coordinator,
    age_ms: now - since,
    keys: conflicts,
  }));
}
