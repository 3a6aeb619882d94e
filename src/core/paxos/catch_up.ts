/**
 * How a replica that lags behind gets what was chosen without it: values from the log of another replica, or that
 * replica's snapshot where its log has been truncated. It asks for one reply at a time, so that catching up never
 * takes more of a busy leader than one reply's worth at once.
 *
 * Invariant: the state is replaced only by a whole snapshot that is newer than the state.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import type { Random } from "../../ports/random.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type Learned, MESSAGE, type Message, type SnapshotPart } from "./messages.ts";

/** Takes a snapshot that comes in parts. */
export interface SnapshotInstall {
  /** Takes the next slice. */
  write(slice: Uint8Array): void;
  /** Stores the snapshot, then replaces the state, unless that has gone past it or this was given up; then calls `done`. */
  finish(done: (hasReplaced: boolean, now: number) => void): void;
  /** Gives up; nothing has changed. */
  abort(): void;
}

/** What catching up is made of. Times are milliseconds of the monotonic clock. */
export interface CatchUpOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly random: Random;
  readonly send: (to: ReplicaId, message: Message) => void;
  /** This replica's watermark. */
  readonly chosen: () => number;
  /** Takes a chosen value. */
  readonly onValue: (slot: number, value: Uint8Array) => void;
  /** Begins to take a snapshot, or null when that is not possible now. `header` is its first part. */
  readonly install: (header: Uint8Array) => SnapshotInstall | null;
  /** How long a gap may last before values are asked for: most gaps are filled by what is on its way. */
  readonly grace_ms: number;
  /** How long a reply may take before another replica is asked. */
  readonly timeout_ms: number;
}

/** More slots than a leader keeps open: who lacks as many was away, and does not just miss a message. */
const FAR_SLOTS = 256;

/** How often a part of a snapshot is asked for again before another replica is asked for all of it. */
const PART_TRIES = 10;

/** A snapshot that is being fetched. */
interface Fetching {
  readonly slot: number;
  part: number;
  /** How often this part was asked for again. */
  tries: number;
  checksum: number;
  /** Every part is here, and the snapshot is on its way to the disk. */
  isWhole: boolean;
  readonly install: SnapshotInstall;
}

/** Catches up. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  /** Values up to here are known to be chosen, and wanted. */
  #target = 0;
  /** Who has them, probably. */
  #source: ReplicaId;
  /** Where the watermark was when the gap was noticed, and when that was. */
  #gap: { chosen: number; since: number } | null = null;
  /** When the request under way was sent, or null when there is none. */
  #askedAt: number | null = null;
  #fetching: Fetching | null = null;
  #snapshots = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#source = options.id;
  }

  /** How many snapshots have replaced the state. */
  get snapshots(): number {
    return this.#snapshots;
  }

  /** Whether values are being fetched. */
  get isActive(): boolean {
    return this.#askedAt !== null;
  }

  /** How many slots are known to be chosen, and wanted. */
  get lag(): number {
    return Math.max(0, this.#target - this.#options.chosen());
  }

  /** Whether this replica takes over a snapshot, or lacks so much that what it is asked for now would have to wait long. */
  get isFarBehind(): boolean {
    return this.#fetching !== null || this.lag > FAR_SLOTS;
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    if (this.#fetching?.isWhole === true) return Number.POSITIVE_INFINITY;
    if (this.#askedAt !== null) return this.#askedAt + this.#options.timeout_ms;
    return this.#gap === null ? Number.POSITIVE_INFINITY : this.#gap.since + this.#options.grace_ms;
  }

  /** Takes notice that `from` has every value up to `slot`. */
  aim(slot: number, from: ReplicaId, now: number): void {
    if (slot <= this.#options.chosen()) return;
    if (slot >= this.#target || this.#source === this.#options.id) {
      this.#target = slot;
      if (this.#askedAt === null && from !== this.#options.id) this.#source = from;
    }
    const isIdle = this.#askedAt === null && this.#fetching === null;
    if (isIdle) this.#gap ??= { chosen: this.#options.chosen(), since: now };
  }

  /** Asks when a gap has lasted; asks another replica when no reply came. */
  onTick(now: number): void {
    if (this.#fetching?.isWhole === true) return;
    const chosen = this.#options.chosen();
    if (chosen >= this.#target) return this.#stop();
    if (this.#askedAt !== null) {
      if (now - this.#askedAt >= this.#options.timeout_ms) this.#askAgain(now);
      return;
    }
    if (this.#gap === null || now - this.#gap.since < this.#options.grace_ms) return;
    if (chosen > this.#gap.chosen) this.#gap = { chosen, since: now };
    else this.#ask(now);
  }

  /** Forgets what was wanted and under way. */
  reset(): void {
    this.#target = 0;
    this.#stop();
  }

  #stop(): void {
    this.#gap = null;
    this.#askedAt = null;
    this.#abort();
  }

  #ask(now: number): void {
    this.#gap = null;
    if (this.#source === this.#options.id) this.#source = this.#anyOther();
    this.#askedAt = now;
    const fetching = this.#fetching;
    if (fetching === null) {
      this.#options.send(this.#source, { type: MESSAGE.learn, slot: this.#options.chosen() + 1 });
    } else {
      this.#options.send(this.#source, { type: MESSAGE.fetchSnapshot, slot: fetching.slot, part: fetching.part });
    }
  }

  /** No reply came: a snapshot of many parts is not given up for one that was lost. */
  #askAgain(now: number): void {
    const fetching = this.#fetching;
    if (fetching !== null && ++fetching.tries < PART_TRIES) this.#ask(now);
    else this.#askAnother(now);
  }

  #askAnother(now: number): void {
    this.#abort();
    this.#source = this.#anyOther();
    this.#ask(now);
  }

  #anyOther(): ReplicaId {
    const { id, replicas, random } = this.#options;
    if (replicas === 1) return id;
    return (id + 1 + Math.floor(random.next() * (replicas - 1))) % replicas;
  }

  /** Takes values, and asks for more while there are more. */
  onLearned(from: ReplicaId, { slot, values, snapshot }: Learned, now: number): void {
    if (from !== this.#source || this.#askedAt === null || this.#fetching !== null) return;
    const before = this.#options.chosen();
    for (const [index, value] of values.entries()) this.#options.onValue(slot + index, value);
    const chosen = this.#options.chosen();
    if (chosen >= this.#target) return this.#stop();
    if (chosen > before) return this.#ask(now);
    // A late copy of an earlier reply brings nothing new; whoever has nothing is asked again in a while.
    if (snapshot <= chosen || slot !== chosen + 1) return;
    this.#askedAt = now;
    this.#options.send(from, { type: MESSAGE.fetchSnapshot, slot: 0, part: 0 });
  }

  /** Takes a part of a snapshot; the last one replaces the state. */
  onSnapshotPart(from: ReplicaId, message: SnapshotPart, now: number): void {
    if (from !== this.#source || this.#askedAt === null) return;
    const { slot, part, checksum, bytes } = message;
    if (this.#fetching === null && part === 0 && slot > this.#options.chosen()) {
      if (crc32(bytes) !== checksum) return this.#askAnother(now);
      const install = this.#options.install(bytes);
      if (install === null) return;
      this.#fetching = { slot, part: 0, tries: 0, checksum: 0, isWhole: false, install };
    }
    const fetching = this.#fetching;
    if (fetching === null) return;
    if (slot === 0) return this.#askAnother(now);
    if (slot !== fetching.slot || part !== fetching.part) return;
    const expected = crc32(bytes, fetching.checksum);
    if (expected !== checksum) return this.#askAnother(now);
    if (part > 0) fetching.install.write(bytes);
    fetching.checksum = checksum;
    fetching.part++;
    fetching.tries = 0;
    if (message.isLast) this.#finish(fetching);
    else this.#ask(now);
  }

  #finish(fetching: Fetching): void {
    fetching.isWhole = true;
    this.#askedAt = null;
    fetching.install.finish((hasReplaced, now) => {
      if (this.#fetching !== fetching) return;
      this.#fetching = null;
      if (hasReplaced) this.#snapshots++;
      if (this.#options.chosen() >= this.#target) this.#stop();
      // A disk that does not take a snapshot is not tried again at once.
      else if (hasReplaced) this.#ask(now);
      else this.#gap = { chosen: this.#options.chosen(), since: now };
    });
  }

  #abort(): void {
    const fetching = this.#fetching;
    this.#fetching = null;
    fetching?.install.abort();
  }
}
