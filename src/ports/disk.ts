/**
 * One directory of files, as the durable log sees it.
 *
 * Everything but a sync is synchronous, because a write goes to the page cache and returns; a sync is the
 * slow part and the only promise of durability, so it alone takes a callback. What was written but not yet
 * synced may be lost or torn by a crash, and a file that was created, renamed or removed may come back as it
 * was until the directory is synced.
 *
 * @module
 */

/** Why a disk operation failed, in terms that hold on every operating system and in the simulator. */
export type DiskErrorCode = "not-found" | "exists" | "no-space" | "locked" | "io" | "closed";

/** A disk operation that failed. `path` is the name inside the directory, or the directory itself. */
export class DiskError extends Error {
  /** The name of this class of errors. */
  override readonly name = "DiskError";
  /** What went wrong, for programs. */
  readonly code: DiskErrorCode;
  /** The file's name, or the directory. */
  readonly path: string;

  /** An error with the operating system's own as its `cause`, where there is one. */
  constructor(code: DiskErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

/** An open file. Offsets and lengths are bytes. */
export interface DiskFile {
  /** The file's name inside its directory. */
  readonly name: string;

  /** The file's size in bytes. */
  size(): number;

  /** Reads up to `length` bytes at `offset`; the result is shorter at the end of the file. It is fresh memory. */
  read(offset: number, length: number): Uint8Array;

  /** Writes all of `bytes` at `offset`, growing the file where needed. The bytes may be reused after the call. */
  write(offset: number, bytes: Uint8Array): void;

  /** Reserves `length` bytes from the start of the file, filled with zeros where nothing was, so that later writes need no new blocks. */
  preallocate(length: number): void;

  /** Cuts the file to `length` bytes. */
  truncate(length: number): void;

  /**
   * Makes everything written before this call durable, then calls `done`. At most one sync of a file is under
   * way. After an error nothing written since the last good sync may be believed durable, ever again.
   */
  sync(done: (error: DiskError | null) => void): void;

  /** The blocking form of {@link sync}, for start-up, where nothing else is being served. Throws {@link DiskError}. */
  syncNow(): void;

  /** Closes the file without a sync. A sync under way still calls back. */
  close(): void;
}

/** A directory of files. Names are plain (no separators). All methods throw {@link DiskError}. */
export interface Disk {
  /** Where the directory is, for messages to people. */
  readonly path: string;

  /** Takes the directory for this process, or throws `locked` naming the holder; released by {@link close}. */
  lock(): void;

  /** The names of the files in the directory, in bytewise order. */
  list(): string[];

  /** Opens an existing file to read and write; throws `not-found`. */
  open(name: string): DiskFile;

  /** Creates an empty file; throws `exists`. Durable after {@link syncDirectory}. */
  create(name: string): DiskFile;

  /** Renames a file, replacing what had the new name. Durable after {@link syncDirectory}. */
  rename(from: string, to: string): void;

  /** Removes a file. Durable after {@link syncDirectory}. */
  remove(name: string): void;

  /** Makes creations, renames and removals durable. */
  syncDirectory(): void;

  /** Releases the lock. Files are closed by who opened them. */
  close(): void;
}
