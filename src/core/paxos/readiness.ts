/**
 * What a replica tells people about itself: its figures, and why it cannot serve when it cannot.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import type { ClusterStatus } from "../replication.ts";
import { formatBallot } from "./ballot.ts";
import type { PaxosNode } from "./node.ts";

/** Why a replica that runs cannot serve at the moment, or null when it can. Replicas are counted from 1 for people. */
export function unreadyReason(node: PaxosNode, leader: ReplicaId | null): string | null {
  const { refusedBy, mayVote, unmet } = node.membership;
  if (refusedBy !== null) {
    return `the log of this replica is not the one that replica ${refusedBy + 1} remembers: it may have forgotten ` +
      "promises and does not vote; bring its data directory back, or give its place to a new replica";
  }
  if (!mayVote) {
    const names = unmet.map((replica) => replica + 1).join(", ");
    return `this replica is new and has not met enough of the others; it waits for replicas ${names}`;
  }
  if (leader === null) return "no leader: a majority of the replicas cannot be reached";
  if (node.roles.learner === null) return "the learner of this replica has crashed and is not back yet";
  if (node.isFarBehind) return `this replica was away: it is ${node.catchUp.lag} slots behind and catches up`;
  return null;
}

/** A replica's figures. */
export function clusterStatus(
  node: PaxosNode,
  { id, replicas }: { readonly id: ReplicaId; readonly replicas: number },
  leader: ReplicaId | null,
  unready: string | null,
): ClusterStatus {
  const { learner, proposer } = node.roles;
  const appliedSlot = learner?.applied ?? 0;
  return {
    id,
    replicas,
    role: proposer?.isLeading === true ? "leader" : leader === null ? "candidate" : "follower",
    ballot: formatBallot(node.election.leaderBallot),
    leader,
    chosenSlot: learner?.chosen ?? 0,
    appliedSlot,
    lag: (learner?.told ?? 0) - appliedSlot,
    unready,
    mayVote: node.membership.mayVote,
    roles: node.roles.status,
    snapshotsInstalled: node.catchUp.snapshots,
  };
}
