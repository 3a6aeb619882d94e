/**
 * The log, as a replication protocol sees it: an append-only sequence of opaque records that says when each
 * is durable, and snapshots that stand for the records before them.
 *
 * Durability is data, not call order: `append` returns a position at once, and whoever promised something
 * that rests on the record holds the promise back until `onDurable` has named that position.
 *
 * @module
 */

/** Why a log refuses to open or has stopped. */
export type LogErrorCode =
  /** A record before the tail does not match its checksum: data was damaged, not merely unfinished. */
  | "damaged"
  /** The directory was written by a newer version of this software. */
  | "version"
  /** Another process has the directory. */
  | "locked"
  /** No space left on the device. */
  | "full"
  /** A read, write or sync failed. */
  | "io"
  /** The log was closed, or has stopped after an earlier failure. */
  | "closed"
  /** The records asked for were truncated; a snapshot stands for them. */
  | "truncated";

/** A log that cannot be opened, or that has failed and takes no more records. */
export class LogError extends Error {
  /** The name of this class of errors. */
  override readonly name = "LogError";
  /** What went wrong, for programs. */
  readonly code: LogErrorCode;
  /** The file concerned, when there is one. */
  readonly file: string | undefined;
  /** The byte offset in the file, when it is known. */
  readonly offset: number | undefined;

  /** An error about the place `where`, as far as that is known. */
  constructor(
    code: LogErrorCode,
    message: string,
    where: { file?: string; offset?: number; cause?: unknown } = {},
  ) {
    super(message, where.cause === undefined ? undefined : { cause: where.cause });
    this.code = code;
    this.file = where.file;
    this.offset = where.offset;
  }
}

/** A record as read back: its position and the bytes that were appended, a view of memory it may share with others. */
export interface LogRecord {
  /** Its place in the log, from 1 on. */
  readonly position: number;
  /** The bytes that were appended. */
  readonly payload: Uint8Array;
}

/** What a log tells its owner. Both are called from a later turn than the `append` they answer. */
export interface LogListener {
  /** Every record up to and including `position` will survive a crash. Positions never go back. */
  onDurable(position: number): void;

  /**
   * The log has stopped: nothing that was not reported durable is, and nothing will be. Called once; the
   * owner must stop serving. A later sync is not to be trusted, so there is no way to go on but a restart.
   */
  onFailure(error: LogError): void;
}

/** A snapshot on its way to disk. Slices may be written over many turns; a crash before `commit` leaves no trace. */
export interface SnapshotWriter {
  /** Appends a slice. The bytes may be reused after the call. */
  write(slice: Uint8Array): void;

  /**
   * Makes the snapshot durable, gives it its name, and then calls `done`. From then on it stands for every
   * record up to and including its position, and older snapshots are gone. On failure the earlier one stands.
   */
  commit(done: (error: LogError | null) => void): void;

  /** Gives up; nothing is kept. */
  abort(): void;
}

/** A stored snapshot. It may be large: its slices are verified as they are read, each before it is given out. */
export interface SnapshotReader {
  /** The position of the last record that the snapshot includes. */
  readonly position: number;
  /** The number of bytes in {@link slices}. */
  readonly size: number;
  /** The bytes in order, in slices of a bounded size. Throws {@link LogError} `damaged`. */
  slices(): Iterable<Uint8Array>;
}

/** Figures for status pages and metrics. */
export interface LogStatus {
  /** Bytes of records on disk (or in memory). */
  readonly bytes: number;
  /** Files that the log is spread over. */
  readonly segments: number;
  /** See {@link Log.firstPosition}. */
  readonly firstPosition: number;
  /** See {@link Log.lastPosition}. */
  readonly lastPosition: number;
  /** See {@link Log.durablePosition}. */
  readonly durablePosition: number;
  /** Records appended since the log was opened. */
  readonly appends: number;
  /** Syncs that succeeded since the log was opened. */
  readonly syncs: number;
  /** The position of the stored snapshot, 0 for none. */
  readonly snapshotPosition: number;
  /** Bytes in the stored snapshot. */
  readonly snapshotBytes: number;
}

/**
 * An append-only sequence of records. Positions count from 1 and have no gaps.
 *
 * Records appended in one turn of the event loop, and all that were appended while the last sync was under
 * way, become durable with one write and one sync.
 */
export interface Log {
  /** 16 random bytes drawn when the log was created: a replica that lost its log is not who it was. */
  readonly identity: Uint8Array;

  /** The first position still stored: 1, or more once records were truncated. One past the last when empty. */
  readonly firstPosition: number;

  /** The position of the last record appended, 0 for none. */
  readonly lastPosition: number;

  /** The position up to which everything is durable, 0 for none. */
  readonly durablePosition: number;

  /** Names the owner. Called once, before the first append. */
  listen(listener: LogListener): void;

  /**
   * Adds a record and returns its position. The payload is copied before the call returns. Its sync may wait for
   * `slack_ms` (default 0), so that records that come meanwhile share it; one without slack takes those before it along.
   *
   * @throws {LogError} `closed` after {@link close} or a failure
   */
  append(payload: Uint8Array, slack_ms?: number): number;

  /**
   * The records from `position` on, in order, at most about `limit_bytes` of payload (at least one record).
   * Only durable records are returned.
   *
   * @throws {LogError} `truncated` when `position` is below {@link firstPosition}; `damaged`; `io`
   */
  read(position: number, limit_bytes: number): LogRecord[];

  /**
   * Lets go of records up to and including `position`, in whole segments. The log keeps every record that the
   * stored snapshot does not include, whatever is asked.
   */
  truncate(position: number): void;

  /** Starts a snapshot that includes everything up to `position`. At most one is written at a time. */
  writeSnapshot(position: number): SnapshotWriter;

  /** The newest stored snapshot, or null. */
  readSnapshot(): SnapshotReader | null;

  /** Figures for status pages and metrics. */
  status(): LogStatus;

  /** Syncs what was appended, releases the directory, then calls `done`. Later calls call back at once. */
  close(done: (error: LogError | null) => void): void;
}
