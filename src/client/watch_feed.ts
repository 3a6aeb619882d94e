/**
 * One watch: which revision it needs next, and the events that its consumer has not taken yet.
 *
 * Invariant: `next` is past every event that was ever buffered, so whatever connection events come from, each is
 * buffered once and in order; what would not fit ends the feed, and nothing is skipped.
 *
 * @module
 */
import type { Key } from "../codec/bytes.ts";
import { KvError } from "../core/errors.ts";
import type { WatchEvent } from "../core/kv/result.ts";

/** What a feed is about and how much of it is kept. */
export interface WatchFeedOptions {
  readonly start: Key;
  readonly end: Key | null;
  readonly fromRevision: number;
  /** The most events that wait for the consumer. */
  readonly maxBufferedEvents: number;
  /** The most bytes of keys and values in them. */
  readonly maxBufferedBytes: number;
}

interface Deferred<Value> {
  resolve(value: Value): void;
  reject(error: KvError): void;
}

const DONE: IteratorResult<WatchEvent, undefined> = { done: true, value: undefined };

function sizeOf(event: WatchEvent): number {
  return event.key.length + event.entry.value.length;
}

/** The buffer between connections and one consumer. */
export class WatchFeed {
  readonly start: Key;
  readonly end: Key | null;
  /** The revision to go on from; 0 while a watch "from now on" has not begun. */
  next: number;
  /** Settles when the watch has begun, with the revision after which events follow. */
  readonly ready: Promise<number>;
  /** Called once when the feed has ended, whoever ended it. */
  onEnded: (() => void) | null = null;
  #settleReady!: Deferred<number>;
  #options: WatchFeedOptions;
  #events: WatchEvent[] = [];
  /** How many of `#events` were taken. */
  #taken = 0;
  #bytes = 0;
  #waiters: Deferred<IteratorResult<WatchEvent, undefined>>[] = [];
  #ended = false;
  #error: KvError | null = null;

  constructor(options: WatchFeedOptions) {
    this.#options = options;
    this.start = options.start;
    this.end = options.end;
    this.next = options.fromRevision;
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // A consumer that does not ask whether the watch has begun hears of its end from the iteration.
    this.ready.catch(() => undefined);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The watch has begun on some connection, or has got this far: events after `revision` follow. */
  begin(revision: number): void {
    this.next = Math.max(this.next, revision + 1);
    this.#settleReady.resolve(this.next - 1);
  }

  /** Takes events of whole revisions, in order. */
  push(events: readonly WatchEvent[]): void {
    if (this.#ended) return;
    const waiting = this.#events.length - this.#taken;
    let bytes = this.#bytes;
    const fresh: WatchEvent[] = [];
    for (const event of events) {
      if (event.revision < this.next) continue;
      fresh.push(event);
      bytes += sizeOf(event);
    }
    if (fresh.length === 0) return;
    const { maxBufferedEvents, maxBufferedBytes } = this.#options;
    // What comes at once when nothing waits is taken whatever its size: it is not the consumer who is slow.
    if (waiting > 0 && (waiting + fresh.length > maxBufferedEvents || bytes > maxBufferedBytes)) {
      this.stop(
        new KvError(
          "WATCH_OVERFLOW",
          `${waiting} events wait for the watcher, and the limit is ${maxBufferedEvents} events or ` +
            `${maxBufferedBytes} bytes; take them faster, and watch again from revision ${this.next}`,
        ),
      );
      return;
    }
    this.next = fresh[fresh.length - 1]!.revision + 1;
    this.#bytes = bytes;
    for (const event of fresh) this.#events.push(event);
    while (this.#waiters.length > 0 && this.#taken < this.#events.length) this.#waiters.shift()!.resolve(this.#take());
  }

  /** Ends the feed: after the events that wait, with `error`, or quietly when that is null. */
  stop(error: KvError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#settleReady.reject(error ?? new KvError("CLOSED", "the watch was ended before it began"));
    for (const waiter of this.#waiters.splice(0)) this.#conclude(waiter);
    this.onEnded?.();
  }

  /** Ends the feed at once: the events that wait are dropped. */
  drop(): void {
    this.#events = [];
    this.#taken = this.#bytes = 0;
    this.stop(null);
  }

  /** The next event, when there is one. */
  pull(): Promise<IteratorResult<WatchEvent, undefined>> {
    if (this.#taken < this.#events.length) return Promise.resolve(this.#take());
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#conclude({ resolve, reject });
      else this.#waiters.push({ resolve, reject });
    });
  }

  #take(): IteratorResult<WatchEvent, undefined> {
    const event = this.#events[this.#taken++]!;
    this.#bytes -= sizeOf(event);
    if (this.#taken === this.#events.length) {
      this.#events = [];
      this.#taken = 0;
    } else if (this.#taken > 1024 && this.#taken * 2 > this.#events.length) {
      this.#events.splice(0, this.#taken);
      this.#taken = 0;
    }
    return { done: false, value: event };
  }

  /** The error is told once; after it the iteration is over. */
  #conclude(waiter: Deferred<IteratorResult<WatchEvent, undefined>>): void {
    const error = this.#error;
    this.#error = null;
    if (error === null) waiter.resolve(DONE);
    else waiter.reject(error);
  }
}
