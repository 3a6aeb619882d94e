/**
 * Writes a snapshot of the machine when enough has been logged since the last one, a slice a turn, so that the
 * machine goes on serving; then lets go of the log before it. A large one takes its time: replicas write theirs all at
 * once, and whoever waits for a write would wait for processors and disks that are busy with them. But it must be done
 * long before the next one is due, so that the log stays short. A snapshot that fails leaves the earlier one
 * and the whole log in place, and is tried again after as much has been logged once more.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { Log, SnapshotWriter } from "../ports/log.ts";
import type { SnapshotSource, StateMachine } from "./replication.ts";

/** When and how snapshots are written. Sizes are bytes. */
export interface SnapshotOptions {
  /** A snapshot is due once this much has been logged since the last one. @default 134217728 */
  readonly snapshotEvery_bytes: number;
  /** How much is encoded and written a turn. @default 131072 */
  readonly snapshotSlice_bytes: number;
}

/** The options unless others are given. */
export const DEFAULT_SNAPSHOT_OPTIONS: SnapshotOptions = {
  snapshotEvery_bytes: 128 * 1024 * 1024,
  snapshotSlice_bytes: 128 * 1024,
};

/** So much of a snapshot is written at once, and the rest at this rate, unless the log grows too fast for that. */
const BURST_BYTES = 1024 * 1024;
const BYTES_PER_S = 16 * 1024 * 1024;
const LONGEST_PAUSE_MS = 25;
/** A snapshot is to be whole when this part of what is logged between two of them has been logged. */
const WHOLE_BY = 0.5;

/** A snapshot under way. */
interface Running {
  readonly source: SnapshotSource;
  readonly writer: SnapshotWriter;
  readonly position: number;
  readonly begun_ms: number;
  written_bytes: number;
  /** The next step, when it is not in the next turn. */
  timer: Timer | null;
}

/** Decides when a snapshot is due and sees it through. */
export class Snapshotter {
  #log: Log;
  #clock: Clock;
  #machine: Pick<StateMachine, "snapshot">;
  #onStored: (position: number) => void;
  #options: SnapshotOptions;
  #logged_bytes = 0;
  #running: Running | null = null;
  #committing = false;
  #closed = false;
  #failure: string | null = null;
  #taken = 0;

  /** `onStored` is called when a snapshot at a position is stored, and may let go of the log before it. */
  constructor(
    log: Log,
    clock: Clock,
    machine: Pick<StateMachine, "snapshot">,
    options: SnapshotOptions,
    onStored: (position: number) => void,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#machine = machine;
    this.#options = options;
    this.#onStored = onStored;
  }

  /** How many snapshots were written since the start. */
  get taken(): number {
    return this.#taken;
  }

  /** Why the latest snapshot failed, or null. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Whether a snapshot is being written. */
  get isBusy(): boolean {
    return this.#running !== null;
  }

  /** Called after `bytes` of the log have been applied: whether it is time to {@link begin} a snapshot. */
  isDue(bytes: number): boolean {
    this.#logged_bytes += bytes;
    return this.#logged_bytes >= this.#options.snapshotEvery_bytes && this.#running === null && !this.#closed;
  }

  /** Begins a snapshot; `position` is what the machine's state now includes. */
  begin(position: number): void {
    this.#logged_bytes = 0;
    const writer = this.#attempt(() => this.#log.writeSnapshot(position));
    if (writer === null) return;
    const begun_ms = this.#clock.monotonic();
    const source = this.#machine.snapshot();
    const running = { source, writer, position, begun_ms, written_bytes: 0, timer: null };
    this.#running = running;
    this.#clock.defer(() => this.#step(running));
  }

  /** Gives up a snapshot under way, unless it is complete and only on its way to the disk. */
  cancel(): void {
    if (!this.#committing) this.#abandon();
  }

  /** Gives up a snapshot under way; no further one is begun. */
  close(): void {
    this.#closed = true;
    this.cancel();
  }

  #step(running: Running): void {
    if (running !== this.#running) return;
    const pause_ms = this.#pauseOf(running);
    if (pause_ms > 0) {
      // The log may grow faster meanwhile.
      running.timer = this.#clock.after(Math.min(pause_ms, LONGEST_PAUSE_MS), () => this.#step(running));
      return;
    }
    const slice = running.source.next(this.#options.snapshotSlice_bytes);
    if (slice === null) {
      running.source.close();
      this.#committing = true;
      running.writer.commit((error) => this.#onCommitted(running.position, error?.message ?? null));
      return;
    }
    const written = this.#attempt(() => {
      running.writer.write(slice);
      return true;
    });
    if (written === null) return this.#abandon();
    running.written_bytes += slice.length;
    this.#clock.defer(() => this.#step(running));
  }

  /** How long the next slice can wait, in milliseconds. */
  #pauseOf({ source, begun_ms, written_bytes }: Running): number {
    const early_bytes = written_bytes - BURST_BYTES;
    if (early_bytes <= 0 || source.progress === undefined) return 0;
    const progress = source.progress();
    const logged = this.#logged_bytes / (WHOLE_BY * this.#options.snapshotEvery_bytes);
    if (progress < logged || progress >= 1) return 0;
    return Math.max(0, early_bytes / BYTES_PER_S * 1000 - (this.#clock.monotonic() - begun_ms));
  }

  #onCommitted(position: number, failure: string | null): void {
    this.#committing = false;
    this.#running = null;
    this.#failure = failure;
    if (failure !== null || this.#closed) return;
    this.#taken++;
    this.#attempt(() => {
      this.#onStored(position);
      return true;
    });
  }

  /** A full or failing disk must not end a server whose log is sound: the failure is kept for the status page. */
  #attempt<Value>(action: () => Value): Value | null {
    try {
      return action();
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  #abandon(): void {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    running.timer?.cancel();
    running.source.close();
    this.#attempt(() => {
      running.writer.abort();
      return true;
    });
  }
}
