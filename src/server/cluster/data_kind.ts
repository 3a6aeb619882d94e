/**
 * What a data directory was written by: the log is the same for every protocol, its records are not. Looked at before
 * anything is replayed, so that a directory is never read as what it is not.
 *
 * @module
 */
import { bytesToText } from "../../codec/bytes.ts";
import { SNAPSHOT_MAGIC } from "../../core/kv/snapshot_format.ts";
import { type Log, LogError } from "../../ports/log.ts";

/** Who wrote a directory. */
export type DataKind = "none" | "paxos";

/** The first byte of a batch, which is what a server without replicas logs. No record of Multi-Paxos begins with it. */
const BATCH = 1;
/** Where a snapshot of a server without replicas, which is that of its store alone, has its magic. */
const MAGIC_OFFSET = 5;

/** Who wrote the log; null for one without records. */
export function dataKindOf(log: Log): DataKind | null {
  if (log.lastPosition >= log.firstPosition) {
    const first = log.read(log.firstPosition, 1)[0];
    if (first !== undefined) return first.payload[0] === BATCH ? "none" : "paxos";
  }
  for (const slice of log.readSnapshot()?.slices() ?? []) {
    const magic = bytesToText(slice.subarray(MAGIC_OFFSET, MAGIC_OFFSET + SNAPSHOT_MAGIC.length));
    return magic === SNAPSHOT_MAGIC ? "none" : "paxos";
  }
  return null;
}

/**
 * Makes sure that a log is of the kind that is about to read it.
 *
 * @throws {LogError} `version` when it is not
 */
export function checkDataKind(log: Log, wanted: DataKind): void {
  const found = dataKindOf(log);
  if (found === null || found === wanted) return;
  throw new LogError(
    "version",
    wanted === "paxos"
      ? "this data is that of a server without replicas, and a replica cannot go on from it: start it without --peers, " +
        "or choose another --data-dir for the replica"
      : "this data is that of a replica of a cluster (--replication paxos), and a server without replicas cannot go on " +
        "from it: start it with its --peers, or choose another --data-dir",
  );
}
