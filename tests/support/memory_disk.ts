/**
 * A disk in memory that can be crashed. It is as unkind as real ones may be: of what was not synced, a power
 * failure keeps any sectors and loses the others, whatever the order they were written in; names that were
 * not synced come and go; a failed sync leaves the cache clean and the data nowhere.
 *
 * @module
 */
import type { Clock } from "../../src/ports/clock.ts";
import { type Disk, DiskError, type DiskFile } from "../../src/ports/disk.ts";

/** What a device writes as a whole. */
const SECTOR_BYTES = 512;

type Change = { readonly offset: number; readonly bytes: Uint8Array } | { readonly length: number };

/** A file's content, apart from its names. */
class Inode {
  /** As processes see it. */
  seen: Uint8Array = new Uint8Array(0);
  /** As it is on the medium. */
  durable: Uint8Array = new Uint8Array(0);
  /** What leads from one to the other, unless a sync failed. */
  changes: Change[] = [];

  change(change: Change): void {
    this.seen = apply(this.seen, change);
    this.changes.push(change);
  }
}

function apply(content: Uint8Array, change: Change): Uint8Array {
  const length = "length" in change ? change.length : Math.max(content.length, change.offset + change.bytes.length);
  const result = new Uint8Array(length);
  result.set(content.subarray(0, length));
  if ("bytes" in change) result.set(change.bytes, change.offset);
  return result;
}

/** The parts of a change that are written as a whole each. */
function* sectors(change: Change): Generator<Change> {
  if ("length" in change) {
    yield change;
    return;
  }
  const { offset, bytes } = change;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    yield { offset: offset + at, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

type NameChange =
  | { readonly kind: "put"; readonly name: string; readonly inode: Inode }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string };

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === "put") names.set(change.name, change.inode);
  else if (change.kind === "remove") names.delete(change.name);
  else {
    const inode = names.get(change.from);
    if (inode === undefined) return;
    names.delete(change.from);
    names.set(change.to, inode);
  }
}

/** Says of each unsynced thing, in order, whether the crash keeps it. */
export type Keep = () => boolean;

class MemoryFile implements DiskFile {
  readonly name: string;
  #disk: MemoryDisk;
  #inode: Inode;
  #isSyncing = false;
  #isClosed = false;

  constructor(disk: MemoryDisk, name: string, inode: Inode) {
    this.#disk = disk;
    this.name = name;
    this.#inode = inode;
  }

  #check(): void {
    this.#disk.check();
    if (this.#isClosed) throw new DiskError("closed", this.name, `${this.name} was closed`);
  }

  size(): number {
    this.#check();
    return this.#inode.seen.length;
  }

  read(offset: number, length: number): Uint8Array {
    this.#check();
    return this.#inode.seen.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#check();
    const growth = Math.max(0, offset + bytes.length - this.#inode.seen.length);
    const space = this.#disk.space;
    const taken = growth <= space ? bytes.length : Math.max(0, bytes.length - (growth - space));
    if (taken > 0) this.#inode.change({ offset, bytes: bytes.slice(0, taken) });
    if (taken < bytes.length) throw new DiskError("no-space", this.name, `no space left for ${this.name}`);
  }

  preallocate(length: number): void {
    const size = this.size();
    if (length > size) this.write(size, new Uint8Array(length - size));
  }

  truncate(length: number): void {
    this.#check();
    this.#inode.change({ length });
  }

  sync(done: (error: DiskError | null) => void): void {
    this.#check();
    if (this.#isSyncing) throw new RangeError(`a sync of ${this.name} is under way already`);
    this.#isSyncing = true;
    const count = this.#inode.changes.length;
    this.#disk.later(() => {
      this.#isSyncing = false;
      done(this.#sync(count));
    });
  }

  syncNow(): void {
    this.#check();
    const error = this.#sync(this.#inode.changes.length);
    if (error !== null) throw error;
  }

  #sync(count: number): DiskError | null {
    const changes = this.#inode.changes.splice(0, count);
    if (this.#disk.failingSyncs > 0) {
      this.#disk.failingSyncs--;
      return new DiskError("io", this.name, `sync of ${this.name} failed`);
    }
    for (const change of changes) this.#inode.durable = apply(this.#inode.durable, change);
    return null;
  }

  close(): void {
    this.#isClosed = true;
  }
}

/** A directory in memory. */
export class MemoryDisk implements Disk {
  readonly path = "memory";
  /** How many of the next syncs fail. */
  failingSyncs = 0;
  /** How many bytes all files may have together. */
  capacity: number = Number.POSITIVE_INFINITY;
  #clock: Clock;
  #names: Map<string, Inode> = new Map();
  #durableNames: Map<string, Inode> = new Map();
  #changes: NameChange[] = [];
  #isLocked = false;
  #isDead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws when the process that used the disk is gone: nothing of it may go on. */
  check(): void {
    if (this.#isDead) throw new DiskError("closed", this.path, "the process has crashed");
  }

  /** Runs `work` in a later turn, unless the process is gone by then. */
  later(work: () => void): void {
    this.#clock.defer(() => {
      if (!this.#isDead) work();
    });
  }

  get space(): number {
    let used = 0;
    for (const inode of this.#names.values()) used += inode.seen.length;
    return this.capacity - used;
  }

  /** Kills the process. What it wrote stays as the next process sees it, also what is not on the medium. */
  kill(): MemoryDisk {
    this.#isDead = true;
    const next = new MemoryDisk(this.#clock);
    next.#names = this.#names;
    next.#durableNames = this.#durableNames;
    next.#changes = this.#changes;
    return next;
  }

  /** Cuts the power. `keep` decides the fate of each sector and name that was not synced. */
  powerOff(keep: Keep): MemoryDisk {
    const next = this.kill();
    for (const change of next.#changes) if (keep()) applyName(next.#durableNames, change);
    for (const inode of new Set(next.#durableNames.values())) {
      for (const change of inode.changes) {
        for (const sector of sectors(change)) if (keep()) inode.durable = apply(inode.durable, sector);
      }
      inode.seen = inode.durable;
      inode.changes = [];
    }
    next.#names = new Map(next.#durableNames);
    next.#changes = [];
    return next;
  }

  /** A copy of the file's bytes. */
  bytesOf(name: string): Uint8Array {
    return this.#find(name).seen.slice();
  }

  /** Replaces a file's bytes, on the medium too. Makes the file when it is not there. */
  overwrite(name: string, bytes: Uint8Array): void {
    const inode = this.#names.get(name) ?? new Inode();
    inode.seen = bytes.slice();
    inode.durable = inode.seen;
    inode.changes = [];
    this.#names.set(name, inode);
    this.#durableNames.set(name, inode);
  }

  /** A disk with the same files and nothing unsynced. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk(this.#clock);
    for (const [name, inode] of this.#names) copy.overwrite(name, inode.seen);
    return copy;
  }

  #find(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new DiskError("not-found", name, `there is no file ${name}`);
    return inode;
  }

  #change(change: NameChange): void {
    this.check();
    applyName(this.#names, change);
    this.#changes.push(change);
  }

  lock(): void {
    this.check();
    if (this.#isLocked) throw new DiskError("locked", this.path, `${this.path} is in use by this process`);
    this.#isLocked = true;
  }

  list(): string[] {
    this.check();
    return [...this.#names.keys()].sort();
  }

  open(name: string): DiskFile {
    this.check();
    return new MemoryFile(this, name, this.#find(name));
  }

  create(name: string): DiskFile {
    if (this.#names.has(name)) throw new DiskError("exists", name, `there is a file ${name} already`);
    const inode = new Inode();
    this.#change({ kind: "put", name, inode });
    return new MemoryFile(this, name, inode);
  }

  rename(from: string, to: string): void {
    this.#find(from);
    this.#change({ kind: "rename", from, to });
  }

  remove(name: string): void {
    this.#find(name);
    this.#change({ kind: "remove", name });
  }

  syncDirectory(): void {
    this.check();
    this.#durableNames = new Map(this.#names);
    this.#changes = [];
  }

  close(): void {
    this.#isLocked = false;
  }
}
