/**
 * The metrics of a replica: nothing for a server that is alone.
 *
 * @module
 */
import { type ClusterStatus, ROLES, type RoleStatus, type TwoPhaseStatus } from "../../core/replication.ts";
import type { PeerStatus } from "../../ports/transport.ts";
import type { ClusterFigures, Figures } from "../status_page.ts";
import { oldestInDoubt_ms } from "../two_phase_page.ts";
import type { Exposition, Labels } from "./exposition.ts";
import type { PaxosMetrics } from "./server_metrics.ts";

/** Writes them. */
export function writeReplicaMetrics(
  out: Exposition,
  { replication, cluster: network }: Figures,
  paxos: PaxosMetrics,
): void {
  const { cluster, twoPhase } = replication;
  const place = cluster ?? twoPhase;
  if (place === undefined) return;
  out.gauge("replica", "The number of this replica, counted from 0.", place.id);
  out.gauge("replicas", "How many replicas there are.", place.replicas);
  out.gauge("may_vote", "1 when this replica votes.", place.mayVote ? 1 : 0);
  if (cluster !== null) writePaxos(out, cluster, paxos);
  if (twoPhase !== undefined) writeTwoPhase(out, twoPhase);
  if (network !== null) writePeers(out, network);
}

function writePaxos(out: Exposition, cluster: ClusterStatus, paxos: PaxosMetrics): void {
  out.gauge("is_leader", "1 when this replica leads.", cluster.role === "leader" ? 1 : 0);
  out.gauge("has_leader", "1 when this replica knows a leader.", cluster.leader === null ? 0 : 1);
  out.counter("leader_changes_total", "How often this replica saw another leader, or none.", paxos.leaderChanges);
  out.counter("elections_won_total", "How often this replica became the leader.", paxos.electionsWon);
  out.gauge("chosen_slot", "The slot up to which every chosen value is known here.", cluster.chosenSlot);
  out.gauge("applied_slot", "The slot up to which the store has applied.", cluster.appliedSlot);
  out.gauge("lag_slots", "Slots known to be chosen and not yet applied here.", cluster.lag);
  out.counter("slots_applied_total", "Slots applied; a slot is a batch of commands.", paxos.slotsApplied);
  out.counter("slots_applied_bytes_total", "Bytes of the slots applied.", paxos.slotsAppliedBytes);
  out.counter(
    "snapshots_installed_total",
    "Snapshots of other replicas that replaced the state.",
    cluster.snapshotsInstalled,
  );
  const perRole = (value: (role: RoleStatus) => number): [Labels, number][] =>
    ROLES.map((role) => [{ role }, value(cluster.roles[role])]);
  out.gauges("role_up", "1 while a role works.", perRole(({ isUp }) => isUp ? 1 : 0));
  out.counters("role_crashes_total", "Crashes of a role.", perRole(({ crashes }) => crashes));
  out.counters("role_restarts_total", "Restarts of a role.", perRole(({ restarts }) => restarts));
}

function writeTwoPhase(out: Exposition, twoPhase: TwoPhaseStatus): void {
  out.gauge(
    "missing_replicas",
    "Replicas that have not been heard of lately; writes fail while there are any.",
    twoPhase.missing.length,
  );
  out.gauge("coordinating_transactions", "Transactions of this replica that are not over.", twoPhase.coordinating);
  out.gauge(
    "in_doubt_transactions",
    "Transactions voted for whose outcome is not known here.",
    twoPhase.inDoubt.length,
  );
  out.gauge("in_doubt_oldest_seconds", "The age of the oldest of those in doubt.", oldestInDoubt_ms(twoPhase) / 1000);
  out.gauge("waiting_transactions", "Transactions that wait for locks.", twoPhase.waiting.length);
}

function writePeers(out: Exposition, { peers }: ClusterFigures): void {
  const perPeer = (value: (link: PeerStatus) => number): [Labels, number][] =>
    peers.flatMap(({ address, link }) => link === null ? [] : [[{ peer: address }, value(link)]]);
  out.gauges(
    "peer_connected",
    "1 while frames to a peer can leave.",
    perPeer(({ isConnected }) => isConnected ? 1 : 0),
  );
  out.gauges("peer_queued_bytes", "Bytes that wait to leave for a peer.", perPeer(({ queued_bytes }) => queued_bytes));
  out.counters("peer_sent_frames_total", "Frames sent to a peer.", perPeer(({ sentFrames }) => sentFrames));
  out.counters(
    "peer_dropped_frames_total",
    "Frames to a peer that were dropped.",
    perPeer(({ droppedFrames }) => droppedFrames),
  );
  out.counters("peer_received_frames_total", "Frames from a peer.", perPeer(({ receivedFrames }) => receivedFrames));
  out.counters(
    "peer_writes_total",
    "Writes, or requests, in which frames to a peer left.",
    perPeer(({ writes }) => writes),
  );
}
