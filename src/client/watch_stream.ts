/**
 * A watch as its consumer sees it: an async iterable of events.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import type { ValueCodec } from "./codecs.ts";
import { type EventView, viewEvent } from "./entries.ts";
import { boundsOf, type KeyRange, successor } from "./key_range.ts";
import { type KeyInput, keyOf } from "./codecs.ts";
import { WatchFeed } from "./watch_feed.ts";
import type { Watches } from "./watches.ts";

/** What to watch. */
export interface WatchOptions extends KeyRange {
  /** One key. Stands alone. */
  readonly key?: KeyInput;
  /** The first revision whose events are wanted. @default those after the watch begins */
  readonly fromRevision?: number;
  /** Ends the watch quietly. */
  readonly signal?: AbortSignal;
  /** The most events that wait for the consumer; more of them end the watch with `WATCH_OVERFLOW`. @default 100000 */
  readonly maxBufferedEvents?: number;
  /** The most bytes of keys and values in them. @default 67108864 */
  readonly maxBufferedBytes?: number;
}

/**
 * The events of a watch: each exactly once, in order, none missed, over as many connections as it takes. The
 * iteration ends quietly when the consumer leaves it, the signal aborts or the client closes; it throws
 * {@link Compacted} when events that are needed are no longer kept, and `WATCH_OVERFLOW` when the consumer is too
 * slow (after the events that it has not taken yet).
 */
export class WatchStream<Value> implements AsyncIterableIterator<EventView<Value>, undefined, undefined> {
  #feed: WatchFeed;
  #codec: ValueCodec<Value>;

  private constructor(feed: WatchFeed, codec: ValueCodec<Value>) {
    this.#feed = feed;
    this.#codec = codec;
  }

  /** Begins a watch. */
  static open<Value>(watches: Watches, options: WatchOptions, codec: ValueCodec<Value>): WatchStream<Value> {
    const { key, fromRevision = 0, signal, maxBufferedEvents = 100_000, maxBufferedBytes = 64 * 1024 * 1024 } = options;
    if (!Number.isSafeInteger(fromRevision) || fromRevision < 0) {
      throw new KvError("INVALID_ARGUMENT", `fromRevision is ${fromRevision}; it is a whole number, 0 for from now on`);
    }
    if (key !== undefined && (options.prefix ?? options.start ?? options.end) !== undefined) {
      throw new KvError("INVALID_ARGUMENT", "a key and a range; give either the one or the other");
    }
    const only = key === undefined ? null : keyOf(key);
    const bounds = only === null ? boundsOf(options) : { start: only, end: successor(only) };
    const feed = new WatchFeed({ ...bounds, fromRevision, maxBufferedEvents, maxBufferedBytes });
    const stream = new WatchStream(feed, codec);
    if (signal?.aborted === true) {
      feed.stop(null);
      return stream;
    }
    watches.add(feed);
    if (signal !== undefined) {
      const abort = () => feed.stop(null);
      signal.addEventListener("abort", abort, { once: true });
      const ended = feed.onEnded;
      feed.onEnded = () => {
        signal.removeEventListener("abort", abort);
        ended?.();
      };
    }
    return stream;
  }

  /** Settles when the watch has begun: with the revision after which its events follow. */
  get ready(): Promise<number> {
    return this.#feed.ready;
  }

  /** The revision from which another watch would go on after the events buffered here; 0 before it has begun. */
  get nextRevision(): number {
    return this.#feed.next;
  }

  /** The next event; waits for it. */
  async next(): Promise<IteratorResult<EventView<Value>, undefined>> {
    const result = await this.#feed.pull();
    if (result.done === true) return result;
    try {
      return { done: false, value: viewEvent(result.value, this.#codec) };
    } catch (error) {
      this.#feed.drop();
      throw error;
    }
  }

  /** Ends the watch. */
  return(): Promise<IteratorResult<EventView<Value>, undefined>> {
    this.#feed.drop();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The stream itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
