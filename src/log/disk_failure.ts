/**
 * What a failure of the disk means to a log and to its operator.
 *
 * @module
 */
import { DiskError } from "../ports/disk.ts";
import { LogError, type LogErrorCode } from "../ports/log.ts";

/** The failure of a disk as that of the log that uses it. What is neither is a mistake, and thrown on. */
export function toLogError(cause: unknown): LogError {
  if (cause instanceof LogError) return cause;
  if (!(cause instanceof DiskError)) throw cause;
  const code: LogErrorCode = cause.code === "no-space" ? "full" : cause.code === "locked" ? "locked" : "io";
  const remedy = code === "full"
    ? ": free some space and start again"
    : code === "io"
    ? ": check the device and its mount, then start again"
    : "";
  return new LogError(code, cause.message + remedy, { file: cause.path, cause });
}
