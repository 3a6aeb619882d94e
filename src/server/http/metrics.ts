/**
 * The figures of one server as Prometheus text (format 0.0.4).
 *
 * @module
 */
import { type ClusterStatus, ROLES, type TwoPhaseStatus } from "../../core/replication.ts";
import { type ClusterFigures, type Figures, unreadyOf } from "../status_page.ts";
import { oldestInDoubt_ms } from "../two_phase_page.ts";

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];
type Family = (name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]) => void;

/** The figures as Prometheus text. */
export function metricsText(figures: Figures): string {
  const { info, store, replication, stats, log, memory } = figures;
  let text = "";
  const family: Family = (name, type, help, samples) => {
    text += `# HELP kvpaxos_${name} ${help}\n# TYPE kvpaxos_${name} ${type}\n`;
    for (const [labels, value] of samples) text += `kvpaxos_${name}${labelText(labels)} ${value}\n`;
  };
  const gauge = (name: string, help: string, value: number): void => family(name, "gauge", help, [[{}, value]]);
  const counter = (name: string, help: string, value: number): void => family(name, "counter", help, [[{}, value]]);

  const { version } = info;
  family("info", "gauge", "Version and protocol of the server.", [[{ version, protocol: replication.protocol }, 1]]);
  gauge("start_time_seconds", "When the process started, since the Unix epoch.", info.startedAt_ms / 1000);
  gauge("up", "Whether the server serves.", replication.state === "serving" ? 1 : 0);
  counter("commands_total", "Commands executed over TCP and UDP.", stats.commands);
  counter("http_requests_total", "HTTP requests.", stats.httpRequests);
  counter("errors_total", "Error replies over TCP and UDP.", stats.errors);
  counter("protocol_errors_total", "Requests that could not be understood.", stats.protocolErrors);
  gauge("connections", "TCP connections open.", stats.connectionsOpen);
  counter("connections_accepted_total", "TCP connections accepted.", stats.connectionsAccepted);
  counter(
    "connections_refused_total",
    "TCP connections refused because there were too many.",
    stats.connectionsRefused,
  );
  counter("connections_dropped_total", "TCP connections closed for what the client did.", stats.connectionsDropped);
  counter("datagrams_received_total", "Datagrams received.", stats.datagramsIn);
  counter("datagrams_sent_total", "Datagrams sent.", stats.datagramsOut);
  counter("datagrams_dropped_total", "Datagrams dropped.", stats.datagramsDropped);
  counter("received_bytes_total", "Bytes received over TCP and UDP.", stats.bytesIn);
  counter("sent_bytes_total", "Bytes sent over TCP and UDP.", stats.bytesOut);
  counter("applied_total", "Commands applied to the store.", replication.applied);
  gauge("pending", "Commands that wait for their outcome.", replication.pending);
  gauge("applied_position", "The log position up to which the store has applied.", replication.appliedPosition);
  gauge("revision", "The store's revision.", store.revision);
  gauge("oldest_revision", "The oldest revision from which a watch can start.", store.oldestRevision);
  gauge("keys", "Keys in the store.", store.size);
  gauge("sessions", "Sessions open.", store.sessions);
  gauge("watchers", "Watches open.", store.watchers);
  if (log !== null) {
    counter("log_appends_total", "Records appended to the log.", log.appends);
    counter("log_syncs_total", "Times the log was made durable.", log.syncs);
    gauge("log_bytes", "Bytes of records in the log.", log.bytes);
    gauge("log_segments", "Segments of the log.", log.segments);
    gauge("log_first_position", "The first position in the log.", log.firstPosition);
    gauge("log_last_position", "The last position in the log.", log.lastPosition);
    gauge("log_durable_position", "The position up to which the log is durable.", log.durablePosition);
    gauge("snapshot_position", "The position that the stored snapshot stands for.", log.snapshotPosition);
    gauge("snapshot_bytes", "Bytes of the stored snapshot.", log.snapshotBytes);
  }
  replicaMetrics(figures, family);
  gauge("resident_memory_bytes", "Memory of the process.", memory.resident_bytes);
  gauge("heap_bytes", "Memory in use by the runtime's heap.", memory.heap_bytes);
  return text;
}

/** Those of a replica: nothing for a server that is alone. */
function replicaMetrics({ replication, cluster: network }: Figures, family: Family): void {
  const { cluster, twoPhase } = replication;
  const place = cluster ?? twoPhase;
  if (place === undefined) return;
  const gauge = (name: string, help: string, value: number): void => family(name, "gauge", help, [[{}, value]]);
  gauge("replica", "The number of this replica, counted from 0.", place.id);
  gauge("replicas", "How many replicas there are.", place.replicas);
  gauge("ready", "Whether this replica can take writes.", unreadyOf(replication) === null ? 1 : 0);
  gauge("may_vote", "Whether this replica votes.", place.mayVote ? 1 : 0);
  if (cluster !== null) paxosMetrics(cluster, family);
  if (twoPhase !== undefined) twoPhaseMetrics(twoPhase, family);
  peerMetrics(network, family);
}

function paxosMetrics(cluster: ClusterStatus, family: Family): void {
  const gauge = (name: string, help: string, value: number): void => family(name, "gauge", help, [[{}, value]]);
  gauge("is_leader", "Whether this replica leads.", cluster.role === "leader" ? 1 : 0);
  gauge("has_leader", "Whether this replica knows a leader.", cluster.leader === null ? 0 : 1);
  gauge("chosen_slot", "The slot up to which every chosen value is known.", cluster.chosenSlot);
  gauge("applied_slot", "The slot up to which the store has applied.", cluster.appliedSlot);
  gauge("lag_slots", "Slots known to be chosen and not yet applied.", cluster.lag);
  family("snapshots_installed_total", "counter", "Snapshots of other replicas that replaced the state.", [
    [{}, cluster.snapshotsInstalled],
  ]);
  const perRole = (value: (role: typeof ROLES[number]) => number): Sample[] =>
    ROLES.map((role) => [{ role }, value(role)]);
  family("role_up", "gauge", "Whether a role works.", perRole((role) => cluster.roles[role].isUp ? 1 : 0));
  family("role_crashes_total", "counter", "Crashes of a role.", perRole((role) => cluster.roles[role].crashes));
  family("role_restarts_total", "counter", "Restarts of a role.", perRole((role) => cluster.roles[role].restarts));
}

function twoPhaseMetrics(twoPhase: TwoPhaseStatus, family: Family): void {
  const gauge = (name: string, help: string, value: number): void => family(name, "gauge", help, [[{}, value]]);
  gauge("missing_replicas", "Replicas that have not been heard of lately.", twoPhase.missing.length);
  gauge("coordinating", "Transactions of this replica that are not over.", twoPhase.coordinating);
  gauge("in_doubt", "Transactions voted for whose outcome is not known here.", twoPhase.inDoubt.length);
  gauge("in_doubt_oldest_seconds", "The age of the oldest of those in doubt.", oldestInDoubt_ms(twoPhase) / 1000);
  gauge("waiting_for_locks", "Transactions that wait for locks.", twoPhase.waiting.length);
}

function peerMetrics(network: ClusterFigures | null, family: Family): void {
  const links = (network?.peers ?? []).flatMap(({ address, link }) => link === null ? [] : [{ address, link }]);
  const perPeer = (value: (link: typeof links[number]["link"]) => number): Sample[] =>
    links.map(({ address, link }) => [{ peer: address }, value(link)]);
  family("peer_connected", "gauge", "Whether frames to a peer can leave.", perPeer((link) => link.isConnected ? 1 : 0));
  family("peer_queued_bytes", "gauge", "Bytes that wait to leave for a peer.", perPeer((link) => link.queued_bytes));
  family("peer_sent_frames_total", "counter", "Frames sent to a peer.", perPeer((link) => link.sentFrames));
  family("peer_dropped_frames_total", "counter", "Frames to a peer dropped.", perPeer((link) => link.droppedFrames));
  family("peer_received_frames_total", "counter", "Frames from a peer.", perPeer((link) => link.receivedFrames));
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
    return `${name}="${escaped}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
