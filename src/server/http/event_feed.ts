/**
 * One watch as a stream of server-sent events, for a reader of any speed.
 *
 * It first reads the past from the store's history, page by page as the reader takes it, and then follows the
 * store. What the reader has not taken waits in a queue that is bounded by events and bytes; past that the watch
 * is ended with WATCH_OVERFLOW. Nothing is ever left out: a stream that did not end with an error carried every
 * event up to its last id.
 *
 * The `id` that a reader resumes from stands on the last event of each revision only: a stream that breaks in
 * the middle of a revision is resumed before that revision, not after it.
 *
 * @module
 */
import { textToBytes } from "../../codec/bytes.ts";
import { Compacted, KvError } from "../../core/errors.ts";
import type { KVStore, Watch } from "../../core/kv/kv_store.ts";
import { eventToJson } from "../../core/kv/json/json_form.ts";
import type { WatchEvent } from "../../core/kv/result.ts";
import type { Clock, Timer } from "../../ports/clock.ts";
import { problemBody } from "./problem.ts";
import type { KeyRange } from "./range_routes.ts";

/** The bounds of a feed. */
export interface FeedLimits {
  /** The most events that wait for the reader. @default 10000 */
  readonly maxQueuedEvents: number;
  /** The most bytes of keys and values that wait for the reader. @default 16777216 */
  readonly maxQueuedBytes: number;
  /** A silent stream says that it is alive this often. @default 15000 */
  readonly heartbeat_ms: number;
}

/** The bounds unless others are given. */
export const DEFAULT_FEED_LIMITS: FeedLimits = {
  maxQueuedEvents: 10_000,
  maxQueuedBytes: 16 * 1024 * 1024,
  heartbeat_ms: 15_000,
};

/** Events of the history that are read at a time. */
const HISTORY_PAGE = 500;
/** A chunk of the stream is closed once it has this many characters. */
const CHUNK_LENGTH = 64 * 1024;

/** What a feed is made of. */
export interface FeedOptions {
  readonly store: KVStore;
  readonly clock: Clock;
  readonly range: KeyRange;
  /** The first revision wanted; 0 for those after now. */
  readonly fromRevision: number;
  readonly limits: FeedLimits;
  /** Called once, when the feed is over. */
  readonly onClose: () => void;
}

/** A watch on its way to one reader. */
export class EventFeed {
  /** The stream, as the body of a response. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #options: FeedOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #watch: Watch | null = null;
  #queue: WatchEvent[] = [];
  /** The first event of the queue that has not been sent. */
  #head = 0;
  #queued_bytes = 0;
  /** The next revision to read from the history, or null when the feed follows the store. */
  #next: number | null;
  #pumpScheduled = false;
  #heartbeat: Timer | null = null;
  #closed = false;

  /**
   * Starts the watch: what happens to the store from now on is part of it.
   *
   * @throws {Compacted} when `fromRevision` is older than the history that is kept
   */
  constructor(options: FeedOptions) {
    this.#options = options;
    const { store, range, fromRevision } = options;
    this.#next = fromRevision === 0 ? null : fromRevision;
    if (fromRevision === 0) this.#follow();
    // Throws where the history no longer reaches back that far.
    else store.events({ ...range, fromRevision, limit: 0 });
    const after = fromRevision === 0 ? store.revision : fromRevision - 1;
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(textToBytes(`event: watching\nid: ${after}\ndata: {"revision":${after}}\n\n`));
      },
      pull: () => this.#pump(),
      cancel: () => this.#release(),
    });
    this.#beat();
  }

  /** Ends the feed, telling the reader why. What the reader does not take now is not waited for. */
  end(error: KvError): void {
    this.#pump();
    this.#finish(error);
  }

  #follow(): void {
    const { store, range, fromRevision } = this.#options;
    // A revision that is still to come may be asked for: events before it are none of the reader's.
    const future = fromRevision > store.revision + 1 ? fromRevision : 0;
    this.#next = null;
    this.#watch = store.watch({ ...range, fromRevision: future }, {
      onEvents: (events) => this.#take(events),
      onEnd: (error) => this.end(error),
    });
  }

  #take(events: readonly WatchEvent[]): void {
    const waiting = this.#queue.length - this.#head;
    for (const event of events) {
      this.#queue.push(event);
      this.#queued_bytes += sizeOf(event);
    }
    const { maxQueuedEvents, maxQueuedBytes } = this.#options.limits;
    // One command may bring more than the bounds; a reader that was up to date is not to blame for that.
    if (waiting > 0 && (waiting + events.length > maxQueuedEvents || this.#queued_bytes > maxQueuedBytes)) {
      this.#overflow();
      return;
    }
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    this.#options.clock.defer(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #overflow(): void {
    const { maxQueuedEvents, maxQueuedBytes } = this.#options.limits;
    this.#finish(
      new KvError(
        "WATCH_OVERFLOW",
        `the reader was too slow: more than ${maxQueuedEvents} events or ${maxQueuedBytes} bytes waited for it; ` +
          `resume from the last id`,
      ),
    );
  }

  /** Hands the reader as much as it takes now. */
  #pump(): void {
    const controller = this.#controller;
    if (this.#closed || controller === null) return;
    while ((controller.desiredSize ?? 0) > 0) {
      if (this.#head === this.#queue.length && !this.#refill()) break;
      controller.enqueue(textToBytes(this.#nextChunk()));
    }
  }

  /** Reads the next page of the history, or begins to follow the store. Whether there is something to send. */
  #refill(): boolean {
    this.#queue = [];
    this.#head = 0;
    this.#queued_bytes = 0;
    if (this.#next === null) return false;
    const { store, range } = this.#options;
    try {
      const page = store.events({ ...range, fromRevision: this.#next, limit: HISTORY_PAGE });
      // A full page may be followed by another; anything less reaches up to this very turn.
      if (page.length < HISTORY_PAGE) this.#follow();
      else this.#next = page[page.length - 1]!.revision + 1;
      this.#queue = [...page];
      for (const event of page) this.#queued_bytes += sizeOf(event);
      return page.length > 0;
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#finish(error);
      return false;
    }
  }

  #nextChunk(): string {
    let text = "";
    while (this.#head < this.#queue.length && text.length < CHUNK_LENGTH) {
      const event = this.#queue[this.#head++]!;
      this.#queued_bytes -= sizeOf(event);
      const next = this.#queue[this.#head];
      const id = next === undefined || next.revision !== event.revision ? `id: ${event.revision}\n` : "";
      text += `event: ${event.type}\n${id}data: ${JSON.stringify(eventToJson(event))}\n\n`;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return text;
  }

  #beat(): void {
    this.#heartbeat = this.#options.clock.after(this.#options.limits.heartbeat_ms, () => {
      const controller = this.#controller;
      if (this.#closed || controller === null) return;
      // While chunks wait to be read, another would only add to them.
      if ((controller.desiredSize ?? 0) > 0) {
        const upToDate = this.#next === null && this.#head === this.#queue.length;
        const seen = Math.max(this.#options.store.revision, this.#options.fromRevision - 1);
        // Everything up to this revision has been sent, so a reader may resume after it.
        const id = upToDate ? `id: ${seen}\n` : "";
        controller.enqueue(textToBytes(`: heartbeat\n${id}\n`));
      }
      this.#beat();
    });
  }

  /** Tells the reader why the feed ends, and ends it; what is queued is dropped. */
  #finish(error: KvError): void {
    if (this.#closed) return;
    this.#release();
    this.#controller?.enqueue(errorEvent(error));
    this.#controller?.close();
  }

  /** Lets go of everything; also what the runtime calls when the reader is gone. */
  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.close();
    this.#watch = null;
    this.#heartbeat?.cancel();
    this.#queue = [];
    this.#head = 0;
    this.#options.onClose();
  }
}

/** The event that ends a stream. */
export function errorEvent(error: KvError): Uint8Array<ArrayBuffer> {
  const extra = error instanceof Compacted ? { oldestRevision: error.oldestRevision } : {};
  const problem = JSON.stringify(problemBody(error.code, error.message, extra));
  return textToBytes(`event: error\ndata: ${problem}\n\n`) as Uint8Array<ArrayBuffer>;
}

function sizeOf(event: WatchEvent): number {
  return event.key.length + event.entry.value.length;
}
