/**
 * What the RESP connections of one server share: the service, the ports, the figures, and who is connected.
 *
 * @module
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Logins } from "../access/logins.ts";
import { ServerMetrics } from "../metrics/server_metrics.ts";
import type { TurnTimer } from "../metrics/turn_timer.ts";
import type { Service } from "../service.ts";
import type { ServerStats } from "../stats.ts";
import type { Figures } from "../status_page.ts";
import type { CommandTable } from "./command_table.ts";
import { RespConnection } from "./connection.ts";
import { BufferPool } from "./reply_writer.ts";
import { RequestMeters } from "./request_meters.ts";
import type { RequestSource } from "./request_source.ts";
import { ScanCursors } from "./scan_cursors.ts";
import type { RespTransport } from "./transport.ts";

/** What RESP clients may know of the server's configuration. */
export interface RespConfig {
  /** The version of kvpaxos. */
  readonly version: string;
  /** The runtime and its version, for INFO. */
  readonly runtime: string;
  /** The process id, for INFO. */
  readonly processId: number;
  /** The TCP port, for INFO and CONFIG GET. */
  readonly tcpPort: number;
  /** The most TCP clients, for CONFIG GET. */
  readonly maxConnections: number;
  /** A client silent for this long is closed; 0 for never. For CONFIG GET. */
  readonly idleTimeout_ms: number;
  /** Memory in use by the process in bytes, for INFO. */
  readonly memoryBytes: () => number;
  /** All figures, for INFO and KVSTATUS. */
  readonly figures: () => Figures;
}

/** Bounds on what one connection may cost. Sizes are bytes. */
export interface RespLimits {
  /** The longest argument. @default 16777216 */
  readonly maxBulkBytes: number;
  /** The longest request, framing included. @default 33554432 */
  readonly maxRequestBytes: number;
  /** Reading stops while more than this waits to be sent. @default 1048576 */
  readonly softOutputBytes: number;
  /** A client that leaves more than this unread is closed; one reply may be larger. @default 67108864 */
  readonly hardOutputBytes: number;
  /** Reading stops while more commands than this are unfinished. @default 10000 */
  readonly maxUnfinished: number;
  /** Reading stops while the unfinished commands hold more argument bytes than this. @default 33554432 */
  readonly maxUnfinishedBytes: number;
  /** A watch is ended when more than this waits to be sent. @default 16777216 */
  readonly maxWatchBytes: number;
  /** The most watches of one connection. @default 1024 */
  readonly maxWatches: number;
  /** Where clients must log in, one that has not within so many milliseconds is closed. @default 10000 */
  readonly loginTimeout_ms: number;
}

/** The limits unless others are given. */
export const DEFAULT_RESP_LIMITS: RespLimits = {
  maxBulkBytes: 16 * 1024 * 1024,
  maxRequestBytes: 32 * 1024 * 1024,
  softOutputBytes: 1024 * 1024,
  hardOutputBytes: 64 * 1024 * 1024,
  maxUnfinished: 10_000,
  maxUnfinishedBytes: 32 * 1024 * 1024,
  maxWatchBytes: 16 * 1024 * 1024,
  maxWatches: 1024,
  loginTimeout_ms: 10_000,
};

/** What a {@link ServerContext} is made from. */
export interface ServerContextOptions {
  readonly service: Service;
  readonly table: CommandTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: ServerStats;
  /** Where requests are counted for metrics. @default nobody looks */
  readonly metrics?: ServerMetrics;
  readonly config: RespConfig;
  /** Finds out who a client is. */
  readonly logins: Logins;
  readonly limits?: Partial<RespLimits>;
  /** Told of what an operator should know: a client that was closed for what it did. */
  readonly onNotice?: (message: string) => void;
}

/** What the connections of one server share. */
export class ServerContext {
  readonly service: Service;
  readonly table: CommandTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: ServerStats;
  /** Tells the time once a turn. */
  readonly turns: TurnTimer;
  /** What counts the requests of each door. */
  readonly meters: Readonly<Record<RespTransport["kind"], RequestMeters>>;
  readonly config: RespConfig;
  readonly logins: Logins;
  readonly limits: RespLimits;
  readonly pool: BufferPool = new BufferPool();
  /** Where the scans of this server's clients stopped. */
  readonly scanCursors: ScanCursors;
  /** The connections that clients can see in CLIENT LIST, by id. */
  readonly clients: Map<number, RespConnection> = new Map();
  /** The monotonic time at which the server started, in milliseconds. */
  readonly started_ms: number;
  readonly #onNotice: (message: string) => void;
  /** Ends the wait for a login, by connection. */
  readonly #patience: Map<number, Timer> = new Map();
  #nextId = 1;
  #dirty: RespConnection[] = [];

  constructor(options: ServerContextOptions) {
    this.service = options.service;
    this.table = options.table;
    this.clock = options.clock;
    this.random = options.random;
    this.scanCursors = new ScanCursors(options.random);
    this.stats = options.stats;
    const { turns, doors } = options.metrics ?? new ServerMetrics(options.clock);
    this.turns = turns;
    this.meters = { tcp: new RequestMeters(doors.tcp), udp: new RequestMeters(doors.udp) };
    this.config = options.config;
    this.logins = options.logins;
    this.limits = { ...DEFAULT_RESP_LIMITS, ...options.limits };
    this.started_ms = options.clock.monotonic();
    this.#onNotice = options.onNotice ?? (() => {});
  }

  /** Lets a client in, which others can see until its wire is gone. `requests` as for a {@link RespConnection}. */
  admit(transport: RespTransport, requests?: RequestSource): RespConnection {
    const connection = new RespConnection(this, transport, requests);
    this.clients.set(connection.id, connection);
    if (!connection.state.authenticated) {
      const { loginTimeout_ms } = this.limits;
      const timer = this.clock.after(loginTimeout_ms, () => {
        if (!connection.state.authenticated) connection.drop(`has not logged in within ${loginTimeout_ms} ms`);
      });
      this.#patience.set(connection.id, timer);
    }
    return connection;
  }

  /** The client's wire is gone. */
  forget({ id }: RespConnection): void {
    this.clients.delete(id);
    this.#patience.get(id)?.cancel();
    this.#patience.delete(id);
  }

  /** A number that no other connection of this server has. */
  nextId(): number {
    return this.#nextId++;
  }

  /** Bytes have come from clients. */
  received(bytes: number, kind: RespTransport["kind"] = "tcp"): void {
    this.stats.bytesIn += bytes;
    this.meters[kind].door.receivedBytes += bytes;
  }

  /** A client was turned away. */
  refused(): void {
    this.stats.connectionsRefused++;
  }

  /** Tells the operator. */
  notice(message: string): void {
    this.#onNotice(message);
  }

  /** Users may be others now: closes the clients who would not be let in as they were. */
  recheckAccess(): void {
    for (const client of [...this.clients.values()]) {
      const { access } = client.state;
      if (access !== null && !this.logins.isStill(access)) client.drop(`is user ${access.user}, who has changed`);
    }
  }

  /** Flushes `connection` at the end of this turn: once, however many of its commands finish in it. */
  flushLater(connection: RespConnection): void {
    if (this.#dirty.push(connection) === 1) this.clock.defer(() => this.#flushAll());
  }

  #flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }
}
