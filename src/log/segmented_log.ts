/**
 * The durable log: records in segments on a disk, group commit, snapshots that let old segments go.
 *
 * Invariants:
 * - At most one flush is on its way to the disk: one write, then one sync. What is appended meanwhile is the
 *   next flush. So everything before a flush was durable when it was written, which recovery leans on.
 * - A position is reported durable after the sync of its flush has succeeded, and after a failure of any kind
 *   nothing more is written or reported: a sync that succeeds after one that failed proves nothing.
 * - Segments are removed only when a stored snapshot stands for all they hold.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { Disk, DiskFile } from "../ports/disk.ts";
import {
  LogError,
  type LogListener,
  type LogRecord,
  type LogStatus,
  type SnapshotReader,
  type SnapshotWriter,
} from "../ports/log.ts";
import { toLogError } from "./disk_failure.ts";
import type { DurableLog, DurableLogConfig } from "./durable_log.ts";
import { encodeMark, FRAME_HEADER_BYTES, KIND_CLOSE, KIND_SEAL, MAX_RECORD_BYTES } from "./frame.ts";
import type { OpenedDirectory, ResolvedOptions } from "./open_directory.ts";
import { PendingFrames } from "./pending_frames.ts";
import { checkListener, checkReadPosition, checkSnapshot, checkTruncatePosition } from "./preconditions.ts";
import { RecordReader } from "./record_reader.ts";
import type { TornTail } from "./recovery.ts";
import { Segment } from "./segment.ts";
import { reserve, SegmentPreparer } from "./segment_preparer.ts";
import { removeOlderSnapshots, SnapshotFile, SnapshotFileWriter } from "./snapshot_file.ts";

/** A flush is one write, and a write holds the event loop up: more than this goes in several flushes. */
const MAX_FLUSH_BYTES = 8 * 1024 * 1024;

/** So many bytes wait for no more. */
const MAX_SLACK_BYTES = 256 * 1024;

/** A write of this part of a reserved step, or more, is a large one. */
const LARGE_WRITES_IN_STEP = 4;

/** A log in segments on a disk, from what was opened on. */
export class SegmentedLog implements DurableLog {
  readonly identity: Uint8Array;
  readonly recovered: TornTail | null;
  #disk: Disk;
  #clock: Clock;
  #options: ResolvedOptions;
  #listener: LogListener | null = null;
  #segments: Segment[];
  #file: DiskFile;
  #reader: RecordReader;
  #preparer: SegmentPreparer;
  #pending: PendingFrames;
  #last: number;
  #durable: number;
  #written: number;
  #reserved: number;
  #isMarked: boolean;
  /** Runs while all that is pending may wait for more. */
  #slack: Timer | null = null;
  #isScheduled = false;
  #isSyncing = false;
  #isWaitingForSegment = false;
  #isFullForNext = false;
  #failure: LogError | null = null;
  #closing: ((error: LogError | null) => void) | null = null;
  #isClosed = false;
  #snapshot: SnapshotFile | null;
  #writer: SnapshotFileWriter | null = null;
  #appends = 0;
  #syncs = 0;

  constructor(config: DurableLogConfig, options: ResolvedOptions, opened: OpenedDirectory) {
    this.identity = opened.identity;
    this.recovered = opened.tornTail;
    this.#disk = config.disk;
    this.#clock = config.clock;
    this.#options = options;
    this.#segments = opened.segments;
    this.#file = opened.file;
    this.#reader = new RecordReader(this.#disk);
    this.#preparer = new SegmentPreparer(this.#disk, this.identity, options.reserveBytes);
    this.#pending = new PendingFrames(options.frameBytes);
    this.#last = this.#durable = this.#written = this.#active.lastPosition;
    this.#reserved = opened.file.size();
    this.#isMarked = opened.closed;
    this.#snapshot = opened.snapshot;
  }

  get #active(): Segment {
    return this.#segments.at(-1)!;
  }

  get firstPosition(): number {
    return this.#segments[0]!.firstPosition;
  }

  get lastPosition(): number {
    return this.#last;
  }

  get durablePosition(): number {
    return this.#durable;
  }

  listen(listener: LogListener): void {
    checkListener(this.#listener);
    this.#listener = listener;
  }

  append(payload: Uint8Array, slack_ms = 0): number {
    this.#checkOpen();
    if (payload.length > MAX_RECORD_BYTES) {
      throw new RangeError(`a record of ${payload.length} bytes is over the limit of ${MAX_RECORD_BYTES}`);
    }
    if (slack_ms === 0 || this.#pending.bytes + payload.length > MAX_SLACK_BYTES) this.#flushSoon();
    else if (this.#pending.isEmpty) this.#slack = this.#clock.after(slack_ms, () => this.#endSlack());
    this.#pending.append(payload);
    this.#appends++;
    return ++this.#last;
  }

  #flushSoon(): void {
    this.#slack?.cancel();
    this.#slack = null;
    if (this.#isScheduled || this.#isSyncing) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #endSlack(): void {
    this.#slack = null;
    this.#flush();
  }

  #checkOpen(): void {
    if (this.#failure !== null) {
      throw new LogError("closed", `the log has stopped after a failure: ${this.#failure.message}`, {
        cause: this.#failure,
      });
    }
    if (this.#closing !== null || this.#isClosed) throw new LogError("closed", "the log was closed");
  }

  /** Sends what is pending to the disk, unless something is on its way already. */
  #flush(): void {
    if (this.#isSyncing || this.#failure !== null || this.#pending.isEmpty) return;
    try {
      const space = this.#options.segmentBytes - this.#active.end;
      const isEmpty = this.#active.lastPosition < this.#active.firstPosition;
      // A record larger than a segment gets one that is as large as it needs.
      if (!isEmpty && this.#pending.firstFrameBytes > space) {
        if (!this.#preparer.isReady) return this.#waitForSegment();
        this.#roll();
      }
      this.#write();
      this.#startSync();
    } catch (error) {
      this.#fail(toLogError(error));
    }
  }

  #write(): void {
    const segment = this.#active;
    const space = Math.min(MAX_FLUSH_BYTES, this.#options.segmentBytes - segment.end);
    const { bytes, frames } = this.#pending.take(space, segment.tag, segment.end, this.#durable);
    this.#reserve(segment.end + bytes.length, bytes.length);
    this.#file.write(segment.end, bytes);
    for (const frame of frames) segment.add(frame.bytes, frame.count);
    this.#written = segment.lastPosition;
    this.#isMarked = false;
  }

  /**
   * Keeps the file a step of zeros ahead of what is written, so that most syncs change nothing but data. With writes that
   * are nearly as large as a step that would write everything twice: they make the file longer by themselves.
   */
  #reserve(end: number, written_bytes: number): void {
    if (end <= this.#reserved) return;
    if (written_bytes * LARGE_WRITES_IN_STEP >= this.#options.reserveBytes) {
      this.#reserved = end;
      return;
    }
    const target = Math.min(end + this.#options.reserveBytes, Math.max(end, this.#options.segmentBytes));
    reserve(this.#file, target);
    this.#reserved = target;
  }

  #startSync(): void {
    this.#isSyncing = true;
    this.#file.sync((error) => {
      this.#isSyncing = false;
      if (this.#failure !== null) return this.#goOn();
      if (error !== null) return this.#fail(toLogError(error));
      this.#syncs++;
      this.#onSynced();
    });
  }

  #onSynced(): void {
    const durable = this.#written;
    const isNews = durable > this.#durable;
    this.#durable = durable;
    // The disk first: it works on the next flush while the owner answers for this one.
    if (this.#slack === null) this.#flush();
    this.#prepareNext();
    if (isNews) this.#listener?.onDurable(durable);
    this.#goOn();
  }

  #waitForSegment(): void {
    this.#isWaitingForSegment = true;
    if (!this.#preparer.isBusy) this.#prepare();
  }

  /** Has the next segment made when the present one is half full. */
  #prepareNext(): void {
    if (this.#failure !== null || this.#closing !== null || this.#isFullForNext) return;
    if (this.#preparer.isBusy || this.#preparer.isReady || this.#active.end * 2 < this.#options.segmentBytes) return;
    this.#prepare();
  }

  #prepare(): void {
    this.#preparer.prepare(this.#active.number + 1, (error) => {
      const isNeeded = this.#isWaitingForSegment;
      this.#isWaitingForSegment = false;
      // Space that is missing now may be there once it is needed.
      if (error !== null && error.code === "full" && !isNeeded) this.#isFullForNext = true;
      else if (error !== null) this.#fail(error);
      else if (isNeeded) this.#flush();
      this.#goOn();
    });
  }

  #roll(): void {
    const full = this.#active;
    // Not synced: the frames of the next segment prove as much, and the seal tells if that segment is lost.
    this.#file.write(full.end, encodeMark(KIND_SEAL, full.lastPosition, this.#durable, full.tag, full.end));
    full.add(FRAME_HEADER_BYTES, 0);
    this.#file.close();
    this.#file = this.#preparer.take();
    this.#reserved = this.#file.size();
    this.#isFullForNext = false;
    this.#segments.push(new Segment(full.number + 1, this.identity, full.lastPosition + 1));
  }

  #fail(error: LogError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#clock.defer(() => this.#listener?.onFailure(error));
    this.#goOn();
  }

  read(position: number, limit_bytes: number): LogRecord[] {
    checkReadPosition(position, this.firstPosition);
    if (this.#isClosed) throw new LogError("closed", "the log was closed");
    try {
      return this.#reader.read(this.#segments, this.#file, position, this.#durable, limit_bytes);
    } catch (error) {
      throw toLogError(error);
    }
  }

  truncate(position: number): void {
    checkTruncatePosition(position, this.#last);
    if (this.#failure !== null || this.#isClosed) return;
    const last = Math.min(position, this.#snapshot?.position ?? 0);
    let count = 0;
    while (count < this.#segments.length - 1 && this.#segments[count]!.lastPosition <= last) count++;
    if (count === 0) return;
    const gone = this.#segments.splice(0, count);
    this.#reader.close();
    try {
      for (const segment of gone) this.#disk.remove(segment.name);
      this.#disk.syncDirectory();
    } catch (error) {
      this.#fail(toLogError(error));
    }
  }

  writeSnapshot(position: number): SnapshotWriter {
    this.#checkOpen();
    checkSnapshot(this.#writer !== null, position, this.#snapshot?.position ?? 0, this.#durable);
    const writer = new SnapshotFileWriter(this.#disk, this.identity, position, (size, tell) => {
      this.#writer = null;
      if (size !== null) this.#adopt(position);
      this.#clock.defer(tell);
      this.#goOn();
    });
    this.#writer = writer;
    return writer;
  }

  /** Makes the stored snapshot at `position` the one that counts, and removes the one before it. */
  #adopt(position: number): void {
    const older = this.#snapshot?.position;
    try {
      this.#snapshot = new SnapshotFile(this.#disk, this.identity, position);
      if (older !== undefined) removeOlderSnapshots(this.#disk, [older], position);
    } catch (error) {
      this.#fail(toLogError(error));
    }
  }

  readSnapshot(): SnapshotReader | null {
    return this.#snapshot;
  }

  status(): LogStatus {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.end;
    return {
      bytes,
      segments: this.#segments.length,
      firstPosition: this.firstPosition,
      lastPosition: this.#last,
      durablePosition: this.#durable,
      appends: this.#appends,
      syncs: this.#syncs,
      snapshotPosition: this.#snapshot?.position ?? 0,
      snapshotBytes: this.#snapshot?.size ?? 0,
    };
  }

  close(done: (error: LogError | null) => void): void {
    if (this.#closing !== null || this.#isClosed) return done(this.#failure);
    this.#closing = done;
    this.#writer?.abort();
    this.#clock.defer(() => {
      this.#slack?.cancel();
      this.#slack = null;
      this.#flush();
      this.#goOn();
    });
  }

  /** Goes on with closing, if that was asked for, once nothing is on its way to the disk. */
  #goOn(): void {
    if (this.#closing === null || this.#isClosed) return;
    if (this.#isSyncing || this.#preparer.isBusy || this.#writer !== null) return;
    if (this.#failure === null && !this.#pending.isEmpty) return;
    if (this.#failure === null && !this.#isMarked) return this.#mark();
    this.#finishClose(this.#closing);
  }

  /** Ends the log with a mark that proves all before it. */
  #mark(): void {
    const { tag, end, lastPosition } = this.#active;
    try {
      this.#file.write(end, encodeMark(KIND_CLOSE, lastPosition, this.#durable, tag, end));
      this.#active.add(FRAME_HEADER_BYTES, 0);
      this.#isMarked = true;
      this.#startSync();
    } catch (error) {
      this.#fail(toLogError(error));
    }
  }

  #finishClose(done: (error: LogError | null) => void): void {
    this.#isClosed = true;
    this.#file.close();
    this.#reader.close();
    this.#preparer.close();
    this.#disk.close();
    const failure = this.#failure;
    this.#clock.defer(() => done(failure));
  }
}
