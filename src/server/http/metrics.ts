/**
 * What operators look at: the figures of one server as Prometheus text (format 0.0.4) and as JSON.
 *
 * @module
 */
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { ReplicationStatus } from "../../core/replication.ts";
import type { LogStatus } from "../../ports/log.ts";
import type { ServerStats } from "../stats.ts";

/** Memory of the process. */
export interface MemoryFigures {
  /** Everything that the system counts. */
  readonly resident_bytes: number;
  /** The part that the runtime's heap uses. */
  readonly heap_bytes: number;
}

/** Who answers. */
export interface ServerInfo {
  readonly name: string;
  readonly version: string;
  /** When the process started, in milliseconds since the Unix epoch. */
  readonly startedAt_ms: number;
}

/** Everything that the pages for operators are made of. */
export interface Figures {
  readonly info: ServerInfo;
  readonly now_ms: number;
  readonly store: KVStore;
  readonly replication: ReplicationStatus;
  readonly stats: ServerStats;
  /** The log's figures, or null for a server that keeps none. */
  readonly log: LogStatus | null;
  readonly memory: MemoryFigures;
}

/** The body of `/v1/status`. */
export interface StatusPage {
  readonly name: string;
  readonly version: string;
  readonly startedAt_ms: number;
  readonly uptime_ms: number;
  readonly replication: ReplicationStatus;
  readonly store: {
    readonly revision: number;
    readonly oldestRevision: number;
    readonly keys: number;
    readonly sessions: number;
    readonly watchers: number;
    readonly time_ms: number;
  };
  readonly log: LogStatus | null;
  /** As counted by `src/server/stats.ts`. */
  readonly stats: Readonly<ServerStats>;
  readonly memory: MemoryFigures;
}

/** The figures as one JSON object. */
export function statusPage({ info, now_ms, store, replication, stats, log, memory }: Figures): StatusPage {
  return {
    name: info.name,
    version: info.version,
    startedAt_ms: info.startedAt_ms,
    uptime_ms: Math.max(0, now_ms - info.startedAt_ms),
    replication,
    store: {
      revision: store.revision,
      oldestRevision: store.oldestRevision,
      keys: store.size,
      sessions: store.sessions,
      watchers: store.watchers,
      time_ms: store.time,
    },
    log,
    stats,
    memory,
  };
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** The figures as Prometheus text. */
export function metricsText({ info, store, replication, stats, log, memory }: Figures): string {
  let text = "";
  const family = (name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): void => {
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
  gauge("resident_memory_bytes", "Memory of the process.", memory.resident_bytes);
  gauge("heap_bytes", "Memory in use by the runtime's heap.", memory.heap_bytes);
  return text;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
    return `${name}="${escaped}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
