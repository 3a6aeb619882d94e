/**
 * The figures of one server as Prometheus text. Every family is listed in docs/observability.md, which a test compares
 * with what servers say here.
 *
 * @module
 */
import process from "node:process";
import { type Figures, unreadyOf } from "../status_page.ts";
import { type CommandMeter, type DoorName, REQUEST_KINDS, REQUEST_RESULTS } from "./door_metrics.ts";
import { Exposition, type Labels } from "./exposition.ts";
import { writeReplicaMetrics } from "./replica_metrics.ts";
import type { ServerMetrics } from "./server_metrics.ts";

/** The figures as Prometheus text. */
export function metricsText(figures: Figures, metrics: ServerMetrics): string {
  const out = new Exposition();
  writeProcess(out, figures, metrics);
  writeDoors(out, figures, metrics);
  writeStore(out, figures);
  writeLog(out, figures, metrics);
  writeReplicaMetrics(out, figures, metrics.paxos);
  return out.text;
}

function writeProcess(
  out: Exposition,
  { info, replication, memory }: Figures,
  { eventLoopDelay }: ServerMetrics,
): void {
  const { user, system } = process.cpuUsage();
  const { version } = info;
  out.gauges("build_info", "Always 1; the version and the replication protocol are labels.", [
    [{ version, protocol: replication.protocol }, 1],
  ]);
  out.process(
    "start_time_seconds",
    "gauge",
    "When the server started, since the Unix epoch.",
    info.startedAt_ms / 1000,
  );
  out.process("cpu_seconds_total", "counter", "Processor time used, in user and system mode.", (user + system) / 1e6);
  out.process("resident_memory_bytes", "gauge", "Memory of the process.", memory.resident_bytes);
  out.gauge("heap_bytes", "Memory in use by the runtime's heap.", memory.heap_bytes);
  out.histograms(
    "event_loop_delay_seconds",
    "How late timers were, looked at every 50 ms: what everything else had to wait.",
    [[{}, eventLoopDelay]],
  );
}

function writeDoors(out: Exposition, { stats }: Figures, metrics: ServerMetrics): void {
  const { doors, httpInFlight } = metrics;
  const all = Object.values(doors);
  out.counters(
    "requests_total",
    "Requests that were answered, by command and by how they ended: ok, refused (the client's fault), unavailable " +
      "(the server could not; nothing was changed) or unknown (whether a write took effect). Absent until the first.",
    all.flatMap((door) => [...door.meters()].flatMap((meter) => [...requestSamples(door.name, meter)])),
  );
  out.histograms(
    "request_duration_seconds",
    "From the turn in which a request was read to its answer, by whether it reads the store, writes to it, or does " +
      "neither (or may do either).",
    all.flatMap((door) => REQUEST_KINDS.map((kind) => [{ door: door.name, kind }, door.latencies[kind]] as const)),
  );
  const sockets = [doors.tcp, doors.udp];
  out.counters(
    "received_bytes_total",
    "Bytes received from clients.",
    sockets.map((door) => [{ door: door.name }, door.receivedBytes] as const),
  );
  out.counters(
    "sent_bytes_total",
    "Bytes sent to clients.",
    sockets.map((door) => [{ door: door.name }, door.sentBytes] as const),
  );
  out.gauge("connections", "TCP connections of clients open.", stats.connectionsOpen);
  out.counter("connections_accepted_total", "TCP connections accepted.", stats.connectionsAccepted);
  out.counter(
    "connections_refused_total",
    "TCP connections refused because there were too many.",
    stats.connectionsRefused,
  );
  out.counter("connections_dropped_total", "TCP connections closed for what the client did.", stats.connectionsDropped);
  out.counter(
    "reply_writes_total",
    "Writes to TCP sockets; replies that are ready together share one.",
    stats.replyWrites,
  );
  out.counter("logins_refused_total", "Wrong users, passwords and tokens, over TCP and HTTP.", stats.loginsRefused);
  out.counter("tls_handshakes_failed_total", "TLS handshakes that came to nothing.", stats.handshakesFailed);
  out.gauge(
    "tls_certificate_expiry_timestamp_seconds",
    "When the certificate in use expires, since the Unix epoch; 0 without TLS.",
    (metrics.certificateExpires_ms() ?? 0) / 1000,
  );
  out.counter("protocol_errors_total", "Requests over TCP and UDP that were not RESP.", stats.protocolErrors);
  out.counter("datagrams_received_total", "Datagrams received.", stats.datagramsIn);
  out.counter("datagrams_sent_total", "Datagrams sent.", stats.datagramsOut);
  out.counter("datagrams_dropped_total", "Datagrams dropped: malformed, or too many at once.", stats.datagramsDropped);
  out.gauge("http_requests_in_flight", "HTTP requests whose response has not begun.", httpInFlight);
}

function* requestSamples(door: DoorName, { command, counts }: CommandMeter): Iterable<readonly [Labels, number]> {
  for (const result of REQUEST_RESULTS) {
    // Most commands have ended in one way only; what was never counted is as absent as a command that was never sent.
    if (counts[result] > 0) yield [{ door, command, result }, counts[result]];
  }
}

function writeStore(out: Exposition, { replication, store, stats }: Figures): void {
  out.gauge(
    "serving",
    "1 while the server serves, 0 while it starts or after it has failed.",
    replication.state === "serving" ? 1 : 0,
  );
  out.gauge("ready", "1 while writes can be taken here, as /readyz says.", isReady(replication) ? 1 : 0);
  out.counter("commands_applied_total", "Commands applied to the store.", replication.applied);
  out.gauge("commands_pending", "Commands that wait for their outcome.", replication.pending);
  out.gauge("applied_position", "The log position up to which the store has applied.", replication.appliedPosition);
  out.counter("key_hits_total", "Reads of one key over TCP and UDP that found it.", stats.keyHits);
  out.counter("key_misses_total", "Reads of one key over TCP and UDP that did not find it.", stats.keyMisses);
  out.gauge("revision", "The store's revision.", store.revision);
  out.gauge("oldest_revision", "The oldest revision from which a watch can start.", store.oldestRevision);
  out.gauge("keys", "Keys in the store.", store.size);
  out.gauge("sessions", "Sessions open.", store.sessions);
  out.gauge("watchers", "Watches open at this server.", store.watchers);
}

function isReady(replication: Figures["replication"]): boolean {
  return replication.state === "serving" && unreadyOf(replication) === null;
}

function writeLog(out: Exposition, { log, replication }: Figures, { disk }: ServerMetrics): void {
  if (log === null) return;
  out.counter(
    "log_appends_total",
    "Records appended to the log; a record is a batch of what came together.",
    log.appends,
  );
  out.counter(
    "log_syncs_total",
    "Times the log was made durable; a sync stands for all appended before it.",
    log.syncs,
  );
  out.histograms("log_sync_duration_seconds", "How long syncs of the log took.", [[{}, disk.logSyncs]]);
  out.counter("log_written_bytes_total", "Bytes written to the log.", disk.logWrittenBytes);
  out.gauge("log_bytes", "Bytes of records in the log.", log.bytes);
  out.gauge("log_segments", "Segments of the log.", log.segments);
  out.gauge("log_first_position", "The first position in the log.", log.firstPosition);
  out.gauge("log_last_position", "The last position in the log.", log.lastPosition);
  out.gauge("log_durable_position", "The position up to which the log is durable.", log.durablePosition);
  out.counter("snapshots_total", "Snapshots written.", replication.snapshots);
  out.gauge(
    "snapshot_failed",
    "1 when the latest snapshot could not be written.",
    replication.snapshotFailure === null ? 0 : 1,
  );
  out.histograms("snapshot_duration_seconds", "How long snapshots took to write, while the server went on serving.", [
    [{}, disk.snapshots],
  ]);
  out.counter("snapshot_written_bytes_total", "Bytes written to snapshots.", disk.snapshotWrittenBytes);
  out.gauge("snapshot_bytes", "Bytes of the stored snapshot, 0 for none.", log.snapshotBytes);
  out.gauge("snapshot_position", "The position that the stored snapshot stands for.", log.snapshotPosition);
}
