/**
 * A whole server from its parts: the log on a disk (or in memory), the store, replication, and the front doors
 * on their ports. What starts is stopped again, in the opposite order, when a later part cannot start.
 *
 * @module
 */
import process from "node:process";
import { getLogger, type Logger } from "@logtape/logtape";
import { openNodeDisk } from "../adapters/node_disk.ts";
import { type HttpServer, serveHttp } from "../adapters/http_serve.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { systemRandom } from "../adapters/system_random.ts";
import type { KvError } from "../core/errors.ts";
import { KVStore } from "../core/kv/kv_store.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/kv/limits.ts";
import type { SnapshotOptions } from "../core/snapshotter.ts";
import { Standalone } from "../core/standalone.ts";
import { openDurableLog } from "../log/durable_log.ts";
import { MemoryLog } from "../log/memory_log.ts";
import type { Log } from "../ports/log.ts";
import { VERSION } from "../version.ts";
import { createHttpApp, type HttpApp } from "./http/http_app.ts";
import { commandTable } from "./resp/command_table.ts";
import { DEFAULT_RESP_LIMITS, ServerContext } from "./resp/server_context.ts";
import { Service } from "./service.ts";
import { ServerStats } from "./stats.ts";
import { startTcpServer, type TcpServer } from "./tcp_server.ts";
import { startUdpServer, type UdpServer } from "./udp/udp_server.ts";

/** How a server is to run. */
export interface ServerOptions extends Partial<SnapshotOptions> {
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string;
  /** The port for TCP and UDP; 0 for any that is free. */
  readonly port: number;
  /** The port for HTTP; 0 for no HTTP, null for any that is free. */
  readonly httpPort: number | null;
  /** The folder of the data, made when it is not there; null keeps everything in memory. */
  readonly dataDir: string | null;
  /** Asked of every client. @default null */
  readonly password?: string | null;
  /** Sizes other than the usual. */
  readonly limits?: Partial<Limits>;
  /** The most TCP connections at once. @default 10000 */
  readonly maxConnections?: number;
  /** How long {@link RunningServer.close} waits for clients to take their last replies, in milliseconds. @default 5000 */
  readonly closeDeadline_ms?: number;
}

/** Where a server listens. */
export interface ListeningAddress {
  /** The address, as asked for. */
  readonly host: string;
  /** The port, as bound. */
  readonly port: number;
}

/** A server that runs. */
export interface RunningServer extends AsyncDisposable {
  /** Where clients reach it. */
  readonly addresses: {
    readonly tcp: ListeningAddress;
    readonly udp: ListeningAddress;
    /** Null when HTTP is off. */
    readonly http: ListeningAddress | null;
  };
  /** Calls back once if the server can no longer serve, such as when its disk fails. */
  onFailure(callback: (error: KvError) => void): void;
  /** Takes no more requests, finishes what was accepted, makes it durable, and stops. */
  close(): Promise<void>;
}

/** Something to stop, in the order opposite to that in which it was started. */
type Stop = () => Promise<void>;

const MAX_CONNECTIONS = 10_000;
const CLOSE_DEADLINE_MS = 5000;

/**
 * Starts a server: recovers the data in `dataDir`, then listens.
 *
 * @throws {LogError} when the data cannot be used: damaged, written by a newer version, in use by another process
 * @throws {Error} of the operating system when a port cannot be listened on
 *
 * @example
 * ```ts
 * import { startServer } from "@x/kvpaxos";
 *
 * await using server = await startServer({ port: 0, httpPort: null, dataDir: null });
 * console.log(`listening on ${server.addresses.tcp.port}`);
 * ```
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const stops: Stop[] = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    return await start(options, stops, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function start(options: ServerOptions, stops: Stop[], stopAll: Stop): Promise<RunningServer> {
  const { host = "127.0.0.1", password = null, maxConnections = MAX_CONNECTIONS } = options;
  const deadline_ms = options.closeDeadline_ms ?? CLOSE_DEADLINE_MS;
  const logger = getLogger(["kvpaxos", "server"]);
  const log = openLog(options.dataDir, logger);
  const limits = consistentLimits(options.limits ?? {});
  const store = new KVStore({ limits, hashSeed: Math.floor(systemRandom.next() * 2 ** 32) });
  const replication = new Standalone({ ...options, log, clock: systemClock, stateMachine: store });
  stops.push(() => replication.close());
  await replication.start();

  const stats = new ServerStats();
  const service = new Service(replication, store);
  // The port that INFO tells of is known once the socket listens; with port 0 not before.
  const bound = { tcp: options.port };
  const context = new ServerContext({
    service,
    table: commandTable,
    clock: systemClock,
    random: systemRandom,
    stats,
    config: {
      version: VERSION,
      runtime: runtimeName(),
      processId: process.pid,
      password,
      get tcpPort(): number {
        return bound.tcp;
      },
      maxConnections,
      idleTimeout_ms: 0,
      memoryBytes: () => process.memoryUsage.rss(),
    },
    limits: {
      maxBulkBytes: Math.max(DEFAULT_RESP_LIMITS.maxBulkBytes, limits.maxCommandBytes),
      maxRequestBytes: Math.max(DEFAULT_RESP_LIMITS.maxRequestBytes, 2 * limits.maxCommandBytes),
    },
    onNotice: (message) => logger.warning("{message}", { message }),
  });

  const tcp: TcpServer = await startTcpServer({ context, host, port: options.port, maxConnections });
  stops.push(() => tcp.close(deadline_ms));
  bound.tcp = tcp.port;
  const udp: UdpServer = await startUdpServer({ context, host, port: tcp.port });
  stops.push(() => udp.close());
  const http = options.httpPort === 0 ? null : await startHttp(options, service, stats, log, logger);
  if (http !== null) stops.push(() => http.close(deadline_ms));

  return {
    addresses: {
      tcp: { host, port: tcp.port },
      udp: { host, port: udp.port },
      http: http === null ? null : { host, port: http.port },
    },
    onFailure: (callback) => replication.onFailure(callback),
    close: stopAll,
    [Symbol.asyncDispose]: stopAll,
  };
}

/** A larger value makes larger commands: whoever raises one limit need not know of the others. */
function consistentLimits(given: Partial<Limits>): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const maxCommandBytes = given.maxCommandBytes ?? Math.max(limits.maxCommandBytes, 2 * limits.maxValueBytes);
  return { ...limits, maxCommandBytes };
}

function openLog(dataDir: string | null, logger: Logger): Log {
  if (dataDir === null) return new MemoryLog({ clock: systemClock, random: systemRandom });
  const log = openDurableLog({ disk: openNodeDisk(dataDir), clock: systemClock, random: systemRandom });
  if (log.recovered !== null) {
    logger.warning(
      "cut off a torn tail of {tornBytes} bytes at offset {offset} of {file}: a write that was never acknowledged",
      {
        ...log.recovered,
      },
    );
  }
  return log;
}

async function startHttp(
  options: ServerOptions,
  service: Service,
  stats: ServerStats,
  log: Log,
  logger: Logger,
): Promise<HttpServer> {
  const app: HttpApp = createHttpApp({
    service,
    clock: systemClock,
    stats,
    info: { name: "kvpaxos", version: VERSION, startedAt_ms: systemClock.now() },
    password: options.password ?? null,
    log: () => log.status(),
    memory: () => {
      const { rss, heapUsed } = process.memoryUsage();
      return { resident_bytes: rss, heap_bytes: heapUsed };
    },
    onError: (error) => logger.error("an HTTP request failed unexpectedly: {error}", { error }),
  });
  const server = await serveHttp({
    fetch: app.fetch,
    maxBody_bytes: 4 * service.store.limits.maxCommandBytes,
    host: options.host ?? "127.0.0.1",
    port: options.httpPort ?? 0,
  });
  return {
    port: server.port,
    close: (deadline_ms) => {
      app.close();
      return server.close(deadline_ms);
    },
  };
}

function runtimeName(): string {
  const versions: Readonly<Record<string, string | undefined>> = process.versions;
  for (const name of ["bun", "deno"]) {
    if (versions[name] !== undefined) return `${name} ${versions[name]}`;
  }
  return `node ${process.versions.node}`;
}
