/**
 * What a data directory says of the snapshot that it began with. Replicas tell each other: those that began with different
 * states must not form a cluster, because nothing would ever make their states the same.
 *
 * The file has one name while the restore goes on and another one when it is done, and the change of name is the moment in
 * which the directory becomes that of a server. Before, nobody may start on it: half a state is none.
 *
 * @module
 */
import { bytesToText, textToBytes } from "../../codec/bytes.ts";
import { META_FILE, segmentNumbers, snapshotPositions, TEMPORARY_SUFFIX } from "../../log/file_names.ts";
import type { Disk } from "../../ports/disk.ts";
import { LogError } from "../../ports/log.ts";
import { PLACE_FILE } from "../cluster/place_file.ts";

/** The name of the file when the directory is whole. */
export const ORIGIN_FILE = "restored";
/** Its name before. */
export const UNFINISHED_FILE = "restoring";

const FIRST_LINE = "kvpaxos restored 1";
const DIGEST = /^[0-9a-f]{64}$/;

/** The names in a directory that a server wrote. */
export function dataNames(names: readonly string[]): string[] {
  const own = new Set([META_FILE, META_FILE + TEMPORARY_SUFFIX, PLACE_FILE, ORIGIN_FILE, UNFINISHED_FILE]);
  return names.filter((name) =>
    own.has(name) || name.endsWith(TEMPORARY_SUFFIX) && name.startsWith("snapshot-") ||
    segmentNumbers([name]).length > 0 || snapshotPositions([name]).length > 0
  );
}

/** Says, durably, that a restore from the snapshot with this digest has begun, perhaps once more. */
export function beginOrigin(disk: Disk, digest: string): void {
  const isAgain = disk.list().includes(UNFINISHED_FILE);
  const file = isAgain ? disk.open(UNFINISHED_FILE) : disk.create(UNFINISHED_FILE);
  try {
    file.truncate(0);
    file.write(0, textToBytes(`${FIRST_LINE}\n${digest}\n`));
    file.syncNow();
  } finally {
    file.close();
  }
  disk.syncDirectory();
}

/** Says, durably, that it is done. */
export function finishOrigin(disk: Disk): void {
  disk.rename(UNFINISHED_FILE, ORIGIN_FILE);
  disk.syncDirectory();
}

/**
 * The digest of the snapshot that the directory began with; null when it began empty.
 *
 * @throws {LogError} `damaged` when a restore was not finished, or the file is not what a restore wrote
 */
export function readOrigin(disk: Disk): string | null {
  const names = disk.list();
  if (names.includes(UNFINISHED_FILE)) {
    throw new LogError(
      "damaged",
      "a restore into this directory was not finished: start once more with --restore and the same file",
      { file: UNFINISHED_FILE },
    );
  }
  if (!names.includes(ORIGIN_FILE)) return null;
  const file = disk.open(ORIGIN_FILE);
  try {
    const [first, digest] = bytesToText(file.read(0, 1024)).split("\n");
    if (first === FIRST_LINE && digest !== undefined && DIGEST.test(digest)) return digest;
  } finally {
    file.close();
  }
  throw new LogError(
    "damaged",
    `the file ${ORIGIN_FILE} is not what a restore wrote: bring it back from a copy, or restore into a new directory`,
    { file: ORIGIN_FILE },
  );
}
