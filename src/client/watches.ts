/**
 * The watches of a client, carried from connection to connection: each begins on every new one, from the
 * revision after the last event it has.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import { decodeEvents } from "../core/kv/result_codec.ts";
import type { WatchEvent } from "../core/kv/result.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { Backoff } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import { blamesServer, isTransient } from "./errors.ts";
import type { WatchFeed } from "./watch_feed.ts";

/** What the watches need from their client. */
export interface WatchesHost {
  /** A number that is not in use on the connection. */
  newId(): number;
  connection(): Connection | null;
  /** Connect, unless that is done or under way. */
  ensure(): void;
  /** A watch was begun on the connection. */
  onStarted(): void;
}

interface Carried {
  readonly feed: WatchFeed;
  readonly backoff: Backoff;
  /** Its id on the present connection; 0 for none. */
  id: number;
  retry: Timer | null;
}

/** Every watch that has not ended. */
export class Watches {
  #clock: Clock;
  #random: Random;
  #backoff: { readonly base_ms: number; readonly max_ms: number };
  #host: WatchesHost;
  #all = new Set<Carried>();
  #byId = new Map<number, Carried>();

  constructor(
    clock: Clock,
    random: Random,
    tuning: { readonly backoffBase_ms: number; readonly backoffMax_ms: number },
    host: WatchesHost,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = { base_ms: tuning.backoffBase_ms, max_ms: tuning.backoffMax_ms };
    this.#host = host;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Begins a watch; it goes on until its feed ends. */
  add(feed: WatchFeed): void {
    const carried: Carried = { feed, backoff: new Backoff(this.#random, this.#backoff), id: 0, retry: null };
    this.#all.add(carried);
    feed.onEnded = () => {
      this.#all.delete(carried);
      carried.retry?.cancel();
      if (carried.id === 0) return;
      this.#byId.delete(carried.id);
      this.#host.connection()?.cancelWatch(carried.id);
    };
    this.#start(carried);
  }

  onUp(): void {
    for (const carried of this.#all) if (carried.retry === null) this.#start(carried);
  }

  onDown(error: KvError, isLasting: boolean): void {
    this.#byId.clear();
    for (const carried of [...this.#all]) {
      carried.id = 0;
      if (isLasting) carried.feed.stop(error);
    }
  }

  onWatching(id: number, revision: number): void {
    this.#byId.get(id)?.feed.begin(revision);
  }

  /** Takes events; returns what is wrong with them when they cannot be understood. */
  onEvents(id: number, bytes: Uint8Array): KvError | null {
    const carried = this.#byId.get(id);
    if (carried === undefined) return null;
    let events: WatchEvent[];
    try {
      events = decodeEvents(bytes);
    } catch (cause) {
      return new KvError("PROTOCOL_ERROR", "events of a watch make no sense", { cause });
    }
    carried.backoff.reset();
    carried.feed.push(events);
    return null;
  }

  /** The server ended a watch. Returns whether that speaks against the server. */
  onEnd(id: number, error: KvError): boolean {
    const carried = this.#byId.get(id);
    if (carried === undefined) return false;
    this.#byId.delete(id);
    carried.id = 0;
    if (!isTransient(error.code)) {
      carried.feed.stop(error);
      return false;
    }
    carried.retry = this.#clock.after(carried.backoff.fail(), () => {
      carried.retry = null;
      this.#start(carried);
    });
    return blamesServer(error.code);
  }

  /** Ends every watch quietly: their owner closed the client. */
  close(): void {
    for (const carried of [...this.#all]) carried.feed.stop(null);
  }

  #start(carried: Carried): void {
    const connection = this.#host.connection();
    if (connection === null) {
      this.#host.ensure();
      return;
    }
    carried.id = this.#host.newId();
    this.#byId.set(carried.id, carried);
    const { start, end, next } = carried.feed;
    connection.watch(carried.id, { start, end, fromRevision: next });
    this.#host.onStarted();
  }
}
