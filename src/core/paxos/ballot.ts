/**
 * Ballots: who proposes, and when in relation to others. A ballot is a round and the replica that began it, ordered
 * by round and then by replica, so that no two replicas ever use the same one ("Paxos Made Simple", section 2.2: a
 * proposal number that is never reused).
 *
 * A ballot is one number, `round × 256 + replica`, so that comparing ballots is comparing numbers. It stays within
 * the 53 bits of a safe integer and never goes through 32-bit operators.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";

/** A round and a replica in one number; larger is later. */
export type Ballot = number;

/** Below every ballot that is used: nothing promised, nothing accepted. */
export const NO_BALLOT: Ballot = 0;

/** Above every ballot that is used: stands with a value that is known to be chosen, whatever ballot chose it. */
export const CHOSEN_BALLOT: Ballot = Number.MAX_SAFE_INTEGER;

/** How many replicas a ballot can tell apart. */
export const MAX_BALLOT_REPLICAS = 256;

const MAX_ROUND = 2 ** 44;

/** The ballot of a replica in a round. Rounds count from 1. */
export function makeBallot(round: number, replica: ReplicaId): Ballot {
  if (!Number.isSafeInteger(round) || round < 1 || round > MAX_ROUND) {
    throw new RangeError(`a round is a whole number from 1 to ${MAX_ROUND}, not ${round}`);
  }
  return round * MAX_BALLOT_REPLICAS + replica;
}

/** The round of a ballot; 0 for {@link NO_BALLOT}. */
export function roundOf(ballot: Ballot): number {
  return Math.floor(ballot / MAX_BALLOT_REPLICAS);
}

/** The replica that began a ballot. */
export function replicaOf(ballot: Ballot): ReplicaId {
  return ballot % MAX_BALLOT_REPLICAS;
}

/** A ballot for people: the round, a dot, and the replica counted from 1. */
export function formatBallot(ballot: Ballot): string {
  if (ballot === NO_BALLOT) return "none";
  if (ballot === CHOSEN_BALLOT) return "chosen";
  return `${roundOf(ballot)}.${replicaOf(ballot) + 1}`;
}
