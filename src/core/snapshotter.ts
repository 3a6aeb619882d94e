/**
 * Writes a snapshot of the machine when enough has been logged since the last one, a slice a turn, so that the
 * machine goes on serving; then lets go of the log before it. A snapshot that fails leaves the earlier one
 * and the whole log in place, and is tried again after as much has been logged once more.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
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

/** Decides when a snapshot is due and sees it through. */
export class Snapshotter {
  #log: Log;
  #clock: Clock;
  #machine: Pick<StateMachine, "snapshot">;
  #onStored: (position: number) => void;
  #options: SnapshotOptions;
  #logged_bytes = 0;
  #running: { readonly source: SnapshotSource; readonly writer: SnapshotWriter; readonly position: number } | null =
    null;
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
    this.#running = { source: this.#machine.snapshot(), writer, position };
    this.#clock.defer(() => this.#step());
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

  #step(): void {
    const running = this.#running;
    if (running === null) return;
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
    if (written === null) this.#abandon();
    else this.#clock.defer(() => this.#step());
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
    running.source.close();
    this.#attempt(() => {
      running.writer.abort();
      return true;
    });
  }
}
