/**
 * Quorums as pure functions. Any two majorities of the same replicas have one in common: that one carries what was
 * chosen from one ballot to the next.
 *
 * Votes are kept as a set of bits, so that a replica that votes twice counts once.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";

/** Which replicas have voted: bit `i` for replica `i`. */
export type Votes = number;

/** Nobody has voted. */
export const NO_VOTES: Votes = 0;

/** How many of `replicas` are a majority. */
export function majorityOf(replicas: number): number {
  return Math.floor(replicas / 2) + 1;
}

/** The votes with that of `replica` among them. */
export function withVote(votes: Votes, replica: ReplicaId): Votes {
  return votes | (1 << replica);
}

/** Whether `replica` has voted. */
export function hasVote(votes: Votes, replica: ReplicaId): boolean {
  return (votes & (1 << replica)) !== 0;
}

/** How many have voted. */
export function countVotes(votes: Votes): number {
  let count = 0;
  for (let rest = votes; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Whether a majority of `replicas` has voted. */
export function hasMajority(votes: Votes, replicas: number): boolean {
  return countVotes(votes) >= majorityOf(replicas);
}

/**
 * How many of the *other* replicas must have noted the identity of a new one before it may vote: so many that, should
 * it come back without its log, any as many others include one that remembers.
 */
export function witnessesOf(replicas: number): number {
  return replicas === 1 ? 0 : majorityOf(replicas - 1);
}
