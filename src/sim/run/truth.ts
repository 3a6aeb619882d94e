/**
 * What the servers of a run did, seen from inside: every event that was applied, and the log time. Checks compare
 * what clients saw with it, and each life of a server with the one before.
 *
 * Invariant: nothing is applied before it is durable, so what one life has applied the next one has too, and a
 * revision never gets other events than it had.
 *
 * @module
 */
import { type Key, keyToBytes } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import { readBatch } from "../../core/batch.ts";
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
        readBatch(record.payload, (command, time) => earlier.apply(command, time));
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

/** A store whose every step is told to the truth. */
export class WitnessedMachine implements StateMachine {
  readonly #machine: StateMachine;
  readonly #store: KVStore;
  readonly #truth: Truth;
  /** Of the command under way. */
  #events: WatchEvent[] = [];

  /** `machine` is `store`, or something around it. */
  constructor(machine: StateMachine, store: KVStore, truth: Truth) {
    this.#machine = machine;
    this.#store = store;
    this.#truth = truth;
    this.#watch();
  }

  apply(command: Uint8Array, time: number): Uint8Array {
    this.#events = [];
    const result = this.#machine.apply(command, time);
    this.#truth.onApplied(this.#store, this.#events);
    return result;
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
    return this.#machine.snapshot();
  }

  restore(): SnapshotSink {
    return this.#machine.restore();
  }

  nextDue(): number | null {
    return this.#machine.nextDue?.() ?? null;
  }

  dueCommand(): Uint8Array {
    const command = this.#machine.dueCommand?.();
    if (command === undefined) throw new TypeError("this machine has nothing that falls due");
    return command;
  }
}

function digestOf(events: readonly WatchEvent[]): number {
  let digest = 0;
  for (const { type, revision, key, entry } of events) {
    const numbers = `${type} ${revision} ${entry.version} ${entry.createRevision} ${entry.modRevision} ${entry.expiry}`;
    for (let i = 0; i < numbers.length; i++) digest = Math.imul(digest, 31) + numbers.charCodeAt(i) | 0;
    digest = Math.imul(digest, 31) + crc32(keyToBytes(key)) | 0;
    digest = Math.imul(digest, 31) + crc32(entry.value) | 0;
  }
  return digest;
}
