/**
 * The one connection that a client has at a time, and which of the servers it goes to. Sticks to a server that
 * works; leaves one that does not for the next in the list, with backoff once all of them have been tried.
 *
 * Invariant: what an abandoned connection still says is not heard, so every callback to the owner is about the
 * present connection.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { Backoff } from "./backoff.ts";
import type { Connection, ConnectionListener, Connector, ServerAddress } from "./connection.ts";

/** What the link tells its owner. */
export interface LinkOwner extends Omit<ConnectionListener, "onOpen" | "onClose"> {
  /** A connection is ready. */
  onUp(connection: Connection): void;
  /**
   * The connection is gone, or none could be made. The link does nothing more until {@link Link.ensure}. `isLasting` says
   * that trying again would be of no use: what is wrong is not that servers are away.
   */
  onDown(error: KvError, isLasting: boolean): void;
}

/** Where and how to connect. */
export interface LinkOptions {
  readonly servers: readonly ServerAddress[];
  readonly connector: Connector;
  readonly clock: Clock;
  readonly random: Random;
  readonly connectTimeout_ms: number;
  readonly backoffBase_ms: number;
  readonly backoffMax_ms: number;
}

/** The way to whichever server works. */
export class Link {
  #options: LinkOptions;
  #owner: LinkOwner;
  #backoff: Backoff;
  #at: number;
  #connection: Connection | null = null;
  #open = false;
  /** Guards against callbacks of a connection that was given up. */
  #generation = 0;
  /** Until when the next attempt waits, and whether it has to. */
  #wait_ms = 0;
  #timer: Timer | null = null;
  /** How many servers in a row there was no TLS connection to. */
  #tlsFailures = 0;
  #closed = false;

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#backoff = new Backoff(options.random, {
      base_ms: options.backoffBase_ms,
      max_ms: options.backoffMax_ms,
      free: options.servers.length - 1,
    });
    // Clients that are given one list spread over it.
    this.#at = Math.floor(options.random.next() * options.servers.length);
  }

  /** The connection, when it is ready. */
  get connection(): Connection | null {
    return this.#open ? this.#connection : null;
  }

  /** The server in use, or to be tried next. */
  get server(): ServerAddress {
    return this.#options.servers[this.#at]!;
  }

  /** Begins to connect, unless that is done or under way. */
  ensure(): void {
    if (this.#closed || this.#connection !== null || this.#timer !== null) return;
    if (this.#wait_ms <= 0) {
      this.#connect();
      return;
    }
    this.#timer = this.#options.clock.after(this.#wait_ms, () => {
      this.#timer = null;
      this.#connect();
    });
  }

  /** The server in use has answered as it should: stay with it. */
  praise(): void {
    this.#tlsFailures = 0;
    this.#backoff.reset();
  }

  /** Leaves the server in use for the next one. */
  leave(error: KvError): void {
    if (this.#closed || this.#connection === null) return;
    const connection = this.#connection;
    this.#forget();
    connection.close();
    this.#down(error);
  }

  /** Closes for good, without a call to the owner. */
  close(): void {
    this.#closed = true;
    const connection = this.#connection;
    this.#forget();
    connection?.close();
  }

  #forget(): void {
    this.#generation++;
    this.#connection = null;
    this.#open = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #down(error: KvError): void {
    this.#wait_ms = this.#backoff.fail();
    this.#at = (this.#at + 1) % this.#options.servers.length;
    this.#owner.onDown(error, this.#isLasting(error));
  }

  /** A password is the same for all servers; a certificate is each server's own, so that all of them have to be tried. */
  #isLasting({ code }: KvError): boolean {
    this.#tlsFailures = code === "TLS_FAILED" ? this.#tlsFailures + 1 : 0;
    if (this.#tlsFailures < this.#options.servers.length) return code === "UNAUTHENTICATED";
    this.#tlsFailures = 0;
    return true;
  }

  #connect(): void {
    const generation = ++this.#generation;
    const { host, port } = this.server;
    const present = (): boolean => generation === this.#generation;
    const owner = this.#owner;
    const timeout_ms = this.#options.connectTimeout_ms;
    this.#timer = this.#options.clock.after(timeout_ms, () => {
      this.#timer = null;
      this.leave(new KvError("UNAVAILABLE", `no connection to ${host}:${port} within ${timeout_ms} ms`));
    });
    this.#connection = this.#options.connector(this.server, {
      onOpen: () => {
        if (!present() || this.#open) return;
        this.#timer?.cancel();
        this.#timer = null;
        this.#open = true;
        owner.onUp(this.#connection!);
      },
      onReply: (id, result) => {
        if (present()) owner.onReply(id, result);
      },
      onRefused: (id, error) => {
        if (present()) owner.onRefused(id, error);
      },
      onWatching: (id, revision) => {
        if (present()) owner.onWatching(id, revision);
      },
      onEvents: (id, events) => {
        if (present()) owner.onEvents(id, events);
      },
      onWatchEnd: (id, error) => {
        if (present()) owner.onWatchEnd(id, error);
      },
      onClose: (error) => {
        if (!present()) return;
        this.#forget();
        this.#down(error);
      },
    });
  }
}
