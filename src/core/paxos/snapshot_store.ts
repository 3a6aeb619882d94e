/**
 * The snapshots of one replica: takes them of its own state, restores them, and takes over those of others.
 *
 * Invariants:
 * - A snapshot holds all that the log before it says (see `snapshot_header.ts`).
 * - The log keeps what the last snapshot but one stands for, so that a replica that is a little behind can be served
 *   from it.
 * - A snapshot from elsewhere replaces the state only when it is whole, newer, and stored: a learner that begins anew
 *   never falls back behind it, and so what was accepted in the slots before it may be let go.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log, SnapshotWriter } from "../../ports/log.ts";
import { KvError } from "../errors.ts";
import type { SnapshotSink, StateMachine } from "../replication.ts";
import { Snapshotter } from "../snapshotter.ts";
import type { SnapshotInstall } from "./catch_up.ts";
import type { LearnerStart } from "./learner.ts";
import { Origins } from "./origins.ts";
import { openSnapshot } from "./recovery.ts";
import { MAX_SLOT_SPAN } from "./slot_index.ts";
import type { SlotLog } from "./slot_log.ts";
import { decodeHeader, encodeHeader, type SnapshotHeader, withHeader } from "./snapshot_header.ts";

/** What a store of snapshots is made of. */
export interface SnapshotStoreOptions {
  readonly replicas: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly machine: StateMachine;
  readonly slots: SlotLog;
  readonly snapshotEvery_bytes: number;
  readonly snapshotSlice_bytes: number;
}

/** The state that a learner begins with. */
export interface RestoredState {
  readonly slot: number;
  readonly origins: Origins;
  /** Null when there is no snapshot. */
  readonly header: SnapshotHeader | null;
}

/** Whom a snapshot from elsewhere concerns. */
export interface Replacing {
  /** Whether a state that includes `slot` is newer than the present one. */
  readonly isNewer: (slot: number) => boolean;
  /** The state is that of `slot` now. */
  readonly onReplaced: (slot: number, origins: Origins) => void;
  /** Runs what is to happen when the disk has the snapshot as a handler of its own. */
  readonly turn: (action: () => void) => void;
}

/** A snapshot of another replica that is being taken over. */
interface Installing extends LearnerStart {
  readonly position: number;
  readonly sink: SnapshotSink;
  readonly writer: SnapshotWriter;
  readonly replacing: Replacing;
  /** The learner that wanted it is gone. */
  isGivenUp: boolean;
}

/** A snapshot is due after so many slots, however small their values are. */
const MAX_SLOTS_BETWEEN = MAX_SLOT_SPAN / 8;

/** Bytes of a slice of the initial state. */
const INITIAL_SLICE_BYTES = 64 * 1024;

/** Snapshots. */
export class SnapshotStore {
  readonly #options: SnapshotStoreOptions;
  readonly #snapshotter: Snapshotter;
  /** The machine as it was given, for a learner that begins anew before there is a snapshot. */
  readonly #initial: Uint8Array[] = [];
  /** The slot of the stored snapshot, and the one being written. */
  #slot = 0;
  #nextSlot = 0;
  /** The position of the stored snapshot. */
  #position = 0;
  #origins = new Origins();
  #installing: Installing | null = null;
  #isPristine = true;
  #failure: string | null = null;

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
    const { log, clock, machine } = options;
    const source = machine.snapshot();
    for (let slice = source.next(INITIAL_SLICE_BYTES); slice !== null; slice = source.next(INITIAL_SLICE_BYTES)) {
      this.#initial.push(slice.slice());
    }
    source.close();
    const withState = {
      snapshot: () => withHeader(this.#header(this.#nextSlot, options.slots.base, this.#origins), machine.snapshot()),
    };
    this.#snapshotter = new Snapshotter(log, clock, withState, options, (position) => this.#onTaken(position));
  }

  /** The header of the stored snapshot, or null. */
  get header(): SnapshotHeader | null {
    const reader = this.#options.log.readSnapshot();
    if (reader === null) return null;
    const { header, slices } = openSnapshot(reader);
    slices.return?.();
    return header;
  }

  /** The slot of the stored snapshot, 0 for none. */
  get slot(): number {
    return this.#slot;
  }

  /** How many were written of this replica's own state. */
  get taken(): number {
    return this.#snapshotter.taken;
  }

  /** Why the latest could not be written, or null. */
  get failure(): string | null {
    return this.#snapshotter.failure ?? this.#failure;
  }

  #header(slot: number, base: number, origins: Origins): Uint8Array {
    const { promised, round, life, isJoined, identities } = this.#options.slots.facts;
    const { replicas } = this.#options;
    return encodeHeader({ replicas, slot, base, promised, round, life, isJoined, identities, origins });
  }

  /** Puts the machine into the state of the stored snapshot, or into that in which it was given. */
  restore(): RestoredState {
    const reader = this.#options.log.readSnapshot();
    if (reader === null) {
      if (!this.#isPristine) this.#refill(this.#initial);
      this.#isPristine = false;
      return { slot: 0, origins: new Origins(), header: null };
    }
    const { header, slices } = openSnapshot(reader);
    const { replicas } = this.#options;
    if (header.replicas !== replicas) {
      throw new KvError(
        "INVALID_ARGUMENT",
        `the data is of a cluster of ${header.replicas} replicas, and this one has ${replicas}: start it with the same peers`,
      );
    }
    this.#refill({ [Symbol.iterator]: () => slices });
    this.#isPristine = false;
    this.#slot = header.slot;
    this.#position = reader.position;
    this.#options.slots.dropBelow(header.base);
    return { slot: header.slot, origins: header.origins, header };
  }

  #refill(slices: Iterable<Uint8Array>): void {
    const sink = this.#options.machine.restore();
    for (const slice of slices) sink.write(slice);
    sink.finish();
  }

  /** A slot with so many bytes was applied: begins a snapshot when it is time. */
  onApplied(slot: number, bytes: number, origins: Origins): void {
    // Small values count for more than they are, so that the slots of a log stay within the reach of its index.
    const least_bytes = this.#options.snapshotEvery_bytes / MAX_SLOTS_BETWEEN;
    if (!this.#snapshotter.isDue(Math.max(bytes, least_bytes)) || this.#installing !== null) return;
    // A learner that was started again from an earlier state comes by here once more: the stored snapshot is newer.
    if (slot <= this.#slot) return;
    const position = this.#options.slots.positionOf(slot);
    if (position < 1 || position < this.#position) return;
    this.#nextSlot = slot;
    this.#origins = origins;
    this.#snapshotter.begin(position);
  }

  #onTaken(position: number): void {
    this.#setStored(position, this.#nextSlot);
    this.#options.slots.onTruncated(this.#slot);
  }

  #setStored(position: number, slot: number): void {
    const before = this.#position;
    this.#position = position;
    this.#slot = slot;
    this.#options.log.truncate(before);
  }

  /** Gives up a snapshot of a state that is about to go. */
  cancel(): void {
    this.#snapshotter.cancel();
  }

  /** No more snapshots. */
  close(): void {
    this.#snapshotter.close();
  }

  /**
   * Begins to take over a snapshot of another replica, whose first part is `first`. Null while another one is on its way
   * to the disk. `isNewer` is asked when the snapshot is stored, and `onReplaced` called when the state is the new one.
   */
  install(first: Uint8Array, replacing: Replacing): SnapshotInstall | null {
    this.#snapshotter.cancel();
    if (this.#snapshotter.isBusy || this.#installing !== null) return null;
    const { slot, origins } = decodeHeader(first);
    const position = this.#options.slots.positionOf(slot);
    // A new log whose first record is not durable yet has nothing that a snapshot could stand for.
    if (position < 1 || position < this.#position) return null;
    const sink = this.#options.machine.restore();
    const writer = this.#options.log.writeSnapshot(position);
    const installing: Installing = { slot, position, origins, sink, writer, replacing, isGivenUp: false };
    this.#installing = installing;
    writer.write(this.#header(slot, slot + 1, origins));
    let isCommitting = false;
    return {
      write: (slice) => {
        sink.write(slice);
        writer.write(slice);
      },
      abort: () => {
        installing.isGivenUp = true;
        if (isCommitting) return;
        this.#installing = null;
        writer.abort();
      },
      finish: (done) => {
        isCommitting = true;
        this.#finish(installing, done);
      },
    };
  }

  #finish(installing: Installing, done: (hasReplaced: boolean, now: number) => void): void {
    const { clock, slots } = this.#options;
    const { slot, position, origins, sink, writer, replacing } = installing;
    const { isNewer, onReplaced, turn } = replacing;
    // What was on its way when the transfer began may have brought this replica further than the snapshot meanwhile.
    if (!isNewer(slot)) {
      this.#installing = null;
      writer.abort();
      return done(false, clock.monotonic());
    }
    writer.commit((error) =>
      turn(() => {
        this.#installing = null;
        this.#failure = error?.message ?? null;
        const mayReplace = error === null && !installing.isGivenUp && isNewer(slot);
        if (error === null) this.#setStored(position, slot);
        // A learner that has begun anew meanwhile, from the snapshot before, still fills the slots in between.
        if (mayReplace) {
          sink.finish();
          slots.dropBelow(slot + 1);
          onReplaced(slot, origins);
        }
        done(mayReplace, clock.monotonic());
      })
    );
  }
}
