/**
 * The log without a disk: for `--memory` and for tests of what stands on a log.
 *
 * It keeps the promises of the port that do not need a disk, and the order of events: a record is reported
 * durable in a later turn than it was appended, never earlier, so that code which works here does not lean on
 * a log that answers at once.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import {
  type Log,
  LogError,
  type LogListener,
  type LogRecord,
  type LogStatus,
  type SnapshotReader,
  type SnapshotWriter,
} from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { checkListener, checkReadPosition, checkSnapshot, checkTruncatePosition } from "./preconditions.ts";

/** Truncated records are forgotten one by one and their slots are taken out of the array in runs of this many. */
const COMPACTION = 1_024;

interface StoredSnapshot {
  readonly position: number;
  readonly slices: readonly Uint8Array[];
  readonly size: number;
}

/** What a memory log is made of. */
export interface MemoryLogOptions {
  /** Says when a turn is over. */
  readonly clock: Clock;
  /** Draws the identity. */
  readonly random: Random;
}

/**
 * A {@link Log} that forgets everything when the process ends.
 *
 * @example
 * ```ts
 * import { MemoryLog } from "./memory_log.ts";
 * import { systemClock } from "../adapters/system_clock.ts";
 * import { systemRandom } from "../adapters/system_random.ts";
 *
 * const log = new MemoryLog({ clock: systemClock, random: systemRandom });
 * log.listen({ onDurable: (position) => console.log(position), onFailure: (error) => console.error(error) });
 * log.append(new TextEncoder().encode("a record"));
 * ```
 */
export class MemoryLog implements Log {
  /** 16 random bytes, drawn when the log was made. */
  readonly identity: Uint8Array;
  #clock: Clock;
  #listener: LogListener | null = null;
  /** Records from position `#base` on; those below `#first` are emptied. */
  #records: Uint8Array[] = [];
  #base = 1;
  #first = 1;
  #durable = 0;
  #bytes = 0;
  #appends = 0;
  #syncs = 0;
  #scheduled = false;
  #closed = false;
  #snapshot: StoredSnapshot | null = null;
  #writing = false;

  /** An empty log. */
  constructor(options: MemoryLogOptions) {
    this.#clock = options.clock;
    this.identity = options.random.bytes(16);
  }

  /** See {@link Log.firstPosition}. */
  get firstPosition(): number {
    return this.#first;
  }

  /** See {@link Log.lastPosition}. */
  get lastPosition(): number {
    return this.#base + this.#records.length - 1;
  }

  /** The position up to which records were reported, 0 for none. */
  get durablePosition(): number {
    return this.#durable;
  }

  /** See {@link Log.listen}. */
  listen(listener: LogListener): void {
    checkListener(this.#listener);
    this.#listener = listener;
  }

  /** See {@link Log.append}. */
  append(payload: Uint8Array): number {
    if (this.#closed) throw new LogError("closed", "the log was closed and takes no more records");
    this.#records.push(payload.slice());
    this.#bytes += payload.length;
    this.#appends++;
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#clock.defer(() => this.#flush());
    }
    return this.lastPosition;
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#durable === this.lastPosition) return;
    this.#durable = this.lastPosition;
    this.#syncs++;
    this.#listener?.onDurable(this.#durable);
  }

  /** See {@link Log.read}. */
  read(position: number, limit_bytes: number): LogRecord[] {
    checkReadPosition(position, this.#first);
    const found: LogRecord[] = [];
    let bytes = 0;
    for (let at = position; at <= this.#durable; at++) {
      const payload = this.#records[at - this.#base]!;
      bytes += payload.length;
      if (found.length > 0 && bytes > limit_bytes) break;
      found.push({ position: at, payload });
    }
    return found;
  }

  /** See {@link Log.truncate}. Exact: a memory log has no segments. */
  truncate(position: number): void {
    checkTruncatePosition(position, this.lastPosition);
    const last = Math.min(position, this.#snapshot?.position ?? 0);
    for (; this.#first <= last; this.#first++) {
      const index = this.#first - this.#base;
      this.#bytes -= this.#records[index]!.length;
      this.#records[index] = new Uint8Array(0);
    }
    const gone = this.#first - this.#base;
    if (gone >= COMPACTION) {
      this.#records.splice(0, gone);
      this.#base = this.#first;
    }
  }

  /** See {@link Log.writeSnapshot}. `commit` calls back in a later turn. */
  writeSnapshot(position: number): SnapshotWriter {
    if (this.#closed) throw new LogError("closed", "the log was closed and takes no snapshot");
    checkSnapshot(this.#writing, position, this.#snapshot?.position ?? 0, this.#durable);
    this.#writing = true;
    const slices: Uint8Array[] = [];
    let size = 0;
    let ended = false;
    const end = (): void => {
      ended = true;
      this.#writing = false;
    };
    return {
      write: (slice) => {
        if (ended) throw new RangeError("the snapshot was committed or aborted before");
        slices.push(slice.slice());
        size += slice.length;
      },
      commit: (done) => {
        if (ended) throw new RangeError("the snapshot was committed or aborted before");
        ended = true;
        this.#clock.defer(() => {
          end();
          if (this.#closed) return done(new LogError("closed", "the log was closed before the snapshot was stored"));
          this.#snapshot = { position, slices, size };
          done(null);
        });
      },
      abort: () => {
        if (!ended) end();
      },
    };
  }

  /** See {@link Log.readSnapshot}. */
  readSnapshot(): SnapshotReader | null {
    const snapshot = this.#snapshot;
    if (snapshot === null) return null;
    return { position: snapshot.position, size: snapshot.size, slices: () => snapshot.slices };
  }

  /** See {@link Log.status}. */
  status(): LogStatus {
    return {
      bytes: this.#bytes,
      segments: 1,
      firstPosition: this.#first,
      lastPosition: this.lastPosition,
      durablePosition: this.#durable,
      appends: this.#appends,
      syncs: this.#syncs,
      snapshotPosition: this.#snapshot?.position ?? 0,
      snapshotBytes: this.#snapshot?.size ?? 0,
    };
  }

  /** See {@link Log.close}. */
  close(done: (error: LogError | null) => void): void {
    if (this.#closed) return done(null);
    this.#closed = true;
    this.#clock.defer(() => {
      this.#flush();
      done(null);
    });
  }
}
