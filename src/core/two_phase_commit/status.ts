/**
 * What a replica tells people about the transactions on it: what is in doubt, and who waits for whom.
 *
 * @module
 */
import type { InDoubtTransaction, TwoPhaseStatus } from "../replication.ts";
import type { ReplicaLife } from "../replica_life.ts";
import type { TwoPhaseNode } from "./node.ts";
import type { Prepared } from "./participant.ts";
import { formatId } from "./transaction_id.ts";

/** A transaction in words. `now` is by the monotonic clock. */
export function describeTransaction({ id, since, conflicts }: Prepared, now: number): InDoubtTransaction {
  return { transaction: formatId(id), coordinator: id.coordinator, age_ms: now - since, keys: conflicts };
}

/** A replica's figures. */
export function twoPhaseStatus(node: TwoPhaseNode, life: ReplicaLife, now: number): TwoPhaseStatus {
  const { id, replicas, membership, peers, coordinator, participant } = node;
  return {
    id,
    replicas,
    unready: life.isServing ? node.hindrance?.reason ?? null : life.reason ?? `the replica is ${life.state}`,
    mayVote: membership.mayVote,
    missing: peers.missing,
    coordinating: coordinator.coordinating,
    inDoubt: participant.inDoubt.map((entry) => describeTransaction(entry, now)),
    waiting: participant.waiting.map(([entry, inWay]) => ({
      ...describeTransaction(entry, now),
      waitsFor: inWay.map((other) => formatId(other.id)),
    })),
  };
}
