/**
 * Makes a new data directory begin with the state of a snapshot that was saved: the log of a server of whatever kind, with
 * an identity of its own. The server then starts on it as on any other.
 *
 * Invariants:
 * - The file is read and checked as a whole before anything is written to the directory.
 * - A directory with data is left as it is.
 * - After a crash the directory either has the whole state, or says that a restore was not finished.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { BackupError } from "../../adapters/backup/format.ts";
import { readBackupFile } from "../../adapters/backup/file.ts";
import type { BackupSummary } from "../../adapters/backup/reader.ts";
import { systemRandom } from "../../adapters/system_random.ts";
import { KvError } from "../../core/errors.ts";
import { openDurableLog } from "../../log/durable_log.ts";
import type { Disk } from "../../ports/disk.ts";
import { type Log, LogError } from "../../ports/log.ts";
import type { DataKind } from "../cluster/data_kind.ts";
import type { ServerParts } from "../parts.ts";
import { beginOrigin, dataNames, finishOrigin, UNFINISHED_FILE } from "./origin_file.ts";
import { seedOf } from "./seed.ts";

/** What is restored, and where. */
export interface RestoreOptions {
  /** The file that `kvclient snapshot save` wrote. */
  readonly file: string;
  readonly dataDir: string;
  /** What will run on the directory. */
  readonly kind: DataKind;
  /** How many replicas the new cluster has; 1 for a server without others. */
  readonly replicas: number;
  readonly parts: ServerParts;
  readonly logger: Logger;
}

/**
 * Restores.
 *
 * @throws {KvError} `INVALID_ARGUMENT` when the directory has data
 * @throws {LogError} `damaged` or `version` when the file cannot be used, and as opening a log does
 */
export async function restoreDirectory(options: RestoreOptions): Promise<void> {
  const { file, dataDir, kind, replicas, parts, logger } = options;
  checkEmpty(parts.openDisk(dataDir), dataDir);
  const summary = readWhole(file);
  prepare(parts.openDisk(dataDir), dataDir, summary.digest);
  const disk = parts.openDisk(dataDir);
  const log = openDurableLog({ disk, clock: parts.clock, random: systemRandom });
  try {
    if (log.lastPosition > 0 || log.readSnapshot() !== null) throw hasData(dataDir);
    const { record, header } = seedOf(kind, replicas, summary.head);
    await appendDurably(log, record);
    await writeState(log, header, file, summary.digest);
  } finally {
    await new Promise<void>((resolve) => log.close(() => resolve()));
  }
  finishOrigin(parts.openDisk(dataDir));
  logger.info("restored {keys} keys of revision {revision} from {file}", {
    keys: summary.entries,
    revision: summary.head.revision,
    file,
  });
}

function hasData(dataDir: string): KvError {
  return new KvError(
    "INVALID_ARGUMENT",
    `the data directory ${dataDir} has data, and --restore begins a new one: leave --restore out to go on with that data ` +
      "(a restore that was finished needs no other), or choose another --data-dir",
  );
}

/** Data, unless a restore that was not finished left it. */
function checkEmpty(disk: Disk, dataDir: string): void {
  const names = dataNames(disk.list());
  if (names.length > 0 && !names.includes(UNFINISHED_FILE)) throw hasData(dataDir);
}

function readWhole(file: string): BackupSummary {
  try {
    return readBackupFile(file);
  } catch (error) {
    throw asLogError(error, file);
  }
}

/** Everything that keeps a file from being used names it. */
function asLogError(error: unknown, file: string): unknown {
  if (error instanceof BackupError) {
    return new LogError(error.code === "version" ? "version" : "damaged", error.message, { cause: error });
  }
  if (error instanceof LogError || !(error instanceof Error)) return error;
  return new LogError("io", `cannot read the snapshot ${file}: ${error.message}; give --restore a file that is there`, {
    cause: error,
  });
}

/** Takes away what a restore left that was not finished, and says that one goes on. */
function prepare(disk: Disk, dataDir: string, digest: string): void {
  disk.lock();
  try {
    checkEmpty(disk, dataDir);
    // First: from here on nobody starts on this directory, also after a crash.
    beginOrigin(disk, digest);
    for (const name of dataNames(disk.list())) if (name !== UNFINISHED_FILE) disk.remove(name);
    disk.syncDirectory();
  } finally {
    disk.close();
  }
}

function appendDurably(log: Log, record: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    log.listen({ onDurable: () => resolve(), onFailure: reject });
    log.append(record);
  });
}

/** Writes the state as the snapshot at position 1. */
async function writeState(log: Log, header: Uint8Array | null, file: string, digest: string): Promise<void> {
  const writer = log.writeSnapshot(1);
  try {
    if (header !== null) writer.write(header);
    const again = readBackupFile(file, { onPart: (part) => writer.write(part) });
    if (again.digest !== digest) {
      throw new LogError("damaged", `${file} changed while it was read: restore from a file that nobody writes`);
    }
  } catch (error) {
    writer.abort();
    throw asLogError(error, file);
  }
  await new Promise<void>((resolve, reject) => {
    writer.commit((error) => error === null ? resolve() : reject(error));
  });
}
