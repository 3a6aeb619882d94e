/**
 * A snapshot on disk: written in slices under a temporary name, made durable, and only then given its name.
 * What has the name is therefore whole; a checksum per slice, each continuing the one before it, and a footer
 * over all tell damage from a whole file.
 *
 * Layout: file header · for each slice its length u32, checksum u32 and bytes · length u32 of all ones, slice
 * count u32, total bytes u64, last slice's checksum u32, CRC of the footer before u32.
 *
 * @module
 */
import { ByteReader } from "../codec/byte_reader.ts";
import { ByteWriter } from "../codec/byte_writer.ts";
import { crc32 } from "../codec/checksum.ts";
import type { Disk, DiskFile } from "../ports/disk.ts";
import { LogError, type SnapshotReader, type SnapshotWriter } from "../ports/log.ts";
import { toLogError } from "./disk_failure.ts";
import { checkFileHeader, encodeFileHeader, FILE_HEADER_BYTES, FILE_SNAPSHOT, RESTORE } from "./file_header.ts";
import { snapshotName, TEMPORARY_SUFFIX } from "./file_names.ts";
import { withFile } from "./meta_file.ts";

/** The largest slice in a file; longer ones are split, so that a reader needs no more memory than this. */
const MAX_SLICE_BYTES = 1024 * 1024;
/** A sync is started each time this much was written, so that the last one is short, and none holds up those of the log. */
const SYNC_STEP_BYTES = 1024 * 1024;
const SLICE_HEADER_BYTES = 8;
const FOOTER_BYTES = 24;
const FOOTER_MARK = 0xffff_ffff;

/** How a {@link SnapshotFileWriter} ended: with this many bytes stored, or null; then who asked is to be told. */
export type SnapshotEnd = (size: number | null, tell: () => void) => void;

/** Writes one snapshot. */
export class SnapshotFileWriter implements SnapshotWriter {
  readonly position: number;
  #disk: Disk;
  #name: string;
  #ended: SnapshotEnd;
  #file: DiskFile | null = null;
  #header = new ByteWriter(FOOTER_BYTES);
  #offset = FILE_HEADER_BYTES;
  #size = 0;
  #count = 0;
  #checksum = 0;
  #unsynced = 0;
  #syncing = false;
  #failure: LogError | null = null;
  #isOver = false;
  #done: ((error: LogError | null) => void) | null = null;

  constructor(disk: Disk, identity: Uint8Array, position: number, ended: SnapshotEnd) {
    this.position = position;
    this.#disk = disk;
    this.#name = snapshotName(position);
    this.#ended = ended;
    this.#attempt(() => {
      this.#file = disk.create(this.#name + TEMPORARY_SUFFIX);
      this.#file.write(0, encodeFileHeader(FILE_SNAPSHOT, identity, position));
    });
  }

  /** Runs `work` unless something failed before; remembers its failure, which `commit` reports. */
  #attempt(work: () => void): void {
    if (this.#failure !== null) return;
    try {
      work();
    } catch (error) {
      this.#failure = toLogError(error);
    }
  }

  #checkOpen(): void {
    if (this.#isOver) throw new RangeError("the snapshot was committed or aborted before");
  }

  write(slice: Uint8Array): void {
    this.#checkOpen();
    this.#attempt(() => {
      for (let at = 0; at < slice.length; at += MAX_SLICE_BYTES) this.#put(slice.subarray(at, at + MAX_SLICE_BYTES));
      if (this.#unsynced >= SYNC_STEP_BYTES) this.#sync();
    });
  }

  #put(slice: Uint8Array): void {
    this.#checksum = crc32(slice, this.#checksum);
    this.#header.reset();
    this.#header.u32(slice.length);
    this.#header.u32(this.#checksum);
    this.#append(this.#header.view());
    this.#append(slice);
    this.#size += slice.length;
    this.#count++;
  }

  #append(bytes: Uint8Array): void {
    this.#file!.write(this.#offset, bytes);
    this.#offset += bytes.length;
    this.#unsynced += bytes.length;
  }

  #sync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    this.#unsynced = 0;
    this.#file!.sync((error) => {
      this.#syncing = false;
      if (error !== null) this.#failure ??= toLogError(error);
      if (this.#isOver) this.#finish();
    });
  }

  commit(done: (error: LogError | null) => void): void {
    this.#checkOpen();
    this.#isOver = true;
    this.#done = done;
    this.#attempt(() => {
      const footer = this.#header;
      footer.reset();
      footer.u32(FOOTER_MARK);
      footer.u32(this.#count);
      footer.u64(this.#size);
      footer.u32(this.#checksum);
      footer.u32(crc32(footer.view()));
      this.#append(footer.view());
      this.#sync();
    });
    if (!this.#syncing) this.#finish();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#syncing) this.#finish();
  }

  /** Called with no sync under way, when the snapshot was committed or aborted. */
  #finish(): void {
    const isCommit = this.#done !== null;
    if (isCommit && this.#failure === null && this.#unsynced > 0) return this.#sync();
    this.#file?.close();
    const temporary = this.#name + TEMPORARY_SUFFIX;
    let stored = false;
    if (isCommit) {
      this.#attempt(() => {
        this.#disk.rename(temporary, this.#name);
        this.#disk.syncDirectory();
        stored = true;
      });
    }
    if (!stored && this.#file !== null) this.#discard(temporary);
    this.#ended(stored ? this.#size : null, () => this.#done?.(this.#failure));
  }

  #discard(temporary: string): void {
    try {
      if (this.#disk.list().includes(temporary)) this.#disk.remove(temporary);
    } catch (error) {
      // What is left is removed when the log opens; the first failure is the one to report.
      this.#failure ??= toLogError(error);
    }
  }
}

/** Reads one snapshot. */
export class SnapshotFile implements SnapshotReader {
  readonly position: number;
  readonly size: number;
  #disk: Disk;
  #name: string;
  #end: number;
  #count: number;
  #checksum: number;

  /**
   * Checks the header and the footer; the slices are checked as they are read.
   *
   * @throws {LogError} `damaged`, `version`
   */
  constructor(disk: Disk, identity: Uint8Array, position: number) {
    this.position = position;
    this.#disk = disk;
    this.#name = snapshotName(position);
    const [header, footer, length] = withFile(disk.open(this.#name), (file) => {
      const length = file.size();
      const start = Math.max(0, length - FOOTER_BYTES);
      return [file.read(0, FILE_HEADER_BYTES), file.read(start, FOOTER_BYTES), length] as const;
    });
    checkFileHeader(header, FILE_SNAPSHOT, identity, position, this.#name);
    this.#end = length - FOOTER_BYTES;
    if (this.#end < FILE_HEADER_BYTES) throw this.#damaged(length);
    // The checksum first: what does not match it is not worth reading.
    const checksum = new ByteReader(footer, FOOTER_BYTES - 4).u32();
    if (checksum !== crc32(footer.subarray(0, FOOTER_BYTES - 4))) throw this.#damaged(this.#end);
    const reader = new ByteReader(footer);
    if (reader.u32() !== FOOTER_MARK) throw this.#damaged(this.#end);
    this.#count = reader.u32();
    this.size = reader.u64();
    this.#checksum = reader.u32();
  }

  #damaged(offset: number): LogError {
    const text = `${this.#name} is damaged at offset ${offset}: ${RESTORE}`;
    return new LogError("damaged", text, { file: this.#name, offset });
  }

  *slices(): Generator<Uint8Array> {
    let file: DiskFile | null = null;
    try {
      file = this.#disk.open(this.#name);
      let offset = FILE_HEADER_BYTES;
      let size = 0;
      let checksum = 0;
      let count = 0;
      for (; offset < this.#end; count++) {
        if (offset + SLICE_HEADER_BYTES > this.#end) throw this.#damaged(offset);
        const reader = new ByteReader(file.read(offset, SLICE_HEADER_BYTES));
        const length = reader.u32();
        const start = offset + SLICE_HEADER_BYTES;
        if (length > MAX_SLICE_BYTES || start + length > this.#end) throw this.#damaged(offset);
        const slice = file.read(start, length);
        checksum = crc32(slice, checksum);
        if (slice.length !== length || checksum !== reader.u32()) throw this.#damaged(offset);
        yield slice;
        size += length;
        offset = start + length;
      }
      if (count !== this.#count || size !== this.size || checksum !== this.#checksum) throw this.#damaged(this.#end);
    } catch (error) {
      throw toLogError(error);
    } finally {
      file?.close();
    }
  }
}

/** Removes the snapshots older than `position`. They may come back after a crash; the newest one counts. */
export function removeOlderSnapshots(disk: Disk, positions: readonly number[], position: number): void {
  for (const older of positions) if (older < position) disk.remove(snapshotName(older));
}
