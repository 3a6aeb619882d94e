/**
 * What is below the front doors of a server: the store, its log on a disk or in memory, and replication.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { systemRandom } from "../adapters/system_random.ts";
import { KvError } from "../core/errors.ts";
import { KVStore } from "../core/kv/kv_store.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/kv/limits.ts";
import type { Replication } from "../core/replication.ts";
import { DEFAULT_SNAPSHOT_OPTIONS } from "../core/snapshotter.ts";
import { Standalone } from "../core/standalone.ts";
import { openDurableLog } from "../log/durable_log.ts";
import { MemoryLog } from "../log/memory_log.ts";
import type { PeerTls } from "../adapters/peers/peer_tls.ts";
import type { Disk } from "../ports/disk.ts";
import type { Log } from "../ports/log.ts";
import { checkDataKind } from "./cluster/data_kind.ts";
import { claimPlace } from "./cluster/place_file.ts";
import { placeOf, protocolOf } from "./cluster/options.ts";
import { createReplica, type Replica } from "./cluster/replica.ts";
import { measuredDisk } from "./metrics/measured_disk.ts";
import type { ServerMetrics } from "./metrics/server_metrics.ts";
import type { ServerParts } from "./parts.ts";
import { readOrigin } from "./restore/origin_file.ts";
import { restoreDirectory } from "./restore/restore_directory.ts";
import type { ServerOptions } from "./server.ts";

const MIN_SEGMENT_BYTES = 64 * 1024;
const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;

/** What is below the doors. */
export interface Base {
  readonly store: KVStore;
  readonly log: Log;
  readonly replication: Replication;
  /** The replica that it is; null for a server without others. */
  readonly replica: Replica | null;
}

/** Makes the folder of the data what {@link ServerOptions.restore} asks for. */
export async function restore(options: ServerOptions, parts: ServerParts, logger: Logger): Promise<void> {
  const { restore: file = null, dataDir, cluster } = options;
  if (file === null) return;
  if (dataDir === null) {
    throw new KvError("INVALID_ARGUMENT", "a restore needs a folder of the data; a server in memory has none");
  }
  await restoreDirectory({
    file,
    dataDir,
    kind: cluster === undefined ? "none" : protocolOf(cluster),
    replicas: cluster?.peers.length ?? 1,
    parts,
    logger,
  });
}

/**
 * Recovers the data, and makes what works on it. Nothing has started yet.
 *
 * @throws {LogError} when the data cannot be used
 */
export function createBase(
  options: ServerOptions,
  peerTls: PeerTls | null,
  parts: ServerParts,
  metrics: ServerMetrics,
  logger: Logger,
): Base {
  const { cluster } = options;
  if (cluster?.transport === "http" && options.httpPort === 0) {
    throw new KvError("INVALID_ARGUMENT", "replicas that talk over HTTP need an HTTP port");
  }
  const store = new KVStore({
    limits: consistentLimits(options.limits ?? {}),
    hashSeed: Math.floor(systemRandom.next() * 2 ** 32),
  });
  const { log, disk, origin } = openLog(options.dataDir, segmentBytesFor(options), parts, metrics, logger);
  try {
    checkDataKind(log, cluster === undefined ? "none" : protocolOf(cluster));
    if (cluster !== undefined && disk !== null) claimPlace(disk, placeOf(cluster));
    if (cluster === undefined) {
      const stateMachine = parts.aroundMachine(store);
      const replication = new Standalone({ ...options, log, clock: parts.clock, stateMachine });
      return { store, log, replication, replica: null };
    }
    if (options.dataDir === null && cluster.peers.length > 1) {
      logger.warning(
        "this replica keeps its promises in memory only: after a restart the others will refuse it, because a replica " +
          "that has forgotten what it promised must not vote",
      );
    }
    const replica = createReplica({
      ...options,
      cluster,
      origin,
      log,
      store,
      secret: options.clusterSecret ?? null,
      tls: peerTls,
      logger,
      parts,
      metrics: metrics.paxos,
    });
    return { store, log, replication: replica.replication, replica };
  } catch (error) {
    // Nothing was appended: there is nothing to wait for.
    log.close(() => {});
    throw error;
  }
}

/** A larger value makes larger commands: whoever raises one limit need not know of the others. */
function consistentLimits(given: Partial<Limits>): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const maxCommandBytes = given.maxCommandBytes ?? Math.max(limits.maxCommandBytes, 2 * limits.maxValueBytes);
  return { ...limits, maxCommandBytes };
}

/**
 * The log lets go of whole segments, and a restart or a role that comes back reads what is left of it: a segment is a
 * part of what is written between two snapshots.
 */
function segmentBytesFor(
  { snapshotEvery_bytes = DEFAULT_SNAPSHOT_OPTIONS.snapshotEvery_bytes }: ServerOptions,
): number {
  return Math.min(Math.max(Math.floor(snapshotEvery_bytes / 4), MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES);
}

function openLog(
  dataDir: string | null,
  segmentBytes: number,
  { openDisk, clock, aroundLog }: ServerParts,
  metrics: ServerMetrics,
  logger: Logger,
): { readonly log: Log; readonly disk: Disk | null; readonly origin: string | null } {
  if (dataDir === null) {
    return { log: aroundLog(new MemoryLog({ clock, random: systemRandom })), disk: null, origin: null };
  }
  const disk = measuredDisk(openDisk(dataDir), clock, metrics.disk);
  const origin = readOrigin(disk);
  const log = openDurableLog({ disk, clock, random: systemRandom, options: { segmentBytes } });
  if (log.recovered !== null) {
    logger.warning(
      "cut off a torn tail of {tornBytes} bytes at offset {offset} of {file}: a write that was never acknowledged",
      {
        ...log.recovered,
      },
    );
  }
  return { log: aroundLog(log), disk, origin };
}
