/**
 * The entries: a hash map for point reads and overwrites, the ordered index for ranges, and the queue of what
 * expires, kept in step. Everything that changes an entry goes through {@link EntryTable.write} and
 * {@link EntryTable.remove}, which raise the revision (once per command), record the watch event and let an open
 * snapshot keep what it has not yet written; or, where nothing of that takes an object, {@link EntryTable.overwrite}.
 *
 * An entry is visible while its expiry is 0 or after the log time, whether or not it has been removed yet.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { Captures } from "./captures.ts";
import { EntryMap } from "./entry_map.ts";
import { ExpiryQueue } from "./expiry_queue.ts";
import { OrderedIndex } from "./ordered_index.ts";
import type { PlainPut } from "./plain_put.ts";
import type { ValuePlace } from "./record_page.ts";
import type { Entry, WatchEvent } from "./result.ts";

/** Told of an entry before it is replaced or removed. */
export interface EntryCapture {
  /** Entries of later revisions do not concern it. */
  readonly revision: number;
  captureEntry(key: Key, entry: Entry): void;
}

/** The entries and the revision and log time they stand at. */
export class EntryTable {
  /** The number of commands so far that changed an entry. */
  revision: number;
  /** The log time of the latest command, in milliseconds since the Unix epoch. */
  time: number;
  /** The snapshots that are being taken. */
  readonly captures: Captures<EntryCapture> = new Captures();
  readonly index: OrderedIndex = new OrderedIndex();
  readonly #entries: EntryMap;
  readonly #expiry: ExpiryQueue = new ExpiryQueue((key) => this.#entries.expiryOf(key));
  readonly #record: (event: WatchEvent) => void;
  #raised = false;

  /** Starts empty at a revision and time; `record` takes each event as it happens, `hashSeed` is that of the map. */
  constructor(revision: number, time: number, record: (event: WatchEvent) => void, hashSeed: number) {
    this.#entries = new EntryMap(hashSeed);
    this.revision = revision;
    this.time = time;
    this.#record = record;
  }

  /** How many entries there are, due ones that have not been removed included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Starts a command at `time`. Log time never goes back. */
  begin(time: number): void {
    if (!(Number.isSafeInteger(time) && time >= 0)) {
      throw new RangeError(`time ${time}; log time is whole milliseconds since the Unix epoch`);
    }
    if (time > this.time) this.time = time;
    this.#raised = false;
  }

  /** The entry at `key`, due or not. */
  stored(key: Key): Entry | undefined {
    return this.#entries.get(key, true);
  }

  /** The visible entry at `key`, its value left empty unless `withValue`. Changes nothing. */
  live(key: Key, withValue = true): Entry | undefined {
    const entry = this.#entries.get(key, withValue);
    return entry === undefined || this.isLive(entry) ? entry : undefined;
  }

  /** Where the visible value at the key `source[start, end)` lies, until the next change; null when there is none. */
  locate(source: Uint8Array, start: number, end: number): ValuePlace | null {
    const place = this.#entries.locate(source, start, end);
    return place !== null && (place.expiry === 0 || place.expiry > this.time) ? place : null;
  }

  /** Whether an entry is visible at the log time. */
  isLive(entry: Entry): boolean {
    return entry.expiry === 0 || entry.expiry > this.time;
  }

  /** Whether some entry may be due, so that sizes and counts need a look at each. */
  hasDue(): boolean {
    return this.#expiry.nextKey(this.time) !== null;
  }

  /**
   * The visible entry at `key`, for a command that is about to write it: one that is due is removed first. Its value
   * is left empty unless `withValue`.
   */
  touch(key: Key, withValue = true): Entry | undefined {
    const entry = this.#entries.get(key, withValue);
    if (entry === undefined || this.isLive(entry)) return entry;
    this.remove(key, entry, "expire");
    return undefined;
  }

  /** Stores `value`, which the table keeps, in place of `old`, the entry that is there now. */
  write(key: Key, old: Entry | undefined, value: Uint8Array, expiry: number): Entry {
    const revision = this.#raise();
    const entry: Entry = {
      value,
      version: old === undefined ? 1 : old.version + 1,
      createRevision: old === undefined ? revision : old.createRevision,
      modRevision: revision,
      expiry,
    };
    if (old === undefined) this.index.add(key);
    else if (this.captures.all.length > 0) this.#capture(key, this.stored(key)!);
    this.#entries.set(key, entry);
    this.#expiry.change(key, old === undefined ? 0 : old.expiry, expiry);
    this.#record({ type: "put", revision, key, entry });
    return entry;
  }

  /**
   * {@link write} for a plain put that is a command by itself, whose key and value are parts of `source`. The event is the
   * caller's to record. Returns false, and changes nothing, when the put has to be taken apart and done like any other.
   */
  overwrite(source: Uint8Array, put: PlainPut): boolean {
    // A snapshot under way may want the entry that is there, as an entry, unless it has changed since the start.
    let captured = -1;
    for (const capture of this.captures.all) captured = Math.max(captured, capture.revision);
    if (!this.#entries.overwrite(source, put, this.revision + 1, captured)) return false;
    this.#raise();
    return true;
  }

  /** Removes `old`, the entry that is there now. */
  remove(key: Key, old: Entry, type: "delete" | "expire"): void {
    this.#forget(key, old, type);
    this.index.remove(key);
  }

  /** Removes every entry in [start, end) and returns how many of them were visible. */
  removeRange(start: Key, end: Key | null): number {
    const keys: Key[] = [];
    this.index.scan(start, end, (key) => {
      keys.push(key);
      return true;
    });
    if (keys.length === 0) return 0;
    let visible = 0;
    for (const key of keys) {
      const entry = this.#entries.get(key, false)!;
      const live = this.isLive(entry);
      if (live) visible++;
      this.#forget(key, entry, live ? "delete" : "expire");
    }
    if (keys.length === this.index.size) this.index.clear();
    else this.index.removeRange(keys[0]!, keys[keys.length - 1]!);
    return visible;
  }

  /** Removes up to `limit` entries that are due. */
  removeDue(limit: number): void {
    for (let removed = 0; removed < limit; removed++) {
      const key = this.#expiry.nextKey(this.time);
      if (key === null) return;
      this.remove(key, this.#entries.get(key, false)!, "expire");
    }
  }

  /** When the next entry is due, or null. */
  nextDue(): number | null {
    return this.#expiry.nextTime();
  }

  /** Puts back an entry of a snapshot: no event, no new revision. Keys come in ascending order. */
  load(key: Key, entry: Entry): void {
    this.#entries.set(key, entry);
    this.index.add(key);
    this.#expiry.change(key, 0, entry.expiry);
  }

  #forget(key: Key, old: Entry, type: "delete" | "expire"): void {
    const revision = this.#raise();
    const entry = this.stored(key)!;
    this.#capture(key, entry);
    this.#entries.delete(key);
    this.#expiry.change(key, old.expiry, 0);
    this.#record({ type, revision, key, entry });
  }

  #capture(key: Key, entry: Entry): void {
    for (const capture of this.captures.all) capture.captureEntry(key, entry);
  }

  /** The revision of the command under way, raised by its first change. */
  #raise(): number {
    if (!this.#raised) {
      this.#raised = true;
      this.revision++;
    }
    return this.revision;
  }
}
