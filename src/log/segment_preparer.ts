/**
 * Makes the next segment ready while the present one is still being filled, so that going over to it waits for
 * nothing. A segment is ready when its header and its name are durable; only then may a seal point to it.
 *
 * @module
 */
import { type Disk, DiskError, type DiskFile } from "../ports/disk.ts";
import type { LogError } from "../ports/log.ts";
import { toLogError } from "./disk_failure.ts";
import { encodeFileHeader, FILE_SEGMENT } from "./file_header.ts";
import { segmentName } from "./file_names.ts";

/** Reserves space so that later syncs have no new blocks to record; a disk too full for it is not yet a failure. */
export function reserve(file: DiskFile, length: number): void {
  try {
    file.preallocate(length);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === "no-space")) throw error;
  }
}

/** Creates an empty segment. Not yet durable. */
export function createSegment(disk: Disk, identity: Uint8Array, number: number, reserve_bytes: number): DiskFile {
  const file = disk.create(segmentName(number));
  try {
    file.write(0, encodeFileHeader(FILE_SEGMENT, identity, number));
    reserve(file, reserve_bytes);
    return file;
  } catch (error) {
    file.close();
    disk.remove(segmentName(number));
    throw error;
  }
}

/** Prepares one segment at a time. */
export class SegmentPreparer {
  #disk: Disk;
  #identity: Uint8Array;
  #reserve_bytes: number;
  #busy = false;
  #file: DiskFile | null = null;

  constructor(disk: Disk, identity: Uint8Array, reserve_bytes: number) {
    this.#disk = disk;
    this.#identity = identity;
    this.#reserve_bytes = reserve_bytes;
  }

  /** Whether {@link prepare} has not called back yet. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** Whether {@link take} has a segment to give. */
  get isReady(): boolean {
    return this.#file !== null;
  }

  /** Makes the segment `number` ready, then calls `done`; after a failure nothing of it is left. */
  prepare(number: number, done: (error: LogError | null) => void): void {
    if (this.#busy || this.#file !== null) throw new RangeError("a segment is being prepared already");
    let file: DiskFile;
    try {
      file = createSegment(this.#disk, this.#identity, number, this.#reserve_bytes);
    } catch (error) {
      return done(toLogError(error));
    }
    this.#busy = true;
    file.sync((error) => {
      this.#busy = false;
      try {
        if (error !== null) throw error;
        this.#disk.syncDirectory();
        this.#file = file;
      } catch (failure) {
        return done(this.#discard(file, toLogError(failure)));
      }
      done(null);
    });
  }

  #discard(file: DiskFile, failure: LogError): LogError {
    file.close();
    try {
      this.#disk.remove(file.name);
    } catch (error) {
      return toLogError(error);
    }
    return failure;
  }

  /** Hands over the segment that is ready. */
  take(): DiskFile {
    const file = this.#file;
    if (file === null) throw new RangeError("no segment is ready");
    this.#file = null;
    return file;
  }

  /** Closes what is ready and was not taken; recovery removes it. */
  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}
