/**
 * A disk that is measured: how long syncs of the log take, how long snapshots, and how many bytes are written. It does
 * nothing else than the disk inside.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { Disk, DiskError, DiskFile } from "../../ports/disk.ts";
import type { DiskMetrics } from "./server_metrics.ts";

/** How the names of the files begin, as src/log/file_names.ts has them. */
const SEGMENT = "segment-";
const SNAPSHOT = "snapshot-";

/** `disk`, measured. */
export function measuredDisk(disk: Disk, clock: Clock, metrics: DiskMetrics): Disk {
  return new MeasuredDisk(disk, clock, metrics);
}

class MeasuredDisk implements Disk {
  readonly path: string;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #metrics: DiskMetrics;
  /** When each snapshot that has no name of its own yet was begun. */
  readonly #begun_ms: Map<string, number> = new Map();

  constructor(disk: Disk, clock: Clock, metrics: DiskMetrics) {
    this.path = disk.path;
    this.#disk = disk;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  open(name: string): DiskFile {
    return this.#measured(this.#disk.open(name));
  }

  create(name: string): DiskFile {
    const file = this.#measured(this.#disk.create(name));
    if (name.startsWith(SNAPSHOT)) this.#begun_ms.set(name, this.#clock.monotonic());
    return file;
  }

  rename(from: string, to: string): void {
    this.#disk.rename(from, to);
    const begun_ms = this.#begun_ms.get(from);
    if (begun_ms === undefined) return;
    this.#begun_ms.delete(from);
    this.#metrics.snapshots.record(this.#clock.monotonic() - begun_ms);
  }

  remove(name: string): void {
    this.#begun_ms.delete(name);
    this.#disk.remove(name);
  }

  lock(): void {
    this.#disk.lock();
  }

  list(): string[] {
    return this.#disk.list();
  }

  syncDirectory(): void {
    this.#disk.syncDirectory();
  }

  close(): void {
    this.#disk.close();
  }

  #measured(file: DiskFile): DiskFile {
    if (file.name.startsWith(SEGMENT)) return new MeasuredSegment(file, this.#clock, this.#metrics);
    if (file.name.startsWith(SNAPSHOT)) {
      return new MeasuredFile(file, (bytes) => this.#metrics.snapshotWrittenBytes += bytes);
    }
    return file;
  }
}

class MeasuredFile implements DiskFile {
  readonly name: string;
  protected readonly file: DiskFile;
  readonly #onWritten: (bytes: number) => void;

  constructor(file: DiskFile, onWritten: (bytes: number) => void) {
    this.name = file.name;
    this.file = file;
    this.#onWritten = onWritten;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.file.write(offset, bytes);
    this.#onWritten(bytes.length);
  }

  sync(done: (error: DiskError | null) => void): void {
    this.file.sync(done);
  }

  size(): number {
    return this.file.size();
  }

  read(offset: number, length: number): Uint8Array {
    return this.file.read(offset, length);
  }

  preallocate(length: number): void {
    this.file.preallocate(length);
  }

  truncate(length: number): void {
    this.file.truncate(length);
  }

  syncNow(): void {
    this.file.syncNow();
  }

  close(): void {
    this.file.close();
  }
}

class MeasuredSegment extends MeasuredFile {
  readonly #clock: Clock;
  readonly #metrics: DiskMetrics;

  constructor(file: DiskFile, clock: Clock, metrics: DiskMetrics) {
    super(file, (bytes) => metrics.logWrittenBytes += bytes);
    this.#clock = clock;
    this.#metrics = metrics;
  }

  override sync(done: (error: DiskError | null) => void): void {
    const begun_ms = this.#clock.monotonic();
    this.file.sync((error) => {
      this.#metrics.logSyncs.record(this.#clock.monotonic() - begun_ms);
      done(error);
    });
  }
}
