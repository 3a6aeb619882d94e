/**
 * The disk of a real process, over `node:fs`, which Node, Bun and Deno share.
 *
 * A write goes to the page cache and returns; a sync is an `fdatasync` on the runtime's thread pool, so that
 * the event loop never waits for the device. Whatever fails is a {@link DiskError} that names the file.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from "../ports/disk.ts";
import { isLockFile, lockDirectory } from "./directory_lock.ts";
import { runtimeModule } from "./runtime_modules.ts";

const fs = runtimeModule("node:fs");
const process = runtimeModule("node:process");

const ZEROS = new Uint8Array(256 * 1024);

const CODES: Readonly<Record<string, DiskErrorCode>> = {
  ENOENT: "not-found",
  EEXIST: "exists",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
};

function toDiskError(path: string, what: string, cause: unknown): DiskError {
  if (cause instanceof DiskError) return cause;
  const { code, message } = cause as { code?: string; message?: string };
  return new DiskError(CODES[code ?? ""] ?? "io", path, `cannot ${what} ${path}: ${message ?? String(cause)}`, {
    cause,
  });
}

function attempt<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toDiskError(path, what, error);
  }
}

/** Makes the names in a directory durable. Windows has no such call and journals them itself. */
function syncNames(path: string): void {
  if (process.platform === "win32") return;
  attempt(path, "sync the directory", () => {
    const descriptor = fs.openSync(path, "r");
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

class NodeFile implements DiskFile {
  readonly name: string;
  #path: string;
  #descriptor: number;
  #isSyncing = false;
  #isClosed = false;

  constructor(name: string, path: string, descriptor: number) {
    this.name = name;
    this.#path = path;
    this.#descriptor = descriptor;
  }

  #attempt<T>(what: string, work: (descriptor: number) => T): T {
    if (this.#isClosed) throw new DiskError("closed", this.name, `${this.#path} was closed`);
    return attempt(this.#path, what, () => work(this.#descriptor));
  }

  size(): number {
    return this.#attempt("look at", (descriptor) => fs.fstatSync(descriptor).size);
  }

  read(offset: number, length: number): Uint8Array {
    return this.#attempt("read", (descriptor) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, fs.fstatSync(descriptor).size - offset)));
      let at = 0;
      while (at < bytes.length) {
        const count = fs.readSync(descriptor, bytes, at, bytes.length - at, offset + at);
        if (count === 0) break;
        at += count;
      }
      return at === bytes.length ? bytes : bytes.slice(0, at);
    });
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#attempt("write", (descriptor) => {
      for (let at = 0; at < bytes.length;) {
        const count = fs.writeSync(descriptor, bytes, at, bytes.length - at, offset + at);
        if (count === 0) throw new Error("the device takes no bytes");
        at += count;
      }
    });
  }

  preallocate(length: number): void {
    // No runtime offers fallocate; written zeros also spare later syncs the conversion of reserved blocks.
    for (let at = this.size(); at < length; at += ZEROS.length) {
      this.write(at, ZEROS.subarray(0, Math.min(ZEROS.length, length - at)));
    }
  }

  truncate(length: number): void {
    this.#attempt("truncate", (descriptor) => fs.ftruncateSync(descriptor, length));
  }

  sync(done: (error: DiskError | null) => void): void {
    if (this.#isSyncing) throw new RangeError(`a sync of ${this.#path} is under way already`);
    this.#attempt("sync", (descriptor) => {
      this.#isSyncing = true;
      fs.fdatasync(descriptor, (error) => {
        this.#isSyncing = false;
        if (this.#isClosed) this.#release();
        done(error === null || error === undefined ? null : toDiskError(this.#path, "sync", error));
      });
    });
  }

  syncNow(): void {
    this.#attempt("sync", (descriptor) => fs.fsyncSync(descriptor));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A descriptor that is closed while the thread pool syncs it may by then be that of another file.
    if (!this.#isSyncing) this.#release();
  }

  #release(): void {
    attempt(this.#path, "close", () => fs.closeSync(this.#descriptor));
  }
}

class NodeDisk implements Disk {
  readonly path: string;
  #unlock: (() => void) | null = null;

  constructor(path: string) {
    this.path = path;
  }

  lock(): void {
    if (this.#unlock !== null) throw new RangeError(`${this.path} is locked already`);
    this.#unlock = attempt(this.path, "lock", () => lockDirectory(this.path));
  }

  list(): string[] {
    const names = attempt(this.path, "list", () => fs.readdirSync(this.path));
    return names.filter((name) => !isLockFile(name)).sort();
  }

  #open(name: string, flags: string, what: string): DiskFile {
    const path = join(this.path, name);
    return new NodeFile(name, path, attempt(path, what, () => fs.openSync(path, flags)));
  }

  open(name: string): DiskFile {
    return this.#open(name, "r+", "open");
  }

  create(name: string): DiskFile {
    return this.#open(name, "wx+", "create");
  }

  rename(from: string, to: string): void {
    attempt(join(this.path, from), "rename", () => fs.renameSync(join(this.path, from), join(this.path, to)));
  }

  remove(name: string): void {
    const path = join(this.path, name);
    attempt(path, "remove", () => {
      // The system takes a file apart, 80 ms for 300 MB, when the last who has it open closes it: in the thread pool.
      const held = process.platform === "win32" ? null : fs.openSync(path, "r");
      try {
        fs.unlinkSync(path);
      } finally {
        if (held !== null) fs.close(held, () => {});
      }
    });
  }

  syncDirectory(): void {
    syncNames(this.path);
  }

  close(): void {
    const unlock = this.#unlock;
    this.#unlock = null;
    if (unlock !== null) attempt(this.path, "unlock", unlock);
  }
}

/**
 * The directory at `path` as a {@link Disk}; it is made, and its name made durable, when it is not there.
 *
 * @throws {DiskError}
 *
 * @example
 * ```ts
 * import { openNodeDisk } from "./node_disk.ts";
 *
 * const disk = openNodeDisk("./data");
 * disk.lock();
 * ```
 */
export function openNodeDisk(path: string): Disk {
  const whole = resolve(path);
  const made = attempt(whole, "create the directory", () => fs.mkdirSync(whole, { recursive: true }));
  if (made !== undefined) {
    const top = dirname(resolve(made));
    for (let parent = dirname(whole);; parent = dirname(parent)) {
      syncNames(parent);
      if (parent === top || parent === dirname(parent)) break;
    }
  }
  return new NodeDisk(whole);
}
