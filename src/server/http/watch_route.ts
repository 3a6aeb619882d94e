/**
 * `GET /v1/watch`: server-sent events, resumable by `Last-Event-ID`. Keeps hold of the open feeds, so that a
 * server that closes ends them.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Service } from "../service.ts";
import { errorEvent, EventFeed, type FeedLimits } from "./event_feed.ts";
import type { HttpGate } from "./gate.ts";
import type { Handler } from "./kv_routes.ts";
import { malformed } from "./problem.ts";
import { type KeyRange, RANGE_PARAMETERS, rangeOf } from "./range_routes.ts";
import { parseWholeNumber, Query } from "./request_target.ts";
import { settleBarrier } from "./settle.ts";

const WATCH_PARAMETERS = [...RANGE_PARAMETERS, "from_revision"];
const HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  // Proxies that buffer would hold events back.
  "X-Accel-Buffering": "no",
};

/** The open watches of one server. */
export class Watches {
  readonly #service: Service;
  readonly #clock: Clock;
  readonly #limits: FeedLimits;
  readonly #feeds = new Map<EventFeed, Request>();
  #closed = false;

  constructor(service: Service, clock: Clock, limits: FeedLimits) {
    this.#service = service;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** How many are open. */
  get size(): number {
    return this.#feeds.size;
  }

  /** Ends every watch, and those that are still asked for. */
  close(): void {
    this.#closed = true;
    for (const feed of this.#feeds.keys()) feed.end(closing());
  }

  /** Ends the watches of those who would not be let in any more as they were. */
  recheck(gate: HttpGate): void {
    for (const [feed, request] of this.#feeds) {
      if (!gate.isStill(request)) feed.end(new KvError("UNAUTHENTICATED", "the user has changed; log in again"));
    }
  }

  /** Serves the route. */
  handler(gate: HttpGate): Handler {
    return (c) => {
      const request = c.req.raw;
      const query = new Query(request.url, WATCH_PARAMETERS);
      const range = rangeOf(query);
      const lastId = request.headers.get("last-event-id");
      // A browser that reconnects sends the id it got last beside the address that it began with.
      const fromRevision = lastId !== null && lastId !== ""
        ? parseWholeNumber("Last-Event-ID", lastId, 0) + 1
        : query.wholeNumber("from_revision", 0) ?? 0;
      if (!Number.isSafeInteger(fromRevision)) throw malformed("Last-Event-ID is the largest number there is");
      gate.permit(request, { type: "range", ...range, limit: 0, reverse: false, projection: "entries" });
      if (request.method === "HEAD") return new Response(null, { headers: HEADERS });
      return settleBarrier(this.#service, () => this.#open(request, range, fromRevision));
    };
  }

  #open(request: Request, range: KeyRange, fromRevision: number): Response {
    if (this.#closed) throw closing();
    let feed: EventFeed | null = null;
    try {
      feed = new EventFeed({
        store: this.#service.store,
        clock: this.#clock,
        range,
        fromRevision,
        limits: this.#limits,
        onClose: () => {
          if (feed !== null) this.#feeds.delete(feed);
        },
      });
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      // An EventSource cannot read the body of a refusal, but it can read an event.
      return new Response(errorEvent(error), { headers: HEADERS });
    }
    this.#feeds.set(feed, request);
    return new Response(feed.stream, { headers: HEADERS });
  }
}

function closing(): KvError {
  return new KvError("UNAVAILABLE", "the server is closing; resume from the last id at another, or later");
}
