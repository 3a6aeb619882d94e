/**
 * The watches of one connection: events of the store as push messages.
 *
 * A watcher gets every event from its revision on, in order, or is ended with an error; never a gap. Past
 * events are fetched in slices as the client reads, so that a large history costs bounded memory; a client that
 * falls too far behind the present is ended.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { Watch } from "../../core/kv/kv_store.ts";
import { encodeEvents } from "../../core/kv/result_codec.ts";
import type { WatchEvent } from "../../core/kv/result.ts";
import { RespError } from "./command_spec.ts";
import type { RespConnection } from "./connection.ts";

/** How many past events are fetched at once. */
const SLICE_EVENTS = 256;

/** What to watch: the keys in [start, end). */
export interface WatchedRange {
  readonly start: Key;
  /** Null means no upper bound. */
  readonly end: Key | null;
}

interface OpenWatch extends WatchedRange {
  readonly id: number;
  /** The first revision whose events have not been pushed, while past ones are fetched. */
  next: number;
  /** The watch of present events; null while past ones are fetched. */
  live: Watch | null;
}

/** The watches of one connection. */
export class Watches {
  readonly #connection: RespConnection;
  readonly #open: Map<number, OpenWatch> = new Map();
  /** Watches that still fetch past events. */
  readonly #behind: Set<OpenWatch> = new Set();

  constructor(connection: RespConnection) {
    this.#connection = connection;
  }

  /**
   * Starts a watch from `fromRevision` on, 0 for from now on. Returns the revision after which its events follow;
   * they do so from the next {@link catchUp} on.
   *
   * @throws {RespError} when the id is in use, or there are too many
   * @throws {KvError} `COMPACTED`
   */
  start(id: number, range: WatchedRange, fromRevision: number): number {
    const { limits } = this.#connection.context;
    const store = this.#connection.service.store;
    if (this.#open.has(id)) throw new RespError(`ERR watch ${id} is already there: use another id, or KVUNWATCH ${id}`);
    if (this.#open.size >= limits.maxWatches) {
      throw new RespError(`ERR too many watches: the limit is ${limits.maxWatches} on one connection`);
    }
    const next = fromRevision === 0 ? store.revision + 1 : fromRevision;
    // Asked for here, although it is fetched later, so that a revision that is too old is refused now.
    if (next <= store.revision) store.events({ ...range, fromRevision: next, limit: 1 });
    const watch: OpenWatch = { id, start: range.start, end: range.end, next, live: null };
    this.#open.set(id, watch);
    if (next > store.revision) this.#goLive(watch);
    else this.#behind.add(watch);
    return next - 1;
  }

  /** Ends a watch by the client's wish; whether it was there. */
  cancel(id: number): boolean {
    const watch = this.#open.get(id);
    if (watch === undefined) return false;
    this.#forget(watch);
    return true;
  }

  /** Pushes past events as far as the client reads. Called whenever output may have left. */
  catchUp(): void {
    for (const watch of this.#behind) this.#fetch(watch);
  }

  /** Ends all of them without a word. */
  close(): void {
    for (const watch of this.#open.values()) watch.live?.close();
    this.#open.clear();
    this.#behind.clear();
  }

  #fetch(watch: OpenWatch): void {
    const connection = this.#connection;
    const { start, end } = watch;
    try {
      while (connection.bufferedOutput <= connection.context.limits.softOutputBytes) {
        const events = connection.service.store.events({ start, end, fromRevision: watch.next, limit: SLICE_EVENTS });
        if (events.length > 0) {
          watch.next = events.at(-1)!.revision + 1;
          this.#push(watch, events);
        }
        if (events.length < SLICE_EVENTS) {
          this.#behind.delete(watch);
          watch.next = connection.service.store.revision + 1;
          this.#goLive(watch);
          return;
        }
      }
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#end(watch, error);
    }
  }

  #goLive(watch: OpenWatch): void {
    const { start, end, next } = watch;
    watch.live = this.#connection.service.store.watch({ start, end, fromRevision: next }, {
      onEvents: (events) => this.#onEvents(watch, events),
      onEnd: (error) => this.#end(watch, error),
    });
  }

  #onEvents(watch: OpenWatch, events: readonly WatchEvent[]): void {
    const { maxWatchBytes } = this.#connection.context.limits;
    if (this.#connection.bufferedOutput <= maxWatchBytes) {
      this.#push(watch, events);
      return;
    }
    const message =
      `the watcher left more than ${maxWatchBytes} bytes unread: watch again from the last revision it got`;
    this.#end(watch, new KvError("WATCH_OVERFLOW", message));
  }

  #push(watch: OpenWatch, events: readonly WatchEvent[]): void {
    const bytes = encodeEvents(events);
    this.#connection.push((out) => {
      out.push(3);
      out.bulkText("kvwatch");
      out.integer(watch.id);
      out.bulk(bytes);
    });
  }

  #end(watch: OpenWatch, error: KvError): void {
    this.#forget(watch);
    this.#connection.push((out) => {
      out.push(4);
      out.bulkText("kvwatchend");
      out.integer(watch.id);
      out.bulkText(error.code);
      out.bulkText(error.message);
    });
  }

  #forget(watch: OpenWatch): void {
    watch.live?.close();
    this.#open.delete(watch.id);
    this.#behind.delete(watch);
  }
}
