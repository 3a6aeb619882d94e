/**
 * Who watches what. Events are recorded while a command is applied and delivered once, at its end, in order;
 * without a watcher that costs one push into the bounded history.
 *
 * Watchers of a single key are found through a map, watchers of ranges are tried one after the other.
 *
 * @module
 */
import { copyRange, type Key, keyFromBytes } from "../../codec/bytes.ts";
import { Compacted, KvError } from "../errors.ts";
import { History } from "./history.ts";
import type { Limits } from "./limits.ts";
import type { PlainPut } from "./plain_put.ts";
import type { WatchEvent } from "./result.ts";

/** What to watch. */
export interface WatchOptions {
  /** The lowest key of the range. */
  readonly start: Key;
  /** Null means no upper bound. */
  readonly end: Key | null;
  /** The first revision whose events are wanted; 0 for those after now. */
  readonly fromRevision: number;
}

/** Takes the events of a watch. */
export interface WatchListener {
  /** Events of one or more whole revisions, in order. Called while a command is applied: buffer and return. */
  onEvents(events: readonly WatchEvent[]): void;
  /** The watch was ended by the store (its state was replaced by a snapshot). Nothing more is called. */
  onEnd(error: KvError): void;
}

/** A watch under way. */
export interface Watch {
  /** Ends it; nothing more is called. */
  close(): void;
}

interface Watcher {
  readonly start: Key;
  readonly end: Key | null;
  readonly fromRevision: number;
  readonly listener: WatchListener;
  open: boolean;
}

/** Delivers events to watchers and keeps the latest. */
export class WatchHub {
  readonly #limits: Limits;
  #history: History;
  readonly #byKey = new Map<Key, Set<Watcher>>();
  readonly #ranges = new Set<Watcher>();
  /** Events of the command under way, when somebody watches. */
  #pending: WatchEvent[] = [];
  #watchers = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#history = new History(limits, 0);
  }

  /** How many watches are open. */
  get watchers(): number {
    return this.#watchers;
  }

  /** The oldest revision from which events can still be had. */
  get oldestRevision(): number {
    return this.#history.floor + 1;
  }

  /** Takes an event of the command under way. */
  record(event: WatchEvent): void {
    this.#history.push(event);
    if (this.#watchers > 0) this.#pending.push(event);
  }

  /** {@link record} for a plain put that has just been done, whose key and value are parts of `source`. */
  recordPut(revision: number, source: Uint8Array, put: PlainPut): void {
    this.#history.pushPut(revision, source, put);
    if (this.#watchers === 0) return;
    const { keyStart, keyEnd, valueStart, valueEnd, version, createRevision } = put;
    const value = new Uint8Array(valueEnd - valueStart);
    copyRange(source, valueStart, valueEnd, value, 0);
    const entry = { value, version, createRevision, modRevision: revision, expiry: 0 };
    this.#pending.push({ type: "put", revision, key: keyFromBytes(source, keyStart, keyEnd), entry });
  }

  /** Delivers the events of the command that has just been applied. */
  deliver(): void {
    if (this.#pending.length === 0) return;
    const events = this.#pending;
    this.#pending = [];
    // Collected before anybody is called: a listener may open and close watches.
    const batches = new Map<Watcher, WatchEvent[]>();
    for (const event of events) {
      const watchers = this.#byKey.get(event.key);
      if (watchers !== undefined) { for (const watcher of watchers) collect(batches, watcher, event); }
      for (const watcher of this.#ranges) {
        if (matches(watcher, event)) collect(batches, watcher, event);
      }
    }
    for (const [watcher, batch] of batches) this.#call(watcher, batch);
  }

  /**
   * Starts a watch. Events that have already happened are delivered before this returns.
   *
   * @throws {Compacted} when `fromRevision` is older than the history that is kept
   */
  watch(options: WatchOptions, listener: WatchListener): Watch {
    this.#checkKept(options.fromRevision);
    const { start, end, fromRevision } = options;
    const watcher: Watcher = { start, end, fromRevision, listener, open: true };
    this.#add(watcher);
    if (fromRevision > 0) {
      const past: WatchEvent[] = [];
      this.#history.scan(fromRevision, (event) => {
        if (matches(watcher, event)) past.push(event);
        return true;
      });
      if (past.length > 0) this.#call(watcher, past);
    }
    return { close: () => this.#remove(watcher) };
  }

  /**
   * Past events from `fromRevision` on: about `limit` of them, as many as fill up the last revision.
   *
   * @throws {Compacted} when `fromRevision` is older than the history that is kept
   */
  events(options: WatchOptions & { readonly limit: number }): readonly WatchEvent[] {
    this.#checkKept(options.fromRevision);
    const found: WatchEvent[] = [];
    if (options.fromRevision === 0 || options.limit === 0) return found;
    this.#history.scan(options.fromRevision, (event) => {
      if (!matches(options, event)) return true;
      if (found.length >= options.limit && found[found.length - 1]!.revision !== event.revision) return false;
      found.push(event);
      return true;
    });
    return found;
  }

  /** Forgets the history up to `revision` and ends every watch: the state has been replaced. */
  restart(revision: number): void {
    this.#history = new History(this.#limits, revision);
    this.#pending = [];
    const watchers = [...this.#ranges];
    for (const group of this.#byKey.values()) watchers.push(...group);
    const error = new Compacted(
      `the state was replaced by a snapshot of revision ${revision}; read it anew and watch from ${revision + 1}`,
      revision + 1,
    );
    for (const watcher of watchers) {
      if (!watcher.open) continue;
      this.#remove(watcher);
      watcher.listener.onEnd(error);
    }
  }

  #checkKept(fromRevision: number): void {
    if (fromRevision === 0 || fromRevision > this.#history.floor) return;
    throw new Compacted(
      `events of revision ${fromRevision} are no longer kept; the oldest are of ${this.oldestRevision}`,
      this.oldestRevision,
    );
  }

  #call(watcher: Watcher, events: readonly WatchEvent[]): void {
    if (!watcher.open) return;
    try {
      watcher.listener.onEvents(events);
    } catch (cause) {
      // A listener's fault must not reach the command that is being applied: it ends that watch alone.
      this.#remove(watcher);
      watcher.listener.onEnd(new KvError("CLOSED", "the watch was ended because its listener threw", { cause }));
    }
  }

  #add(watcher: Watcher): void {
    this.#watchers++;
    if (watcher.end !== watcher.start + "\0") {
      this.#ranges.add(watcher);
      return;
    }
    const group = this.#byKey.get(watcher.start);
    if (group === undefined) this.#byKey.set(watcher.start, new Set([watcher]));
    else group.add(watcher);
  }

  #remove(watcher: Watcher): void {
    if (!watcher.open) return;
    watcher.open = false;
    this.#watchers--;
    if (this.#ranges.delete(watcher)) return;
    const group = this.#byKey.get(watcher.start)!;
    group.delete(watcher);
    if (group.size === 0) this.#byKey.delete(watcher.start);
  }
}

function matches(range: WatchOptions, event: WatchEvent): boolean {
  return event.key >= range.start && (range.end === null || event.key < range.end) &&
    event.revision >= range.fromRevision;
}

function collect(batches: Map<Watcher, WatchEvent[]>, watcher: Watcher, event: WatchEvent): void {
  if (event.revision < watcher.fromRevision) return;
  const batch = batches.get(watcher);
  if (batch === undefined) batches.set(watcher, [event]);
  else batch.push(event);
}
