/**
 * The simulator's disk in the hands of a test: its syncs end in the next turn of the test's own clock, and the test
 * says itself what a loss of power keeps.
 *
 * @module
 */
import type { Clock } from "../../src/ports/clock.ts";
import type { Disk, DiskFile } from "../../src/ports/disk.ts";
import { SimDisk } from "../../src/sim/world/sim_disk.ts";
import { SimRandom } from "../../src/sim/world/sim_random.ts";

const NOBODY = { onSyncPoint: () => {}, onFault: () => {}, onSynced: () => {} };

/** A directory in memory, as one life of a process has it. */
export class MemoryDisk implements Disk {
  readonly path = "memory";
  readonly #clock: Clock;
  readonly #sim: SimDisk;
  readonly #process = { isAlive: true, run: (callback: () => void): void => callback() };
  readonly #mounted: Disk;

  /** An empty disk, or `sim` for the next life of a process. */
  constructor(clock: Clock, sim?: SimDisk) {
    this.#clock = clock;
    const time = { after: (_delay_us: number, run: () => void) => clock.defer(run) };
    this.#sim = sim ?? new SimDisk(this.path, time, new SimRandom(1), NOBODY);
    this.failingSyncs = 0;
    this.capacity = Number.POSITIVE_INFINITY;
    this.#mounted = this.#sim.mount(this.#process);
  }

  /** How many of the next syncs of this life fail. */
  get failingSyncs(): number {
    return this.#sim.failingSyncs;
  }

  set failingSyncs(count: number) {
    this.#sim.failingSyncs = count;
  }

  /** How many bytes all files may have together in this life. */
  get capacity(): number {
    return this.#sim.capacity;
  }

  set capacity(bytes: number) {
    this.#sim.capacity = bytes;
  }

  /** Kills the process. What it wrote stays as the next process sees it, also what is not on the medium. */
  kill(): MemoryDisk {
    this.#process.isAlive = false;
    this.#sim.unmount();
    return new MemoryDisk(this.#clock, this.#sim);
  }

  /** Cuts the power. `keep` says of each name and sector that was not synced, in order, whether it is kept. */
  powerOff(keep: () => boolean): MemoryDisk {
    this.#process.isAlive = false;
    this.#sim.cutPower(keep);
    return new MemoryDisk(this.#clock, this.#sim);
  }

  /** A copy of the file's bytes. */
  bytesOf(name: string): Uint8Array {
    return this.#sim.bytesOf(name);
  }

  /** Replaces a file's bytes, on the medium too. Makes the file when it is not there. */
  overwrite(name: string, bytes: Uint8Array): void {
    const file = this.#sim.has(name) ? this.#mounted.open(name) : this.#mounted.create(name);
    file.truncate(0);
    file.write(0, bytes);
    file.syncNow();
    file.close();
    this.#mounted.syncDirectory();
  }

  /** A disk with the same files and nothing unsynced. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk(this.#clock);
    for (const { name } of this.#sim.files()) copy.overwrite(name, this.bytesOf(name));
    return copy;
  }

  lock(): void {
    this.#mounted.lock();
  }

  list(): string[] {
    return this.#mounted.list();
  }

  open(name: string): DiskFile {
    return this.#mounted.open(name);
  }

  create(name: string): DiskFile {
    return this.#mounted.create(name);
  }

  rename(from: string, to: string): void {
    this.#mounted.rename(from, to);
  }

  remove(name: string): void {
    this.#mounted.remove(name);
  }

  syncDirectory(): void {
    this.#mounted.syncDirectory();
  }

  close(): void {
    this.#mounted.close();
  }
}
