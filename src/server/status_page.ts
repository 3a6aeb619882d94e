/**
 * The figures of one server as one JSON object: the body of `/v1/status` and of KVSTATUS, which are the same so that
 * it does not matter by which door an operator asks.
 *
 * @module
 */
import type { KVStore } from "../core/kv/kv_store.ts";
import type { ReplicationStatus } from "../core/replication.ts";
import type { LogStatus } from "../ports/log.ts";
import type { PeerStatus, ReplicaId } from "../ports/transport.ts";
import type { ServerMetrics } from "./metrics/server_metrics.ts";
import type { ServerStats } from "./stats.ts";
import { type TwoPhasePage, twoPhasePage } from "./two_phase_page.ts";

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

/** One of the replicas, as a replica knows it. */
export interface PeerFigures {
  readonly id: ReplicaId;
  /** Where its clients reach it over TCP and UDP: `127.0.0.1:32000`. */
  readonly address: string;
  /** The way to it; null for the replica that answers. */
  readonly link: PeerStatus | null;
}

/** The replicas of a cluster, and how they talk to each other. */
export interface ClusterFigures {
  readonly transport: "tcp" | "http";
  /** All of them, in the order of their numbers. */
  readonly peers: readonly PeerFigures[];
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
  /** How long requests took; absent where nobody measures. */
  readonly metrics?: ServerMetrics;
  /** The other replicas, or null for a server without any. */
  readonly cluster: ClusterFigures | null;
}

/** The body of `/v1/status`. */
export interface StatusPage {
  readonly name: string;
  readonly version: string;
  readonly startedAt_ms: number;
  readonly uptime_ms: number;
  readonly replication: Omit<ReplicationStatus, "twoPhase"> & {
    /** Absent under every other protocol. */
    readonly twoPhase?: TwoPhasePage;
  };
  readonly cluster: ClusterFigures | null;
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
  /**
   * How many requests, over all doors, fell into each bucket of src/server/metrics/histogram.ts, for who looks twice and
   * takes the difference. Absent where nobody measures.
   */
  readonly latency?: { readonly read: readonly number[]; readonly write: readonly number[] };
}

/** Why a replica cannot take writes at the moment, whatever its protocol; null when it can. */
export function unreadyOf({ cluster, twoPhase }: ReplicationStatus): string | null {
  return cluster?.unready ?? twoPhase?.unready ?? null;
}

/** The figures as one JSON object. */
export function statusPage(figures: Figures): StatusPage {
  const { info, now_ms, store, replication, stats, log, memory, cluster, metrics } = figures;
  const { twoPhase, ...common } = replication;
  return {
    name: info.name,
    version: info.version,
    startedAt_ms: info.startedAt_ms,
    uptime_ms: Math.max(0, now_ms - info.startedAt_ms),
    replication: twoPhase === undefined ? common : { ...common, twoPhase: twoPhasePage(twoPhase) },
    cluster,
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
    ...(metrics === undefined ? {} : {
      latency: { read: latencyCounts(metrics, "read"), write: latencyCounts(metrics, "write") },
    }),
  };
}

function latencyCounts({ doors }: ServerMetrics, kind: "read" | "write"): number[] {
  const [tcp, udp, http] = [doors.tcp, doors.udp, doors.http].map(({ latencies }) => latencies[kind].counts);
  return Array.from(tcp!, (count, index) => count + udp![index]! + http![index]!);
}
