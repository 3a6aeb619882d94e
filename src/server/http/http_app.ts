/**
 * The HTTP front door: every route in one table, turned into a Hono app. What a route does is in its own file;
 * here is who may call it, and what happens to what nobody serves.
 *
 * @module
 */
import { Hono } from "hono";
import { PEER_PATH } from "../../adapters/peers/http_hello.ts";
import type { CallerCertificate } from "../../adapters/tls/caller_certificate.ts";
import { CodecError } from "../../codec/byte_reader.ts";
import { KvError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LogStatus } from "../../ports/log.ts";
import type { Logins } from "../access/logins.ts";
import type { LogLevels } from "../log_levels.ts";
import { METRICS_MEDIA_TYPE } from "../metrics/exposition.ts";
import type { RequestResult } from "../metrics/door_metrics.ts";
import { metricsText } from "../metrics/metrics_page.ts";
import { ServerMetrics } from "../metrics/server_metrics.ts";
import type { Service } from "../service.ts";
import type { ServerStats } from "../stats.ts";
import { type ClusterFigures, type Figures, type MemoryFigures, type ServerInfo, statusPage } from "../status_page.ts";
import { DEFAULT_FEED_LIMITS, type FeedLimits } from "./event_feed.ts";
import { HttpGate } from "./gate.ts";
import { commandRoutes, jsonLimit, type Method, type Route } from "./door_routes.ts";
import type { Handler } from "./kv_routes.ts";
import { getHealth, getReadiness } from "./health_routes.ts";
import { HttpMeters } from "./http_meters.ts";
import { getLogLevels, putLogLevel } from "./log_level_route.ts";
import { HttpProblem, problemBody, problemOf, problemResponse } from "./problem.ts";
import { listEvents } from "./range_routes.ts";
import { Bodies, DEFAULT_BODY_MS } from "./request_body.ts";
import { routeOf } from "./request_target.ts";
import { createRpcApp } from "./rpc_app.ts";
import { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits, SnapshotRoute } from "./snapshot_route.ts";
import { Watches } from "./watch_route.ts";

/** What an {@link HttpApp} is made of. */
export interface HttpAppOptions {
  readonly service: Service;
  readonly clock: Clock;
  readonly stats: ServerStats;
  /** What `/metrics` shows beside the figures. @default only what this door counts */
  readonly metrics?: ServerMetrics;
  readonly info: ServerInfo;
  /** Finds out who a client is. The pages for orchestrators are always open. */
  readonly logins: Logins;
  /** The log's figures, or null for a server that keeps none. */
  readonly log: () => LogStatus | null;
  /** The process's memory. */
  readonly memory: () => MemoryFigures;
  /** The replicas of the cluster. @default none */
  readonly cluster?: () => ClusterFigures | null;
  /** Answers other replicas, when they talk over HTTP. These requests are not counted as clients'. @default none */
  readonly peerFetch?: (request: Request, certificate?: CallerCertificate) => Promise<Response>;
  /** How much is logged. @default nobody can say */
  readonly logLevels?: LogLevels;
  /** How long the body of a request may take to arrive. @default 30000 */
  readonly body_ms?: number;
  /** Bounds of watches. */
  readonly feedLimits?: Partial<FeedLimits>;
  /** Bounds of snapshots. */
  readonly snapshotLimits?: Partial<SnapshotLimits>;
  /** Told of failures that nobody foresaw; the client hears only that there was one. */
  readonly onError?: (error: unknown) => void;
}

/** The HTTP front door. */
export interface HttpApp {
  /** The app, for those who mount it. Requests that do not come through {@link fetch} are not counted. */
  readonly app: Hono;
  /** Answers one request; `address` says where it comes from. */
  readonly fetch: (
    request: Request,
    address?: () => string,
    certificate?: () => CallerCertificate,
  ) => Response | Promise<Response>;
  /** Counts a request that another thread has answered, which took so long there. */
  count(method: string, path: string, result: RequestResult, duration_ms: number): void;
  /** Users may be others now: ends the watches of those who would not be let in as they were. */
  recheck(): void;
  /** Ends the watches and gives up snapshots, so that a server that is closing need not wait for them. */
  close(): void;
}

/** Pages that need no password: those that tell an orchestrator whether to restart or to send load. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** Builds the front door. */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { service, stats, peerFetch, metrics = new ServerMetrics(options.clock) } = options;
  // Replicas show who they are in their own way.
  const isPeers = (path: string): boolean => peerFetch !== undefined && path === PEER_PATH;
  const bodies = new Bodies(options.clock, options.body_ms ?? DEFAULT_BODY_MS);
  const gate = new HttpGate(options.logins, stats, (path) => OPEN_PATHS.has(path) || isPeers(path));
  const watches = new Watches(service, options.clock, { ...DEFAULT_FEED_LIMITS, ...options.feedLimits });
  const snapshots = new SnapshotRoute({
    service,
    clock: options.clock,
    product: options.info.version,
    limits: { ...DEFAULT_SNAPSHOT_LIMITS, ...options.snapshotLimits },
  });
  const routes: readonly Route[] = [
    ...commandRoutes(service, gate, bodies),
    ["GET", "/v1/watch", watches.handler(gate)],
    ["GET", "/v1/events", listEvents(service, gate)],
    ["GET", "/v1/snapshot", snapshots.handler(gate)],
    ...operatorRoutes(options, metrics, gate, bodies),
  ];

  /** Who sends the requests of replicas, over HTTPS. */
  const certificates = new WeakMap<Request, () => CallerCertificate>();
  const app = new Hono({ getPath: routeOf });
  if (!options.logins.isOpen) app.use("*", gate.middleware());
  for (const [method, path, handler] of routes) app.on(method, path, handler);
  app.route("/", createRpcApp(service, gate, bodies, jsonLimit(service)));
  if (peerFetch !== undefined) app.post(PEER_PATH, (c) => peerFetch(c.req.raw, certificates.get(c.req.raw)?.()));
  const served = [...routes, ["POST", "/v1/rpc"]] as const;
  app.notFound(unserved(served));
  app.onError((error) => {
    if (!isForeseen(error)) options.onError?.(error);
    return problemOf(error);
  });
  const meters = new HttpMeters(metrics, served);
  const answer = (request: Request): Response | Promise<Response> => app.fetch(request);
  return {
    app,
    count: (method, path, result, duration_ms) => meters.count(method, path, result, duration_ms),
    recheck: () => watches.recheck(gate),
    fetch: (request, address, certificate) => {
      if (peerFetch !== undefined && request.url.endsWith(PEER_PATH)) {
        if (certificate !== undefined) certificates.set(request, certificate);
        return answer(request);
      }
      if (address !== undefined) gate.note(request, address());
      stats.httpRequests++;
      return meters.measure(request, answer);
    },
    close: () => {
      watches.close();
      snapshots.close();
    },
  };
}

function isForeseen(error: unknown): boolean {
  return error instanceof HttpProblem || error instanceof KvError || error instanceof CodecError;
}

function operatorRoutes(options: HttpAppOptions, metrics: ServerMetrics, gate: HttpGate, bodies: Bodies): Route[] {
  const { service } = options;
  const figures = (): Figures => ({
    info: options.info,
    now_ms: options.clock.now(),
    store: service.store,
    replication: service.replication.status(),
    stats: options.stats,
    log: options.log(),
    memory: options.memory(),
    cluster: options.cluster?.() ?? null,
    metrics,
  });
  let document: string | null = null;
  return [
    ["GET", "/v1/status", (c) => c.json(statusPage(figures()))],
    [
      "GET",
      "/metrics",
      () => new Response(metricsText(figures(), metrics), { headers: { "Content-Type": METRICS_MEDIA_TYPE } }),
    ],
    ["GET", "/v1/admin/log-level", getLogLevels(options.logLevels)],
    ["PUT", "/v1/admin/log-level", putLogLevel(options.logLevels, gate, bodies)],
    ["GET", "/healthz", getHealth()],
    ["GET", "/readyz", getReadiness(() => service.replication.status())],
    ["GET", "/openapi.json", async () => {
      // Made when it is first asked for: most servers never are.
      if (document === null) {
        const { openApiDocument } = await import("./openapi.ts");
        document = JSON.stringify(await openApiDocument(options.info.version));
      }
      return new Response(document, { headers: { "Content-Type": "application/json" } });
    }],
  ];
}

/** Answers what no route serves: 405 where another method would do, 404 elsewhere; OPTIONS says what there is. */
function unserved(routes: readonly (readonly [method: Method, path: string, ...unknown[]])[]): Handler {
  const allowed = new Map<string, string>();
  for (const [method, path] of routes) {
    const methods = method === "GET" ? "GET, HEAD" : method;
    const before = allowed.get(path);
    allowed.set(path, before === undefined ? methods : `${before}, ${methods}`);
  }
  return (c) => {
    const path = routeOf(c.req.raw);
    const allow = allowed.get(path);
    const { method } = c.req.raw;
    if (allow === undefined) {
      return problemResponse(problemBody("NOT_FOUND", `nothing is served at ${path.slice(0, 200)}; see /openapi.json`));
    }
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { "Allow": `${allow}, OPTIONS` } });
    return problemResponse(
      problemBody("METHOD_NOT_ALLOWED", `${method.slice(0, 32)} is not served here; ${allow} are`),
      { "Allow": `${allow}, OPTIONS` },
    );
  };
}
