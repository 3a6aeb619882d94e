/**
 * The text of INFO, in the sections and field names that Redis's clients and monitors read.
 *
 * @module
 */
import { type ClusterStatus, ROLES, type TwoPhaseStatus } from "../../core/replication.ts";
import type { ClusterFigures } from "../status_page.ts";
import { oldestInDoubt_ms } from "../two_phase_page.ts";
import type { ServerContext } from "./server_context.ts";

/** The Redis whose protocol and replies this server follows: clients choose features by it. */
const REDIS_VERSION = "7.0.0";

type Fields = readonly (readonly [name: string, value: string | number])[];

const SECTIONS: ReadonlyMap<string, (context: ServerContext) => Fields> = new Map(
  [
    ["server", ({ config, clock, started_ms }) => {
      const uptime_s = Math.floor((clock.monotonic() - started_ms) / 1000);
      return [
        ["redis_version", REDIS_VERSION],
        ["kvpaxos_version", config.version],
        ["redis_mode", "standalone"],
        ["runtime", config.runtime],
        ["process_id", config.processId],
        ["tcp_port", config.tcpPort],
        ["server_time_usec", clock.now() * 1000],
        ["uptime_in_seconds", uptime_s],
        ["uptime_in_days", Math.floor(uptime_s / 86_400)],
      ];
    }],
    ["clients", ({ stats, config, clients }) => {
      let watching = 0;
      for (const client of clients.values()) if (client.state.watches !== null) watching++;
      return [
        ["connected_clients", stats.connectionsOpen],
        ["maxclients", config.maxConnections],
        ["blocked_clients", 0],
        ["tracking_clients", 0],
        ["watching_clients", watching],
      ];
    }],
    ["memory", ({ config }) => [
      ["used_memory", config.memoryBytes()],
      ["maxmemory", 0],
      ["maxmemory_policy", "noeviction"],
    ]],
    ["persistence", ({ service }) => {
      const status = service.replication.status();
      return [
        ["loading", status.state === "starting" ? 1 : 0],
        ["aof_enabled", 1],
        ["aof_last_write_status", status.state === "failed" ? "err" : "ok"],
        ["rdb_bgsave_in_progress", 0],
      ];
    }],
    ["stats", ({ stats }) => [
      ["total_connections_received", stats.connectionsAccepted],
      ["rejected_connections", stats.connectionsRefused],
      ["dropped_connections", stats.connectionsDropped],
      ["total_commands_processed", stats.commands],
      ["total_error_replies", stats.errors],
      ["total_protocol_errors", stats.protocolErrors],
      ["total_net_input_bytes", stats.bytesIn],
      ["total_net_output_bytes", stats.bytesOut],
      ["keyspace_hits", stats.keyHits],
      ["keyspace_misses", stats.keyMisses],
      ["total_datagrams_received", stats.datagramsIn],
      ["total_datagrams_sent", stats.datagramsOut],
      ["total_datagrams_dropped", stats.datagramsDropped],
      ["total_http_requests", stats.httpRequests],
    ]],
    ["replication", ({ service, config }) => {
      const { replication: status, cluster, log } = config.figures();
      return [
        ["role", "master"],
        ["connected_slaves", 0],
        ["kvpaxos_protocol", status.protocol],
        ["kvpaxos_state", status.state],
        ["kvpaxos_reason", status.reason ?? ""],
        ["kvpaxos_applied_commands", status.applied],
        ["kvpaxos_pending_commands", status.pending],
        ["kvpaxos_applied_position", status.appliedPosition],
        ["kvpaxos_revision", service.store.revision],
        ...(log === null ? [] : [["kvpaxos_log_bytes", log.bytes] as const]),
        ...(status.cluster === null ? [] : paxosFields(status.cluster)),
        ...(status.twoPhase === undefined ? [] : twoPhaseFields(status.twoPhase)),
        ...(cluster === null ? [] : peerFields(cluster)),
      ];
    }],
    ["keyspace", ({ service }) => {
      const { size } = service.store;
      return size === 0 ? [] : [["db0", `keys=${size},expires=0,avg_ttl=0`]];
    }],
  ] satisfies readonly (readonly [string, (context: ServerContext) => Fields])[],
);

/** What a replica is, and where it stands. The field `role` is `master` on all, because all of them take writes. */
function paxosFields(cluster: ClusterStatus): Fields {
  const { leader, roles } = cluster;
  return [
    ["kvpaxos_role", cluster.role],
    ["kvpaxos_replica", cluster.id],
    ["kvpaxos_replicas", cluster.replicas],
    ["kvpaxos_leader", leader ?? "none"],
    ["kvpaxos_ballot", cluster.ballot],
    ["kvpaxos_chosen_slot", cluster.chosenSlot],
    ["kvpaxos_applied_slot", cluster.appliedSlot],
    ["kvpaxos_lag", cluster.lag],
    ["kvpaxos_ready", cluster.unready === null ? 1 : 0],
    ["kvpaxos_unready", cluster.unready ?? ""],
    ["kvpaxos_may_vote", cluster.mayVote ? 1 : 0],
    ["kvpaxos_snapshots_installed", cluster.snapshotsInstalled],
    ...ROLES.map((role) => {
      const { isUp, crashes, restarts } = roles[role];
      return [`kvpaxos_role_${role}`, `state=${isUp ? "up" : "down"},crashes=${crashes},restarts=${restarts}`] as const;
    }),
  ];
}

function twoPhaseFields(twoPhase: TwoPhaseStatus): Fields {
  return [
    ["kvpaxos_role", "participant"],
    ["kvpaxos_replica", twoPhase.id],
    ["kvpaxos_replicas", twoPhase.replicas],
    ["kvpaxos_ready", twoPhase.unready === null ? 1 : 0],
    ["kvpaxos_unready", twoPhase.unready ?? ""],
    ["kvpaxos_may_vote", twoPhase.mayVote ? 1 : 0],
    ["kvpaxos_missing", twoPhase.missing.join(",")],
    ["kvpaxos_coordinating", twoPhase.coordinating],
    ["kvpaxos_in_doubt", twoPhase.inDoubt.length],
    ["kvpaxos_in_doubt_oldest_ms", Math.round(oldestInDoubt_ms(twoPhase))],
    ["kvpaxos_waiting_for_locks", twoPhase.waiting.length],
  ];
}

function peerFields({ transport, peers }: ClusterFigures): Fields {
  return [
    ["kvpaxos_transport", transport],
    ...peers.map(({ id, address, link }) => {
      const state = link === null ? "self" : link.isConnected ? "connected" : "disconnected";
      const figures = link === null
        ? ""
        : `,queued_bytes=${link.queued_bytes},sent=${link.sentFrames},dropped=${link.droppedFrames},received=${link.receivedFrames}`;
      return [`kvpaxos_peer${id}`, `address=${address},state=${state}${figures}`] as const;
    }),
  ];
}

const ALL: ReadonlySet<string> = new Set(["all", "default", "everything"]);

/** The text of the named sections, which are in lower case; of all of them without a name. */
export function infoText(context: ServerContext, sections: readonly string[]): string {
  const all = sections.length === 0 || sections.some((section) => ALL.has(section));
  const parts: string[] = [];
  for (const [name, fieldsOf] of SECTIONS) {
    if (!all && !sections.includes(name)) continue;
    let part = `# ${name[0]!.toUpperCase()}${name.slice(1)}\r\n`;
    for (const [field, value] of fieldsOf(context)) part += `${field}:${value}\r\n`;
    parts.push(part);
  }
  return parts.join("\r\n");
}
