/**
 * Reads a log back after a stop, of whatever kind, and decides what a flaw in it means.
 *
 * A flush is one write, and nothing of it was acknowledged before its sync was done; a power failure may keep
 * any of its sectors and lose the others. So valid frames may lie after a hole although nothing was damaged:
 * frames of the same flush. Every frame says up to which position the log was durable when it was written
 * (`durable`), and the next flush begins only after the sync of the one before. Hence the rule:
 *
 * - The first place where no valid frame lies is the *hole*; records before it are whole and in order.
 * - If any valid frame header after the hole says that the hole's position was durable, an acknowledged record
 *   is gone: **damaged**, the log refuses to open.
 * - Otherwise everything after the hole belongs to the last flush, whose sync was never reported: a **torn
 *   tail**. It is cut off, and what is kept is made durable before the log goes on.
 *
 * A log that was closed in good order ends with a mark that proves all before it. What cannot be told from a
 * torn write is damage inside the very last flush of a process that was killed: it is cut off like one, and
 * reported. Each flush is proved by the one that follows it.
 *
 * @module
 */
import type { Disk, DiskFile } from "../ports/disk.ts";
import { LogError } from "../ports/log.ts";
import { checkFileHeader, FILE_HEADER_BYTES, FILE_SEGMENT, parseFileHeader, RESTORE } from "./file_header.ts";
import { segmentName } from "./file_names.ts";
import { FRAME_HEADER_BYTES, frameTag, KIND_CLOSE, KIND_SEAL } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { Segment } from "./segment.ts";

/** Bytes read at a time. */
const WINDOW_BYTES = 1024 * 1024;

/** The unfinished end of a log, which was cut off when it was opened. */
export interface TornTail {
  /** The name of the segment's file. */
  readonly file: string;
  /** Where the cut was made. */
  readonly offset: number;
  /** How many bytes were cut off. */
  readonly tornBytes: number;
}

/** What recovery found. Everything in it is durable. */
export interface RecoveredLog {
  /** At least one; the last is the one to go on with. */
  readonly segments: Segment[];
  /** The file of the last segment. */
  readonly file: DiskFile;
  readonly tornTail: TornTail | null;
  /** Whether the last frame is the mark of a close in good order. */
  readonly closed: boolean;
}

/** What a walk over one segment found. */
interface Walk {
  readonly segment: Segment;
  /** The kind of the last frame, or null when there is none. */
  readonly lastKind: number | null;
  /** Where the frames of the last flush start. */
  readonly flushStart: number;
  /** Bytes after the last frame, up to the last that is not zero. */
  readonly rest: number;
}

function damaged(file: string, offset: number, what: string): LogError {
  return new LogError("damaged", `${file} is damaged at offset ${offset}: ${what}; ${RESTORE}`, { file, offset });
}

/** Whether a header after `hole` proves that the record at `position`, which should be there, was durable. */
function isProvenDurable(reader: FrameReader, hole: number, position: number): boolean {
  const torn = reader.headerAt(hole);
  if (torn !== null && torn.durable >= position) return true;
  // A header that is whole says where its body ends: what looks like a frame inside is somebody's payload.
  let from = torn === null ? hole : hole + FRAME_HEADER_BYTES + torn.bodyLength;
  for (;;) {
    const found = reader.findHeader(from);
    if (found === null) return false;
    if (reader.headerAt(found)!.durable >= position) return true;
    from = found + FRAME_HEADER_BYTES;
  }
}

/**
 * The first position of a segment whose first header is gone and which follows no other, as the next header tells; null
 * when there is none. A flush begins with the record after what is durable: so if that header is of the first flush, the
 * first position is the one after its `durable`, and if it begins a later flush, at most the one before its own.
 */
function lostFirstPosition(reader: FrameReader): number | null {
  const next = reader.findHeader(FILE_HEADER_BYTES);
  if (next === null) return null;
  const { firstPosition, durable } = reader.headerAt(next)!;
  return Math.min(durable + 1, firstPosition - 1);
}

/** Walks over a segment whose first record must be `expected` (null: whatever it is, else `fallback`). */
function walk(file: DiskFile, number: number, identity: Uint8Array, expected: number | null, fallback: number): Walk {
  const reader = new FrameReader(file, frameTag(identity, number), WINDOW_BYTES);
  const first = reader.headerAt(FILE_HEADER_BYTES);
  const firstPosition = expected ?? first?.firstPosition ?? lostFirstPosition(reader) ?? fallback;
  const segment = new Segment(number, identity, firstPosition);
  let lastKind: number | null = null;
  let flushStart = segment.end;
  let flushDurable = -1;
  for (;;) {
    const frame = reader.frameAt(segment.end);
    if (frame === null) break;
    const { kind, firstPosition, count, durable } = frame.header;
    if (firstPosition !== segment.lastPosition + 1) {
      const what = `it holds the records from ${firstPosition} on where ${segment.lastPosition + 1} should follow`;
      throw damaged(segment.name, segment.end, what);
    }
    if (durable !== flushDurable) flushStart = segment.end;
    flushDurable = durable;
    lastKind = kind;
    segment.add(frame.end - frame.offset, count);
  }
  if (isProvenDurable(reader, segment.end, segment.lastPosition + 1)) {
    throw damaged(
      segment.name,
      segment.end,
      `record ${segment.lastPosition + 1} was durable and does not match its checksum`,
    );
  }
  return { segment, lastKind, flushStart, rest: reader.contentEnd(segment.end) - segment.end };
}

/** Whether the file was being prepared when the process died: no sound header, and not one frame. */
function isUnfinished(file: DiskFile, number: number, identity: Uint8Array): boolean {
  const header = file.read(0, FILE_HEADER_BYTES);
  if (parseFileHeader(header, FILE_SEGMENT, number, segmentName(number)) !== null) return false;
  return new FrameReader(file, frameTag(identity, number), WINDOW_BYTES).findHeader(0) === null;
}

/** Writes the last flush once more: after a failed sync the cache may hold it as clean although the disk does not. */
function rewrite(file: DiskFile, start: number, end: number): void {
  for (let at = start; at < end; at += WINDOW_BYTES) file.write(at, file.read(at, Math.min(WINDOW_BYTES, end - at)));
}

/** The numbers at the end of `numbers` that follow one another without a gap. */
function lastRun(numbers: readonly number[]): number[] {
  let start = numbers.length - 1;
  while (start > 0 && numbers[start - 1] === numbers[start]! - 1) start--;
  return numbers.slice(start);
}

/**
 * Recovers the log made of the segments `numbers` (ascending, not empty), before whose first record a snapshot
 * stands for everything up to `snapshotPosition` (0: there is none).
 *
 * @throws {LogError} `damaged`, `version`; {@link DiskError} when the disk fails
 */
export function recoverSegments(
  disk: Disk,
  identity: Uint8Array,
  numbers: readonly number[],
  snapshotPosition: number,
): RecoveredLog {
  const run = lastRun(numbers);
  const walks: Walk[] = [];
  const useless = numbers.slice(0, numbers.length - run.length);
  let file: DiskFile | null = null;
  try {
    for (const number of run) {
      const before = walks.at(-1);
      file = disk.open(segmentName(number));
      if (before !== undefined && number === run.at(-1) && isUnfinished(file, number, identity)) {
        useless.push(number);
        file.close();
        file = null;
        break;
      }
      checkFileHeader(file.read(0, FILE_HEADER_BYTES), FILE_SEGMENT, identity, number, file.name);
      const expected = before === undefined ? (number === 1 ? 1 : null) : before.segment.lastPosition + 1;
      walks.push(follow(file, number, identity, expected, snapshotPosition + 1, before));
      file.close();
      file = null;
    }
    const first = walks[0]!.segment.firstPosition;
    if (first > snapshotPosition + 1) {
      const gap = `records ${snapshotPosition + 1} to ${first - 1} are neither in the log nor in a snapshot`;
      const missing = segmentName(run[0]! - 1);
      throw new LogError("damaged", `${missing} or a snapshot is missing: ${gap}; ${RESTORE}`, { file: missing });
    }
    const last = walks.at(-1)!;
    let torn = last;
    const before = walks.at(-2);
    if (before !== undefined && last.lastKind === null && before.lastKind !== KIND_SEAL) {
      // Prepared ahead and never used, or used only by a flush that was torn: the log goes on in the one before.
      useless.push(last.segment.number);
      walks.pop();
      if (before.rest > 0 || last.rest === 0) torn = before;
    }
    const { segment, lastKind, flushStart, rest } = walks.at(-1)!;
    if (lastKind === KIND_SEAL) {
      throw damaged(
        segment.name,
        segment.end,
        `${segmentName(segment.number + 1)}, in which the log goes on, is missing or cut short`,
      );
    }
    if (segment.lastPosition < snapshotPosition) {
      const what = `the log ends at record ${segment.lastPosition}, and the snapshot stands for ${snapshotPosition}`;
      throw damaged(segment.name, segment.end, what);
    }
    file = disk.open(segment.name);
    if (rest > 0) file.truncate(segment.end);
    rewrite(file, flushStart, segment.end);
    file.syncNow();
    for (const number of useless) disk.remove(segmentName(number));
    disk.syncDirectory();
    const tornTail = torn.rest === 0
      ? null
      : { file: torn.segment.name, offset: torn.segment.end, tornBytes: torn.rest };
    return { segments: walks.map((one) => one.segment), file, tornTail, closed: lastKind === KIND_CLOSE };
  } catch (error) {
    file?.close();
    throw error;
  }
}

/** Walks over a segment that comes after another; what is wrong at its start may be the other's missing end. */
function follow(
  file: DiskFile,
  number: number,
  identity: Uint8Array,
  expected: number | null,
  fallback: number,
  before: Walk | undefined,
): Walk {
  try {
    return walk(file, number, identity, expected, fallback);
  } catch (error) {
    const isStart = error instanceof LogError && error.code === "damaged" && error.offset === FILE_HEADER_BYTES;
    if (!isStart || before === undefined || before.lastKind === KIND_SEAL) throw error;
    const reader = new FrameReader(file, frameTag(identity, number), WINDOW_BYTES);
    const header = reader.headerAt(FILE_HEADER_BYTES);
    if (header === null ? before.rest === 0 : header.firstPosition === expected) throw error;
    throw damaged(before.segment.name, before.segment.end, `record ${expected} was durable and is not there`);
  }
}
