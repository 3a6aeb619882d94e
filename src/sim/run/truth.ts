/**
 * What the servers of a run did, seen from inside: every event that was applied, and the log time. Checks compare
 * what clients saw with it, and each life of a server with the one before.
 *
 * Invariants: a revision never gets other events than it had, on any server; what was durable in a log is there in the
 * next life; and where nothing is applied before it is durable in the server's own log, what one life has applied the
 * next one has too.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { applyFrom, readBatch } from "../../core/batch.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { WatchEvent } from "../../core/kv/result.ts";
import type { SnapshotSink, SnapshotSource, StateMachine } from "../../core/replication.ts";
import type { Log } from "../../ports/log.ts";
import type { Violations } from "./violation.ts";

const EVERYTHING = { start: "" as Key, end: null, fromRevision: 0 } as const;
const READ_BYTES = 1024 * 1024;

/** A server in one life, as far as it can be compared with the next. */
export interface Life {
  readonly store: KVStore;
  readonly log: Log;
  /** Applies a command to the store as this life does, unseen. */
  apply(command: Uint8Array, time: number): void;
  /** The log position up to which it has applied. */
  appliedPosition(): number;
}

/** What really happened. */
export class Truth {
  /** Every event that any server applied, in the order of revisions. */
  readonly events: WatchEvent[] = [];
  /** The highest log time that any server reached, in milliseconds since the Unix epoch. */
  time = 0;
  /** How many lives were compared with the one before. */
  comparisons = 0;
  readonly #violations: Violations;
  readonly #last = new Map<number, Life>();
  readonly #expired = new Set<string>();
  readonly #digests = new Map<number, number>();
  /** The log of the latest life of each server. */
  readonly #logs = new Map<number, Log>();
  /** The states of which there are snapshots. */
  readonly #snapshots = new Set<string>();
  #revision: number;

  /** `revision` is where all servers begin. */
  constructor(violations: Violations, revision: number) {
    this.#violations = violations;
    this.#revision = revision;
  }

  /** Whether a key went because its time had come. */
  hasExpired(key: string): boolean {
    return this.#expired.has(key);
  }

  /** Takes notice of a command that a store has applied, and of its events. */
  onApplied(store: KVStore, events: readonly WatchEvent[]): void {
    if (store.time > this.time) this.time = store.time;
    if (events.length === 0) return;
    const digest = digestOf(events);
    const known = this.#digests.get(store.revision);
    if (known !== undefined) {
      if (known !== digest) {
        this.#violations.report("durability", `revision ${store.revision} was applied again with other events`);
      }
      return;
    }
    if (store.revision !== this.#revision + 1) {
      this.#violations.report("durability", `revision ${store.revision} follows ${this.#revision}`);
    }
    this.#revision = store.revision;
    this.#digests.set(store.revision, digest);
    for (const event of events) {
      this.events.push(event);
      if (event.type === "expire") this.#expired.add(event.key);
    }
  }

  /** Compares the log that a server has opened with that of its life before: what was durable must be there. */
  onOpened(node: number, log: Log): void {
    const before = this.#logs.get(node)?.durablePosition ?? 0;
    this.#logs.set(node, log);
    if (log.lastPosition >= before) return;
    this.#violations.report(
      "durability",
      `the log of server ${node} was durable up to record ${before} and ends with ${log.lastPosition}`,
    );
  }

  /** Takes notice of a snapshot that has begun of the present state of a store. */
  onSnapshot(store: KVStore): void {
    this.#snapshots.add(fingerprint(store));
  }

  /** Checks that a store whose state was replaced by a snapshot has a state of which there was one. */
  onRestored(store: KVStore): void {
    if (this.#snapshots.has(fingerprint(store))) return;
    this.#violations.report(
      "agreement",
      `a server took revision ${store.revision} with ${store.size} keys and ${store.sessions} sessions out of a ` +
        "snapshot; no server made one of that state",
    );
  }

  /** Takes notice that the state of a server went back while it ran. */
  onRewound(from: number, to: number): void {
    this.#violations.report("agreement", `the state of a server went back from revision ${from} to ${to}`);
  }

  /**
   * Compares a server that has recovered with its life before: that state, brought forward by what the log holds
   * beyond it, must be the state of now.
   */
  onRecovered(node: number, life: Life): void {
    const earlier = this.#last.get(node);
    this.#last.set(node, life);
    if (earlier === undefined) return;
    this.comparisons++;
    const before = earlier.appliedPosition();
    const now = life.appliedPosition();
    if (now < before) {
      this.#violations.report("durability", `server ${node} had applied ${before} records and has ${now}`);
      return;
    }
    for (let position = before; position < now;) {
      for (const record of life.log.read(position + 1, READ_BYTES)) {
        const { payload } = record;
        readBatch(payload, 0, payload.length, (start, end, time) => earlier.apply(payload.subarray(start, end), time));
        position = record.position;
      }
    }
    const { store } = life;
    if (earlier.store.hash() !== store.hash()) {
      this.#violations.report(
        "durability",
        `server ${node} has another state after a restart, at record ${now}: revision ${store.revision} with ` +
          `${store.size} keys and ${store.sessions} sessions; it was ${earlier.store.revision} with ` +
          `${earlier.store.size} and ${earlier.store.sessions}`,
      );
    }
  }
}

/** What is watched of a machine. */
export interface WitnessOptions {
  /**
   * Whether snapshots are checked by themselves: each that is taken in must be one that was made. It costs a hash of the
   * state for each.
   */
  readonly checksSnapshots: boolean;
}

/** A store whose every step is told to the truth. */
export class WitnessedMachine implements StateMachine {
  readonly #machine: StateMachine;
  readonly #store: KVStore;
  readonly #truth: Truth;
  readonly #checksSnapshots: boolean;
  /** Of the command under way. */
  #events: WatchEvent[] = [];
  /** The highest revision that the store had since it may have gone back. */
  #reached = 0;

  /** `machine` is `store`, or something around it. */
  constructor(machine: StateMachine, store: KVStore, truth: Truth, options: WitnessOptions) {
    this.#machine = machine;
    this.#store = store;
    this.#truth = truth;
    this.#checksSnapshots = options.checksSnapshots;
    this.#watch();
  }

  /** Says that the state may go back: who applies it has crashed and begins again. */
  mayGoBack(): void {
    this.#reached = 0;
  }

  apply(command: Uint8Array, time: number): Uint8Array {
    return this.applyFrom(command, 0, command.length, time, true);
  }

  applyFrom(source: Uint8Array, start: number, end: number, time: number, isAwaited: boolean): Uint8Array {
    this.#events = [];
    const result = applyFrom(this.#machine, source, start, end, time, isAwaited);
    this.#truth.onApplied(this.#store, this.#events);
    this.#advance();
    return result;
  }

  #advance(): void {
    const { revision } = this.#store;
    if (revision < this.#reached) this.#truth.onRewound(this.#reached, revision);
    this.#reached = revision;
  }

  #watch(): void {
    this.#store.watch(EVERYTHING, {
      onEvents: (events) => void this.#events.push(...events),
      // A snapshot has replaced the state: what comes after it is wanted too.
      onEnd: () => this.#watch(),
    });
  }

  query(query: Uint8Array): Uint8Array {
    return this.#machine.query(query);
  }

  snapshot(): SnapshotSource {
    if (this.#checksSnapshots) this.#truth.onSnapshot(this.#store);
    return this.#machine.snapshot();
  }

  restore(): SnapshotSink {
    const sink = this.#machine.restore();
    return {
      write: (slice) => sink.write(slice),
      finish: () => {
        sink.finish();
        if (this.#checksSnapshots) this.#truth.onRestored(this.#store);
        this.#advance();
      },
    };
  }

  recovering(isOn: boolean): void {
    this.#machine.recovering?.(isOn);
  }

  nextDue(): number | null {
    return this.#machine.nextDue?.() ?? null;
  }

  conflicts(command: Uint8Array): readonly string[] | null {
    return this.#machine.conflicts?.(command) ?? null;
  }

  queryConflicts(query: Uint8Array): readonly string[] | null {
    return this.#machine.queryConflicts?.(query) ?? null;
  }

  isTimed(keys: readonly string[]): boolean {
    return this.#machine.isTimed?.(keys) ?? false;
  }

  dueCommand(): Uint8Array {
    const command = this.#machine.dueCommand?.();
    if (command === undefined) throw new TypeError("this machine has nothing that falls due");
    return command;
  }
}

function fingerprint(store: KVStore): string {
  return `${store.revision} ${store.hash()}`;
}

/** Stands for events, as FNV-1a: they are short, and every replay asks for it again. */
function digestOf(events: readonly WatchEvent[]): number {
  let digest = 0x811c_9dc5;
  for (const { type, revision, key, entry } of events) {
    digest = mixText(digest, type);
    digest = mixNumber(digest, revision);
    digest = mixNumber(digest, entry.version);
    digest = mixNumber(digest, entry.createRevision);
    digest = mixNumber(digest, entry.modRevision);
    digest = mixNumber(digest, entry.expiry);
    digest = mixText(digest, key);
    const { value } = entry;
    digest = mixNumber(digest, value.length);
    for (let i = 0; i < value.length; i++) digest = mix(digest, value[i]!);
  }
  return digest;
}

function mixText(digest: number, text: string): number {
  digest = mixNumber(digest, text.length);
  for (let i = 0; i < text.length; i++) digest = mix(digest, text.charCodeAt(i));
  return digest;
}

/** Takes in a whole number, both halves of it. */
function mixNumber(digest: number, value: number): number {
  return mix(mix(digest, value | 0), Math.floor(value / 0x1_0000_0000));
}

function mix(digest: number, bits: number): number {
  return Math.imul(digest ^ bits, 0x0100_0193);
}
