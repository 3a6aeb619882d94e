/**
 * What a replica says when it cannot serve: which replica or transaction is in the way, and what to do. Replicas are
 * counted from 1 for people.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { KvError } from "../errors.ts";
import type { Prepared } from "./participant.ts";
import { formatId } from "./transaction_id.ts";

/** Replicas as people count them, such as `replicas 2, 3`. */
export function nameReplicas(replicas: readonly ReplicaId[]): string {
  const names = replicas.map((replica) => replica + 1).join(", ");
  return replicas.length === 1 ? `replica ${names}` : `replicas ${names}`;
}

/** What is said to a command that surely did not happen. */
export function unavailable(reason: string): KvError {
  return new KvError("UNAVAILABLE", `${reason}: nothing was changed; try again`);
}

/** What is said to a command for which there is no room. */
export function fullError(waiting_bytes: number, most_bytes: number): KvError {
  return new KvError(
    "UNAVAILABLE",
    `${waiting_bytes} bytes of commands wait to be committed; the limit is ${most_bytes}: try again later`,
  );
}

/** Why a replica serves nothing whose log is another than `by` remembers. */
export function refusedReason(by: ReplicaId): string {
  return `the log of this replica is not the one that ${
    nameReplicas([by])
  } remembers: it may have forgotten votes and ` +
    "decisions, and serves nothing; bring its data directory back";
}

/** Why a replica that is new does not serve yet. */
export function newReason(unmet: readonly ReplicaId[]): string {
  return `this replica is new and has not met all of the others; it waits for ${nameReplicas(unmet)}`;
}

/** Why no write goes through while others run on logs that are not theirs. */
export function strangerReason(strangers: readonly ReplicaId[]): string {
  return `${nameReplicas(strangers)} came with another log than the one that this replica remembers, and may have ` +
    "forgotten votes and decisions; bring the data directory back, because writes need every replica";
}

/** Why no write goes through while others cannot be reached. */
export function missingReason(missing: readonly ReplicaId[]): string {
  return `${nameReplicas(missing)} cannot be reached, and writes need every replica`;
}

/** What is said to a read that has waited for too long. `undecided` is what `blocker` waits for, if it is committed. */
export function blockedError(blocker: Prepared, undecided: Prepared | undefined): KvError {
  const open = blocker.timestamp === 0 ? blocker : undecided ?? blocker;
  const outcome = `the outcome of transaction ${formatId(open.id)}, which replica ${open.id.coordinator + 1} decides`;
  const text = open === blocker
    ? `the read waits for ${outcome}`
    : `the read waits for transaction ${formatId(blocker.id)}, which is committed after ${outcome}`;
  return new KvError("UNAVAILABLE", `${text}: try again when that replica can be reached`);
}
