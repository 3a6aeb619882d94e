/**
 * A machine's disk that outlives its processes. It is as unkind as real ones may be: of what was not synced, a loss
 * of power keeps any sectors and loses the others; names that were not synced come and go; a failed sync leaves the
 * cache clean and the data nowhere; a write to a full disk is cut short.
 *
 * Invariant: what a sync has reported durable changes only by a scripted fault.
 *
 * @module
 */
import { type Disk, DiskError, type DiskFile } from "../../ports/disk.ts";
import { type PowerLoss, SimInode } from "./sim_inode.ts";
import type { SimRandom } from "./sim_random.ts";

type NameChange =
  | { readonly kind: "put"; readonly name: string; readonly inode: SimInode }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string };

/** Why a sync failed that was made to. */
export type SyncOutcome = "ok" | "failed";

/** The time in which a disk does its work. */
export interface DiskTime {
  /** Runs `run` after so many microseconds. */
  after(delay_us: number, run: () => void): unknown;
}

/** One life of a process that uses a disk. */
export interface DiskUser {
  /** Whether it goes on. */
  readonly isAlive: boolean;
  /** Runs what the process waited for. */
  run(callback: () => void): void;
}

/** What a disk tells its machine. */
export interface DiskObserver {
  /**
   * A sync is about to begin, or has just been done and nobody knows yet: a place where a machine may die. When it
   * returns, the process may be dead.
   */
  onSyncPoint(): void;
  /** A fault that was set up has struck. */
  onFault(kind: "slowSync" | "failedSync" | "fullDisk"): void;
  /** A sync has ended. */
  onSynced(file: string, outcome: SyncOutcome): void;
}

/** A disk of a machine. */
export class SimDisk {
  /** How many of the next syncs fail. */
  failingSyncs = 0;
  /** How many bytes all files may have together. */
  capacity: number = Number.POSITIVE_INFINITY;
  /** How many bytes of writes from now on still fit: the next beyond is cut short, and so are all after it. */
  writable: number = Number.POSITIVE_INFINITY;
  /** How long a sync takes at least, and how much of it is left to chance, in microseconds. */
  sync_us = 100;
  syncJitter_us = 200;
  /** What syncs take longer while the disk is slow, in microseconds. */
  slow_us = 0;
  /** How many syncs of files have ended well. */
  syncs = 0;
  readonly path: string;
  #time: DiskTime;
  #random: SimRandom;
  #observer: DiskObserver;
  #names = new Map<string, SimInode>();
  #durableNames = new Map<string, SimInode>();
  #changes: NameChange[] = [];
  #mounted: MountedDisk | null = null;

  /** An empty disk. */
  constructor(path: string, time: DiskTime, random: SimRandom, observer: DiskObserver) {
    this.path = path;
    this.#time = time;
    this.#random = random;
    this.#observer = observer;
  }

  /** The disk for one life of a process. */
  mount(user: DiskUser): Disk {
    return new MountedDisk(this, user);
  }

  /** The process that had the disk is gone. What it wrote stays as the next one sees it, on the medium or not. */
  unmount(): void {
    this.#mounted = null;
  }

  /** The machine lost power: what was not synced is kept, lost, or with `corruption` worse. */
  losePower(corruption: number): Readonly<PowerLoss> {
    const random = this.#random;
    const loss: PowerLoss = { kept: 0, lost: 0, corrupted: 0 };
    for (const change of this.#changes) if (random.chance(0.5)) applyName(this.#durableNames, change);
    for (const inode of new Set(this.#durableNames.values())) inode.losePower(random, corruption, loss);
    this.#loseUnsynced();
    return loss;
  }

  /** A scripted loss of power: `keep` says of each name and then each sector, in order, whether it is kept. */
  cutPower(keep: () => boolean): void {
    for (const change of this.#changes) if (keep()) applyName(this.#durableNames, change);
    for (const inode of new Set(this.#durableNames.values())) inode.cutPower(keep);
    this.#loseUnsynced();
  }

  /** What is on the medium is all there is. */
  #loseUnsynced(): void {
    this.#mounted = null;
    this.#names = new Map(this.#durableNames);
    this.#changes = [];
  }

  /** The files as processes see them, with their sizes. */
  files(): { readonly name: string; readonly size: number }[] {
    return this.list().map((name) => ({ name, size: this.find(name).size }));
  }

  /** A copy of a file's bytes as processes see them. */
  bytesOf(name: string): Uint8Array {
    const inode = this.find(name);
    return inode.read(0, inode.size);
  }

  /** A scripted fault: turns one bit of a file over, wherever it is. */
  flipBit(name: string, offset: number, bit = 0): void {
    this.find(name).flipBit(offset, bit);
  }

  /** A scripted fault: what lies at `from` was written to `to` as well. */
  misdirect(name: string, from: number, to: number, length: number): void {
    this.find(name).misdirect(from, to, length);
  }

  /** Takes the disk for a process. */
  lock(by: MountedDisk): void {
    if (this.#mounted !== null) throw new DiskError("locked", this.path, `${this.path} is in use by this process`);
    this.#mounted = by;
  }

  /** Gives it back. */
  release(by: MountedDisk): void {
    if (this.#mounted === by) this.#mounted = null;
  }

  /** The names as processes see them. */
  list(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** Whether there is a file of that name. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The content of a file. */
  find(name: string): SimInode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new DiskError("not-found", name, `there is no file ${name}`);
    return inode;
  }

  /** Changes the names as processes see them. */
  changeName(change: NameChange): void {
    applyName(this.#names, change);
    this.#changes.push(change);
  }

  /** Writes as much as fits; throws `no-space` when that is not all. */
  write(name: string, inode: SimInode, offset: number, bytes: Uint8Array): void {
    const fitting = Math.min(bytes.length, this.#fitting(inode, offset, bytes.length));
    if (fitting > 0) inode.write(offset, fitting === bytes.length ? bytes : bytes.subarray(0, fitting));
    if (fitting < bytes.length) this.#full(name);
  }

  /** Reserves space; throws `no-space` when there is not enough. */
  extend(name: string, inode: SimInode, size: number): void {
    const fitting = this.#fitting(inode, inode.size, size - inode.size);
    if (fitting < size - inode.size) this.#full(name);
    inode.extend(size);
  }

  /** How many bytes of a write fit. */
  #fitting(inode: SimInode, offset: number, length: number): number {
    let fitting = length;
    if (this.writable !== Number.POSITIVE_INFINITY) {
      fitting = Math.min(fitting, this.writable);
      this.writable -= fitting;
    }
    if (this.capacity !== Number.POSITIVE_INFINITY) {
      let used = 0;
      for (const each of this.#names.values()) used += each.size;
      const growth = Math.max(0, offset + length - inode.size);
      fitting = Math.min(fitting, Math.max(0, length - Math.max(0, growth - (this.capacity - used))));
    }
    return fitting;
  }

  #full(name: string): never {
    this.#observer.onFault("fullDisk");
    throw new DiskError("no-space", name, `no space left for ${name}`);
  }

  /** Ends a sync of a file, of which all of the first `count` changes had been made when it began. */
  sync(name: string, inode: SimInode, count: number): DiskError | null {
    if (this.failingSyncs > 0) {
      this.failingSyncs--;
      inode.failSync(count, this.#random);
      this.#observer.onFault("failedSync");
      this.#observer.onSynced(name, "failed");
      return new DiskError("io", name, `sync of ${name} failed`);
    }
    inode.sync(count);
    this.syncs++;
    this.#observer.onSynced(name, "ok");
    return null;
  }

  /** Makes the names durable. */
  syncNames(): void {
    this.#durableNames = new Map(this.#names);
    this.#changes = [];
  }

  /** A place where the machine may die. */
  syncPoint(): void {
    this.#observer.onSyncPoint();
  }

  /** Runs `work` when a sync that begins now has ended. */
  later(user: DiskUser, work: () => void): void {
    let delay_us = this.sync_us + this.#random.below(this.syncJitter_us + 1);
    if (this.slow_us > 0) {
      delay_us += this.slow_us;
      this.#observer.onFault("slowSync");
    }
    this.#time.after(delay_us, () => {
      // The medium takes no notice of a process that stands still.
      if (user.isAlive) work();
    });
  }
}

function applyName(names: Map<string, SimInode>, change: NameChange): void {
  if (change.kind === "put") names.set(change.name, change.inode);
  else if (change.kind === "remove") names.delete(change.name);
  else {
    const inode = names.get(change.from);
    if (inode === undefined) return;
    names.delete(change.from);
    names.set(change.to, inode);
  }
}

/** The disk in the hands of one life of a process. */
class MountedDisk implements Disk {
  readonly path: string;
  readonly #disk: SimDisk;
  readonly #user: DiskUser;

  constructor(disk: SimDisk, user: DiskUser) {
    this.path = disk.path;
    this.#disk = disk;
    this.#user = user;
  }

  #check(): void {
    if (!this.#user.isAlive) throw new DiskError("closed", this.path, "the process has crashed");
  }

  lock(): void {
    this.#check();
    this.#disk.lock(this);
  }

  list(): string[] {
    this.#check();
    return this.#disk.list();
  }

  open(name: string): DiskFile {
    this.#check();
    return new MountedFile(this.#disk, this.#user, name, this.#disk.find(name));
  }

  create(name: string): DiskFile {
    this.#check();
    if (this.#disk.has(name)) throw new DiskError("exists", name, `there is a file ${name} already`);
    const inode = new SimInode();
    this.#disk.changeName({ kind: "put", name, inode });
    return new MountedFile(this.#disk, this.#user, name, inode);
  }

  rename(from: string, to: string): void {
    this.#check();
    this.#disk.find(from);
    this.#disk.changeName({ kind: "rename", from, to });
  }

  remove(name: string): void {
    this.#check();
    this.#disk.find(name);
    this.#disk.changeName({ kind: "remove", name });
  }

  syncDirectory(): void {
    this.#check();
    this.#disk.syncPoint();
    this.#check();
    this.#disk.syncNames();
    this.#disk.syncPoint();
    this.#check();
  }

  close(): void {
    this.#disk.release(this);
  }
}

/** An open file of one life of a process. */
class MountedFile implements DiskFile {
  readonly name: string;
  readonly #disk: SimDisk;
  readonly #user: DiskUser;
  readonly #inode: SimInode;
  #isSyncing = false;
  #isClosed = false;

  constructor(disk: SimDisk, user: DiskUser, name: string, inode: SimInode) {
    this.#disk = disk;
    this.#user = user;
    this.name = name;
    this.#inode = inode;
  }

  #check(): void {
    if (!this.#user.isAlive) throw new DiskError("closed", this.name, "the process has crashed");
    if (this.#isClosed) throw new DiskError("closed", this.name, `${this.name} was closed`);
  }

  size(): number {
    this.#check();
    return this.#inode.size;
  }

  read(offset: number, length: number): Uint8Array {
    this.#check();
    return this.#inode.read(offset, length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#check();
    this.#disk.write(this.name, this.#inode, offset, bytes);
  }

  preallocate(length: number): void {
    this.#check();
    if (length > this.#inode.size) this.#disk.extend(this.name, this.#inode, length);
  }

  truncate(length: number): void {
    this.#check();
    this.#inode.truncate(length);
  }

  sync(done: (error: DiskError | null) => void): void {
    this.#check();
    if (this.#isSyncing) throw new RangeError(`a sync of ${this.name} is under way already`);
    this.#isSyncing = true;
    const count = this.#inode.changes;
    this.#disk.syncPoint();
    if (!this.#user.isAlive) return;
    this.#disk.later(this.#user, () => {
      const error = this.#disk.sync(this.name, this.#inode, count);
      this.#disk.syncPoint();
      this.#user.run(() => {
        this.#isSyncing = false;
        done(error);
      });
    });
  }

  syncNow(): void {
    this.#check();
    this.#disk.syncPoint();
    this.#check();
    const error = this.#disk.sync(this.name, this.#inode, this.#inode.changes);
    this.#disk.syncPoint();
    this.#check();
    if (error !== null) throw error;
  }

  close(): void {
    this.#isClosed = true;
  }
}
