/**
 * The file that makes a directory a log's: its identity and its format version. It is written last when a log
 * is created, so that a directory that has it has all of a log.
 *
 * @module
 */
import { LogError } from "../ports/log.ts";
import type { Disk, DiskFile } from "../ports/disk.ts";
import { encodeFileHeader, FILE_HEADER_BYTES, FILE_META, parseFileHeader, RESTORE } from "./file_header.ts";
import { META_FILE, TEMPORARY_SUFFIX } from "./file_names.ts";

/** Uses a file and closes it, however that ends. */
export function withFile<T>(file: DiskFile, use: (file: DiskFile) => T): T {
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/**
 * The identity of the log in the directory.
 *
 * @throws {LogError} `version` when a newer version wrote it, `damaged`
 */
export function readMeta(disk: Disk): Uint8Array {
  const bytes = withFile(disk.open(META_FILE), (file) => file.read(0, FILE_HEADER_BYTES));
  const identity = parseFileHeader(bytes, FILE_META, 0, META_FILE);
  if (identity !== null) return identity;
  throw new LogError("damaged", `${META_FILE} is damaged: ${RESTORE}`, { file: META_FILE, offset: 0 });
}

/** Makes the directory the log's that has this identity. Durable when it returns. */
export function writeMeta(disk: Disk, identity: Uint8Array): void {
  const temporary = META_FILE + TEMPORARY_SUFFIX;
  withFile(disk.create(temporary), (file) => {
    file.write(0, encodeFileHeader(FILE_META, identity, 0));
    file.syncNow();
  });
  disk.rename(temporary, META_FILE);
  disk.syncDirectory();
}
