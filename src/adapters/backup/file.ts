/**
 * A snapshot in a file.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { BackupReader, type BackupSummary, type BackupVisitor } from "./reader.ts";

const READ_BYTES = 1024 * 1024;

/**
 * Reads and checks the whole file at `path`, in pieces: it may be larger than memory. Blocks while it reads: meant for
 * start-up and for command lines.
 *
 * @throws {BackupError} when it is not whole
 * @throws {Error} of the operating system when it cannot be read
 */
export function readBackupFile(path: string, visitor: BackupVisitor = {}): BackupSummary {
  const reader = new BackupReader(path, visitor);
  const descriptor = openSync(path, "r");
  try {
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const count = readSync(descriptor, buffer, 0, buffer.length, null);
      if (count === 0) return reader.finish();
      reader.write(buffer.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
}
