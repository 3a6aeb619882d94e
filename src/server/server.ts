/**
 * A whole server from its parts: the log on a disk (or in memory), the store, replication, and the front doors
 * on their ports. What starts is stopped again, in the opposite order, when a later part cannot start.
 *
 * A replica stops otherwise: what its clients wait for needs the other replicas, whose connections come in by the same
 * doors, so the doors and the replication close together.
 *
 * @module
 */
import process from "node:process";
import { getLogger, type Logger } from "@logtape/logtape";
import { type HttpServeOptions, type HttpServer, serveHttp } from "../adapters/http_serve.ts";
import type { HttpTls } from "../adapters/https_serve.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { systemRandom } from "../adapters/system_random.ts";
import type { ServerIdentity } from "../adapters/tls/server_identity.ts";
import type { ServerTlsOptions, ServerTlsTexts } from "../adapters/tls/server_texts.ts";
import { KvError } from "../core/errors.ts";
import type { Limits } from "../core/kv/limits.ts";
import type { Replication } from "../core/replication.ts";
import type { SnapshotOptions } from "../core/snapshotter.ts";
import { VERSION } from "../version.ts";
import { Logins } from "./access/logins.ts";
import { parseUsers } from "./access/user_table.ts";
import { type Base, createBase, restore } from "./base.ts";
import type { ClusterOptions } from "./cluster/options.ts";
import { FirstFailure } from "./first_failure.ts";
import { createHttpApp, type HttpApp } from "./http/http_app.ts";
import type { LogLevels } from "./log_levels.ts";
import { type ServerParts, SYSTEM_PARTS } from "./parts.ts";
import { commandTable } from "./resp/command_table.ts";
import { DEFAULT_RESP_LIMITS, ServerContext } from "./resp/server_context.ts";
import { watchEventLoop } from "./metrics/event_loop_delay.ts";
import { ServerMetrics } from "./metrics/server_metrics.ts";
import { RequestSpans, type RequestTracer } from "./metrics/tracing.ts";
import { Service } from "./service.ts";
import { tlsOf } from "./server_tls.ts";
import { ServerStats } from "./stats.ts";
import { type Figures, type MemoryFigures, unreadyOf } from "./status_page.ts";
import { startTcpServer, type TcpServer } from "./tcp_server.ts";
import { MAX_THREADS } from "./threads/max_threads.ts";
import { startThreadPool, type ThreadPool } from "./threads/pool.ts";
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
  /**
   * A file that `kvclient snapshot save` wrote: the folder of the data, which must have none yet, begins with its state.
   * The replicas of a cluster are all restored from the same file.
   *
   * @default null
   */
  readonly restore?: string | null;
  /** The password of the user `default`, who may do everything. Clients must give it, or be one of {@link users}. @default null */
  readonly password?: string | null;
  /** Users with passwords, tokens, roles and scopes: the text of a file of users, see docs/security.md. @default none */
  readonly users?: string | null;
  /**
   * What the replicas of a cluster prove to each other that they know, without sending it. At least 16 characters, drawn
   * at random; the same on all of them. @default none: whoever can reach a replica can pass for another one
   */
  readonly clusterSecret?: string | null;
  /**
   * Speaks TLS 1.2 or newer at the ports of TCP and HTTP, and nothing else. A replica needs `ca`: replicas show each
   * other their certificates, which must be of `ca` and for the host that {@link cluster} has for them.
   *
   * @default null: no TLS
   */
  readonly tls?: ServerTlsOptions | null;
  /** Whether there is a door for UDP, which has no TLS. @default true without {@link tls}, false with it */
  readonly udp?: boolean;
  /** The server's place among other replicas. @default it has none */
  readonly cluster?: ClusterOptions;
  /** Sizes other than the usual. */
  readonly limits?: Partial<Limits>;
  /** The most connections at once over TCP, and as many over HTTP. @default 10000 */
  readonly maxConnections?: number;
  /** Lets clients of HTTP see and change how much is logged. @default they cannot */
  readonly logLevels?: LogLevels;
  /**
   * Makes a span of each request, such as `trace.getTracer("kvpaxos")` of `@opentelemetry/api`. @default nothing is traced
   */
  readonly tracer?: RequestTracer;
  /**
   * The context that an HTTP request names in its headers, so that its span belongs to the caller's trace. With
   * OpenTelemetry: `(headers) => propagation.extract(ROOT_CONTEXT, Object.fromEntries(headers))`.
   * @default every span is the first of its trace
   */
  readonly traceContext?: (headers: Headers) => unknown;
  /**
   * How many threads hold the connections of clients over TCP and HTTP. With more than one they are threads beside the one that
   * owns the data; with one it does that too, which costs the least. Only on Linux.
   * @default 1
   */
  readonly threads?: number;
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
    /** Null when UDP is off. */
    readonly udp: ListeningAddress | null;
    /** Null when HTTP is off. */
    readonly http: ListeningAddress | null;
  };
  /**
   * Resolves when the server takes requests: at once for one without replicas; for a replica under Multi-Paxos once it
   * knows enough of the others and one of them leads, under two-phase commit once it has heard of all the others.
   * Rejects when the server is closed before.
   */
  ready(): Promise<void>;
  /** Calls back once if the server can no longer serve, such as when its disk fails, or one of its threads. */
  onFailure(callback: (error: KvError) => void): void;
  /**
   * Takes other users from now on: the text of a file of users. Clients whose user is gone, or may do something else
   * now, are closed.
   *
   * @throws {Error} naming the first line that cannot be used; everything stays as it was
   */
  replaceUsers(users: string): void;
  /**
   * Shows another certificate from now on, and believes these authorities; connections that are there live on.
   *
   * @throws {KvError} `INVALID_ARGUMENT` when it cannot be used, or the server speaks no TLS; everything stays as it was
   */
  replaceCertificate(texts: ServerTlsTexts): void;
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
 * @throws {KvError} `INVALID_ARGUMENT` for certificates that cannot be used
 * @throws {Error} of the operating system when a port cannot be listened on; naming a line of `users` that is wrong
 *
 * @example
 * ```ts
 * import { startServer } from "@x/kvpaxos";
 *
 * await using server = await startServer({ port: 0, httpPort: null, dataDir: null });
 * console.log(`listening on ${server.addresses.tcp.port}`);
 * ```
 */
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return startServerOn(SYSTEM_PARTS, options);
}

/** {@link startServer} on other parts than the system's. */
export async function startServerOn(parts: ServerParts, options: ServerOptions): Promise<RunningServer> {
  const stops: Stop[] = [];
  const stopAll = async (): Promise<void> => {
    const latestFirst = stops.splice(0).reverse();
    if (options.cluster !== undefined) await Promise.all(latestFirst.map((stop) => stop()));
    else for (const stop of latestFirst) await stop();
  };
  try {
    return await start(options, parts, stops, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function start(
  options: ServerOptions,
  parts: ServerParts,
  stops: Stop[],
  stopAll: Stop,
): Promise<RunningServer> {
  const { host = "127.0.0.1", threads = 1 } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new KvError("INVALID_ARGUMENT", `threads ${threads}: a whole number from 1 to ${MAX_THREADS} is needed`);
  }
  const deadline_ms = options.closeDeadline_ms ?? CLOSE_DEADLINE_MS;
  const logger = getLogger(["kvpaxos", "server"]);
  const logins = loginsOf(options);
  const tls = await tlsOf(options, logger);
  if (tls !== null) stops.push(() => Promise.resolve(tls.close()));
  await restore(options, parts, logger);
  const metrics = new ServerMetrics(systemClock, spansOf(options, logger));
  metrics.certificateExpires_ms = () => tls?.identity.certificate.expiresAt_ms ?? null;
  const base = createBase(options, tls?.peers ?? null, parts, metrics, logger);
  const { replication, replica } = base;
  stops.push(() => replica?.close() ?? replication.close());
  await (replica?.start() ?? replication.start());

  const stats = new ServerStats();
  const startedAt_ms = systemClock.now();
  const stopWatching = watchEventLoop(systemClock, metrics.eventLoopDelay);
  stops.push(() => Promise.resolve(stopWatching()));
  const figures = (): Figures => ({
    info: { name: "kvpaxos", version: VERSION, startedAt_ms },
    now_ms: systemClock.now(),
    store: base.store,
    replication: replication.status(),
    stats,
    log: base.log.status(),
    memory: memoryFigures(),
    cluster: replica?.figures() ?? null,
    metrics,
  });
  const service = new Service(replication, base.store);
  // The port that INFO tells of is known once the socket listens; with port 0 not before.
  const bound = { tcp: options.port };
  const context = contextOf(options, service, stats, metrics, figures, bound, logins, logger);

  const failure = new FirstFailure();
  replication.onFailure((error) => failure.tell(error));
  const door = {
    context,
    host,
    port: options.port,
    maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
    ...(replica === null ? {} : { acceptPeer: replica.acceptPeer }),
    ...(tls === null ? {} : { tls: tls.identity }),
  };
  const pool: ThreadPool | null = threads === 1
    ? null
    : await startThreadPool({ ...door, threads, onFailure: (error) => failure.tell(error) });
  const tcp: TcpServer = pool ?? await startTcpServer(door);
  stops.push(() => tcp.close(deadline_ms));
  bound.tcp = tcp.port;
  const hasUdp = options.udp ?? tls === null;
  const udp: UdpServer | null = hasUdp ? await startUdpServer({ context, host, port: tcp.port }) : null;
  if (udp !== null) stops.push(() => udp.close());
  const http = options.httpPort === 0
    ? null
    : await startHttp(options, service, metrics, figures, base, { tcp, pool }, logins, tls?.identity ?? null, logger);
  if (http !== null) stops.push(() => http.close(deadline_ms));

  return {
    addresses: {
      tcp: { host, port: tcp.port },
      udp: udp === null ? null : { host, port: udp.port },
      http: http === null ? null : { host, port: http.port },
    },
    ready: () => untilReady(replication),
    onFailure: (callback) => failure.hear(callback),
    replaceUsers: (users) => {
      logins.replaceUsers(parseUsers(users));
      context.recheckAccess();
      http?.recheck();
    },
    replaceCertificate: (texts) => {
      if (tls === null) throw new KvError("INVALID_ARGUMENT", "the server speaks no TLS; start it with a certificate");
      tls.replace(texts);
    },
    close: stopAll,
    [Symbol.asyncDispose]: stopAll,
  };
}

function loginsOf({ password = null, users = null }: ServerOptions): Logins {
  return new Logins({ clock: systemClock, password, users: users === null ? null : parseUsers(users) });
}

function spansOf({ tracer, traceContext }: ServerOptions, logger: Logger): RequestSpans | null {
  if (tracer === undefined) return null;
  return new RequestSpans(
    tracer,
    traceContext ?? (() => undefined),
    systemClock,
    (error) => logger.error("the tracer has failed, and is left alone from now on: {error}", { error }),
  );
}

function contextOf(
  options: ServerOptions,
  service: Service,
  stats: ServerStats,
  metrics: ServerMetrics,
  figures: () => Figures,
  bound: { readonly tcp: number },
  logins: Logins,
  logger: Logger,
): ServerContext {
  const { maxCommandBytes } = service.store.limits;
  return new ServerContext({
    service,
    table: commandTable,
    clock: systemClock,
    random: systemRandom,
    stats,
    metrics,
    config: {
      version: VERSION,
      runtime: runtimeName(),
      processId: process.pid,
      get tcpPort(): number {
        return bound.tcp;
      },
      maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
      idleTimeout_ms: 0,
      memoryBytes: () => process.memoryUsage.rss(),
      figures,
    },
    logins,
    limits: {
      maxBulkBytes: Math.max(DEFAULT_RESP_LIMITS.maxBulkBytes, maxCommandBytes),
      maxRequestBytes: Math.max(DEFAULT_RESP_LIMITS.maxRequestBytes, 2 * maxCommandBytes),
    },
    onNotice: (message) => logger.warning("{message}", { message }),
  });
}

/** How often a replica is asked whether it is ready. */
const READY_POLL_MS = 20;

function untilReady(replication: Replication): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const status = replication.status();
      const { state, reason } = status;
      if (state === "serving" && unreadyOf(status) === null) resolve();
      else if (state === "failed" || state === "closed") {
        reject(new KvError("CLOSED", `the server is ${state}${reason === null ? "" : `: ${reason}`}`));
      } else systemClock.after(READY_POLL_MS, look);
    };
    look();
  });
}

async function startHttp(
  options: ServerOptions,
  service: Service,
  metrics: ServerMetrics,
  figures: () => Figures,
  { log, replica }: Base,
  { tcp, pool }: { readonly tcp: TcpServer; readonly pool: ThreadPool | null },
  logins: Logins,
  tls: ServerIdentity | null,
  logger: Logger,
): Promise<HttpServer & Pick<HttpApp, "recheck">> {
  const { info, stats } = figures();
  const app: HttpApp = createHttpApp({
    service,
    clock: systemClock,
    stats,
    metrics,
    info,
    logins,
    log: () => log.status(),
    memory: memoryFigures,
    cluster: () => replica?.figures() ?? null,
    ...(options.logLevels === undefined ? {} : { logLevels: options.logLevels }),
    ...(replica === null || replica.peerFetch === null ? {} : { peerFetch: replica.peerFetch }),
    onError: (error) => logger.error("an HTTP request failed unexpectedly: {error}", { error }),
  });
  const maxBody_bytes = Math.max(4 * service.store.limits.maxCommandBytes, replica?.maxPeerRequest_bytes ?? 0);
  const port = options.httpPort ?? 0;
  const served: HttpServeOptions = {
    fetch: app.fetch,
    maxBody_bytes,
    host: options.host ?? "127.0.0.1",
    port,
    maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
    otherConnections: () => tcp.connections(),
    onError: (error) => logger.warning("the HTTP door: {error}", { error }),
  };
  // A login is the owner's to decide, and a span is made where the tracer is.
  const relaysAll = !logins.isOpen || options.tracer !== undefined;
  const server = tls === null
    ? await (pool?.serveHttp({ service, http: app, port, maxBody_bytes, relaysAll }) ?? serveHttp(served))
    : await serveHttpsOf(served, {
      identity: tls,
      hearsReplicas: replica !== null && replica.peerFetch !== null,
      onFailed: () => {
        stats.handshakesFailed++;
      },
      notice: (message) => logger.warning("{message}", { message }),
    });
  return {
    port: server.port,
    recheck: () => app.recheck(),
    close: (deadline_ms) => {
      app.close();
      return server.close(deadline_ms);
    },
  };
}

/** Only a server that speaks TLS loads what it takes. */
async function serveHttpsOf(options: HttpServeOptions, tls: HttpTls): Promise<HttpServer> {
  const { serveHttps } = await import("../adapters/https_serve.ts");
  return await serveHttps(options, tls);
}

function memoryFigures(): MemoryFigures {
  const { rss, heapUsed } = process.memoryUsage();
  return { resident_bytes: rss, heap_bytes: heapUsed };
}

function runtimeName(): string {
  const versions: Readonly<Record<string, string | undefined>> = process.versions;
  for (const name of ["bun", "deno"]) {
    if (versions[name] !== undefined) return `${name} ${versions[name]}`;
  }
  return `node ${process.versions.node}`;
}
