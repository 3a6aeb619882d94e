/**
 * From a directory to what a log goes on with: a new log made in an empty directory, an existing one recovered.
 *
 * A log is made in an order that leaves no doubt after a crash: its first segment, then its meta file. Without
 * the meta file there was never a record; with it, everything that should be there must be.
 *
 * @module
 */
import type { Disk, DiskFile } from "../ports/disk.ts";
import { LogError } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { FILE_HEADER_BYTES, IDENTITY_BYTES, RESTORE } from "./file_header.ts";
import { isTemporary, META_FILE, segmentName, segmentNumbers, snapshotPositions } from "./file_names.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { readMeta, withFile, writeMeta } from "./meta_file.ts";
import { recoverSegments, type TornTail } from "./recovery.ts";
import { Segment } from "./segment.ts";
import { createSegment } from "./segment_preparer.ts";
import { removeOlderSnapshots, SnapshotFile } from "./snapshot_file.ts";

/** Sizes of a durable log. */
export interface DurableLogOptions {
  /**
   * Bytes after which a new segment is begun. A record larger than that gets a segment of its own.
   * @default 67108864
   */
  readonly segmentBytes?: number;
  /**
   * Bytes of a segment's file that are reserved ahead of what is written, and made durable with it.
   * @default 1048576
   */
  readonly reserveBytes?: number;
}

/** {@link DurableLogOptions} with everything decided. */
export interface ResolvedOptions {
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  /** The size at which a frame is closed: small beside a segment, so that little of one stays unused. */
  readonly frameBytes: number;
}

/** What a log goes on with. */
export interface OpenedDirectory {
  readonly identity: Uint8Array;
  readonly segments: Segment[];
  /** The file of the last segment. */
  readonly file: DiskFile;
  readonly tornTail: TornTail | null;
  readonly closed: boolean;
  readonly snapshot: SnapshotFile | null;
}

const MIN_SEGMENT_BYTES = 1024;
/** Offsets are 32 bits wide, and the largest record must fit behind the last small one. */
const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024;
const MAX_FRAME_BYTES = 1024 * 1024;

/** Fills in the defaults and checks the rest. */
export function resolveOptions(options: DurableLogOptions = {}): ResolvedOptions {
  const { segmentBytes = 64 * 1024 * 1024, reserveBytes = 1024 * 1024 } = options;
  if (!Number.isInteger(segmentBytes) || segmentBytes < MIN_SEGMENT_BYTES || segmentBytes > MAX_SEGMENT_BYTES) {
    throw new RangeError(`segmentBytes must be from ${MIN_SEGMENT_BYTES} to ${MAX_SEGMENT_BYTES}, not ${segmentBytes}`);
  }
  if (!Number.isInteger(reserveBytes) || reserveBytes < 0) {
    throw new RangeError(`reserveBytes must be a whole number from 0 on, not ${reserveBytes}`);
  }
  const frameBytes = Math.min(MAX_FRAME_BYTES, Math.floor(segmentBytes / 4) - FRAME_HEADER_BYTES);
  return { segmentBytes, reserveBytes: Math.min(reserveBytes, segmentBytes), frameBytes };
}

/**
 * Opens or creates the log in the directory, which this process has locked.
 *
 * @throws {LogError} `damaged`, `version`; {@link DiskError} when the disk fails
 */
export function openDirectory(disk: Disk, random: Random, options: ResolvedOptions): OpenedDirectory {
  for (const name of disk.list()) if (isTemporary(name)) disk.remove(name);
  const names = disk.list();
  if (!names.includes(META_FILE)) return createLog(disk, random, options, names);
  const identity = readMeta(disk);
  const positions = snapshotPositions(names);
  const newest = positions.at(-1);
  const snapshot = newest === undefined ? null : new SnapshotFile(disk, identity, newest);
  const numbers = segmentNumbers(names);
  if (numbers.length === 0) {
    const text = `${disk.path} has a meta file and no segments: the log is gone; ${RESTORE}`;
    throw new LogError("damaged", text, { file: META_FILE });
  }
  const recovered = recoverSegments(disk, identity, numbers, snapshot?.position ?? 0);
  if (snapshot !== null) removeOlderSnapshots(disk, positions, snapshot.position);
  return { identity, snapshot, ...recovered };
}

function createLog(disk: Disk, random: Random, options: ResolvedOptions, names: readonly string[]): OpenedDirectory {
  const numbers = segmentNumbers(names);
  const isUnused = numbers.every((number) => number === 1 && isEmptySegment(disk, segmentName(number)));
  if (!isUnused || snapshotPositions(names).length > 0) {
    const text = `${disk.path} has records and no ${META_FILE} file: ${RESTORE}`;
    throw new LogError("damaged", text, { file: META_FILE });
  }
  if (numbers.length > 0) disk.remove(segmentName(1));
  const identity = random.bytes(IDENTITY_BYTES);
  const file = createSegment(disk, identity, 1, options.reserveBytes);
  try {
    file.syncNow();
    disk.syncDirectory();
    writeMeta(disk, identity);
  } catch (error) {
    file.close();
    throw error;
  }
  return { identity, segments: [new Segment(1, identity, 1)], file, tornTail: null, closed: false, snapshot: null };
}

function isEmptySegment(disk: Disk, name: string): boolean {
  const end = withFile(disk.open(name), (file) => new FrameReader(file, 0, 64 * 1024).contentEnd(0));
  return end <= FILE_HEADER_BYTES;
}
