/**
 * A log in memory that is slow when a test wants it to be, and that loses what was not durable when its replica dies.
 *
 * @module
 */
import {
  type Log,
  LogError,
  type LogListener,
  type LogRecord,
  type LogStatus,
  type SnapshotReader,
  type SnapshotWriter,
} from "../../src/ports/log.ts";
import { checkReadPosition, checkSnapshot, checkTruncatePosition } from "../../src/log/preconditions.ts";
import type { Clock } from "../../src/ports/clock.ts";

interface Stored {
  readonly position: number;
  readonly slices: readonly Uint8Array[];
}

/** A log. */
export class HeldLog implements Log {
  readonly identity: Uint8Array;
  /** While it is set, nothing becomes durable and no snapshot is stored. */
  isHeld = false;
  /** While it is set, records can be appended and synced, but snapshots wait. */
  holdsSnapshots = false;
  /** The log fails at this many appends from now on. */
  failsIn: number = Number.POSITIVE_INFINITY;
  firstPosition = 1;
  durablePosition = 0;
  records: Uint8Array[] = [];
  /** For how long the sync of each record might have waited. */
  slacks: number[] = [];
  snapshot: Stored | null = null;
  isWriting = false;
  readonly #clock: Clock;
  #listener: LogListener | null = null;
  #isClosed = false;
  #commits: (() => void)[] = [];

  constructor(clock: Clock, identity: Uint8Array) {
    this.#clock = clock;
    this.identity = identity;
  }

  /** The log as the next life of its replica finds it. */
  afterCrash(clock: Clock): HeldLog {
    const log = new HeldLog(clock, this.identity);
    log.firstPosition = this.firstPosition;
    log.records = this.records.slice(0, this.durablePosition);
    log.durablePosition = this.durablePosition;
    log.snapshot = this.snapshot;
    return log;
  }

  get lastPosition(): number {
    return this.records.length;
  }

  listen(listener: LogListener): void {
    this.#listener = listener;
  }

  append(payload: Uint8Array, slack_ms = 0): number {
    this.slacks.push(slack_ms);
    if (this.#isClosed) throw new LogError("closed", "the log was closed");
    if (--this.failsIn < 0) {
      this.#isClosed = true;
      this.#clock.defer(() => this.#listener?.onFailure(new LogError("full", "no space left on device")));
      throw new LogError("full", "no space left on device");
    }
    this.records.push(payload.slice());
    this.#clock.defer(() => this.#sync());
    return this.records.length;
  }

  #sync(): void {
    if (this.isHeld || this.#isClosed) return;
    if (this.durablePosition < this.records.length) {
      this.durablePosition = this.records.length;
      this.#listener?.onDurable(this.durablePosition);
    }
    if (this.holdsSnapshots) return;
    for (const commit of this.#commits.splice(0)) commit();
  }

  /** Lets everything become durable again. */
  release(): void {
    this.isHeld = false;
    this.holdsSnapshots = false;
    this.#clock.defer(() => this.#sync());
  }

  read(position: number, limit_bytes: number): LogRecord[] {
    checkReadPosition(position, this.firstPosition);
    const found: LogRecord[] = [];
    let bytes = 0;
    for (let at = position; at <= this.durablePosition; at++) {
      const payload = this.records[at - 1]!;
      bytes += payload.length;
      if (found.length > 0 && bytes > limit_bytes) break;
      found.push({ position: at, payload });
    }
    return found;
  }

  truncate(position: number): void {
    checkTruncatePosition(position, this.lastPosition);
    const last = Math.min(position, this.snapshot?.position ?? 0);
    for (; this.firstPosition <= last; this.firstPosition++) this.records[this.firstPosition - 1] = new Uint8Array(0);
  }

  writeSnapshot(position: number): SnapshotWriter {
    checkSnapshot(this.isWriting, position, this.snapshot?.position ?? 0, this.durablePosition);
    this.isWriting = true;
    const slices: Uint8Array[] = [];
    return {
      write: (slice) => void slices.push(slice.slice()),
      commit: (done) => {
        this.#commits.push(() => {
          this.isWriting = false;
          this.snapshot = { position, slices };
          done(null);
        });
        this.#clock.defer(() => this.#sync());
      },
      abort: () => void (this.isWriting = false),
    };
  }

  readSnapshot(): SnapshotReader | null {
    const stored = this.snapshot;
    return stored && { position: stored.position, size: 0, slices: () => stored.slices };
  }

  status(): LogStatus {
    return {
      bytes: 0,
      segments: 1,
      firstPosition: this.firstPosition,
      lastPosition: this.lastPosition,
      durablePosition: this.durablePosition,
      appends: 0,
      syncs: 0,
      snapshotPosition: this.snapshot?.position ?? 0,
      snapshotBytes: 0,
    };
  }

  close(done: (error: LogError | null) => void): void {
    this.#sync();
    this.#isClosed = true;
    this.#clock.defer(() => done(null));
  }
}
