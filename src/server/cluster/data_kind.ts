/**
 * What a data directory was written by: the log is the same for every protocol, its records are not. Looked at before
 * anything is replayed, so that a directory is never read as what it is not.
 *
 * @module
 */
import { bytesToText } from "../../codec/bytes.ts";
import { BLOCK_HEAD_BYTES, SNAPSHOT_MAGIC } from "../../core/kv/snapshot_format.ts";
import { RECORD as TWO_PHASE_RECORD } from "../../core/two_phase_commit/records.ts";
import { SNAPSHOT_VERSION as TWO_PHASE_SNAPSHOT } from "../../core/two_phase_commit/snapshots.ts";
import { type Log, LogError } from "../../ports/log.ts";

/** Who wrote a directory. */
export type DataKind = "none" | "2pc" | "paxos";

/** The first byte of a batch, which is what a server without replicas logs. No record of a protocol begins with it. */
const BATCH = 1;
/** Where a snapshot of a server without replicas, which is that of its store alone, has its magic: behind its length. */
const MAGIC_OFFSET = BLOCK_HEAD_BYTES + 1;

const TWO_PHASE_RECORDS: ReadonlySet<number | undefined> = new Set(Object.values(TWO_PHASE_RECORD));

/** Who wrote the log; null for one without records. */
export function dataKindOf(log: Log): DataKind | null {
  if (log.lastPosition >= log.firstPosition) {
    const first = log.read(log.firstPosition, 1)[0]?.payload[0];
    if (first !== undefined) return first === BATCH ? "none" : TWO_PHASE_RECORDS.has(first) ? "2pc" : "paxos";
  }
  for (const slice of log.readSnapshot()?.slices() ?? []) {
    const magic = bytesToText(slice.subarray(MAGIC_OFFSET, MAGIC_OFFSET + SNAPSHOT_MAGIC.length));
    if (magic === SNAPSHOT_MAGIC) return "none";
    return slice[0] === TWO_PHASE_SNAPSHOT ? "2pc" : "paxos";
  }
  return null;
}

const NAMES: Readonly<Record<DataKind, string>> = {
  none: "a server without replicas",
  "2pc": "a replica of a cluster under two-phase commit (--replication 2pc)",
  paxos: "a replica of a cluster under Multi-Paxos (--replication paxos)",
};
const REMEDIES: Readonly<Record<DataKind, string>> = {
  none: "start it without --peers",
  "2pc": "start it with its --peers and --replication 2pc",
  paxos: "start it with its --peers and --replication paxos",
};

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
    `this data is that of ${NAMES[found]}, and ${NAMES[wanted]} cannot go on from it: ${REMEDIES[found]}, or choose ` +
      "another --data-dir",
  );
}
