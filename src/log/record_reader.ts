/**
 * Reads records back, for replay and for peers that catch up. Every frame is checked again: a disk may have
 * damaged it since the log was opened.
 *
 * @module
 */
import type { Disk, DiskFile } from "../ports/disk.ts";
import { LogError, type LogRecord } from "../ports/log.ts";
import { RESTORE } from "./file_header.ts";
import { payloads } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import type { Segment } from "./segment.ts";

/** Bytes read at a time: at least, and at most unless a frame is larger. */
const MIN_READ_BYTES = 64 * 1024;
const MAX_READ_BYTES = 1024 * 1024;

/** Reads from the segments of one log. */
export class RecordReader {
  #disk: Disk;
  /** The file that was read from last: who catches up goes on where it was. */
  #file: DiskFile | null = null;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * The records from `position`, which is stored, to `last`, at least one, and no more once they have
   * `limit_bytes` bytes. `segments` are all of the log, and `active` is the file of the last.
   *
   * @throws {LogError} `damaged`; {@link DiskError}
   */
  read(
    segments: readonly Segment[],
    active: DiskFile,
    position: number,
    last: number,
    limit_bytes: number,
  ): LogRecord[] {
    const found: LogRecord[] = [];
    let index = segments.length - 1;
    while (index > 0 && segments[index]!.firstPosition > position) index--;
    let left = limit_bytes;
    for (; index < segments.length && left >= 0; index++) {
      const segment = segments[index]!;
      if (segment.firstPosition > last) break;
      const file = index === segments.length - 1 ? active : this.#open(segment.name);
      left = collect(file, segment, position, Math.min(segment.lastPosition, last), left, found);
    }
    return found;
  }

  #open(name: string): DiskFile {
    if (this.#file === null || this.#file.name !== name) {
      this.close();
      this.#file = this.#disk.open(name);
    }
    return this.#file;
  }

  /** Lets go of the file it holds open. It can be used again. */
  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}

/** Adds a segment's records from `position` to `last` to `found`. What is left of the limit; below 0 it is reached. */
function collect(
  file: DiskFile,
  segment: Segment,
  position: number,
  last: number,
  limit_bytes: number,
  found: LogRecord[],
): number {
  let left = limit_bytes;
  if (last < position) return left;
  const window = Math.max(MIN_READ_BYTES, Math.min(MAX_READ_BYTES, limit_bytes));
  const reader = new FrameReader(file, segment.tag, window);
  let offset = segment.locate(position);
  for (let next = position; next <= last;) {
    const frame = reader.frameAt(offset);
    if (frame === null) {
      const text = `${segment.name} is damaged at offset ${offset}: ${RESTORE}`;
      throw new LogError("damaged", text, { file: segment.name, offset });
    }
    offset = frame.end;
    let at = frame.header.firstPosition;
    if (at + frame.header.count <= next) continue;
    for (const payload of payloads(frame.body)) {
      if (at > last) break;
      if (at >= next) {
        if (found.length > 0 && payload.length > left) return -1;
        found.push({ position: at, payload });
        left -= payload.length;
      }
      at++;
    }
    next = at;
  }
  return left;
}
