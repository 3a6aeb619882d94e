/**
 * Counts the requests of the HTTP door by route, and how they end. Labels are routes as they are written down, never paths:
 * a path has the client's key in it.
 *
 * @module
 */
import type { CommandMeter, DoorMetrics, RequestResult } from "../metrics/door_metrics.ts";
import type { ServerMetrics } from "../metrics/server_metrics.ts";
import { routeOf } from "./request_target.ts";

type Answer = Response | Promise<Response>;

/** The meters of the routes. */
export class HttpMeters {
  readonly #metrics: ServerMetrics;
  readonly #door: DoorMetrics;
  readonly #routes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #meters: Map<string, Map<string, CommandMeter>> = new Map();

  constructor(metrics: ServerMetrics, routes: readonly (readonly [method: string, path: string, ...unknown[]])[]) {
    this.#metrics = metrics;
    this.#door = metrics.doors.http;
    const methods = [...new Set(routes.map(([method]) => method))];
    this.#routes = new Map(methods.map((method) => {
      return [method, new Set(routes.filter((route) => route[0] === method).map(([, path]) => path))];
    }));
  }

  /** Has `answer` answer a request, and counts it when it has. */
  measure(request: Request, answer: (request: Request) => Answer): Answer {
    const begun_ms = this.#metrics.turns.now();
    this.#metrics.httpInFlight++;
    const end = (response: Response): Response => {
      this.#metrics.httpInFlight--;
      this.#meterOf(request).end(resultOf(response.status), begun_ms, request);
      return response;
    };
    const given = answer(request);
    return given instanceof Promise ? given.then(end) : end(given);
  }

  /** Counts a request that another thread has answered, which took so long there. */
  count(method: string, path: string, result: RequestResult, duration_ms: number): void {
    this.#meterFor(method, path).end(result, this.#metrics.turns.now() - duration_ms);
  }

  #meterOf(request: Request): CommandMeter {
    return this.#meterFor(request.method === "HEAD" ? "GET" : request.method, routeOf(request));
  }

  #meterFor(method: string, path: string): CommandMeter {
    if (this.#routes.get(method)?.has(path) !== true) return this.#door.meter("unserved", "other");
    let meters = this.#meters.get(method);
    if (meters === undefined) this.#meters.set(method, meters = new Map());
    let meter = meters.get(path);
    if (meter === undefined) {
      meter = this.#door.meter(`${method} ${path}`, kindOf(method, path));
      meters.set(path, meter);
    }
    return meter;
  }
}

const READS: ReadonlySet<string> = new Set(["/v1/kv", "/v1/kv/{key}"]);
const EITHER: ReadonlySet<string> = new Set(["/v1/rpc"]);

function kindOf(method: string, path: string): "read" | "write" | "other" {
  if (path.startsWith("/v1/admin/")) return "other";
  if (method === "GET") return READS.has(path) ? "read" : "other";
  return EITHER.has(path) ? "other" : "write";
}

/** An absent key and a condition that does not hold are answers, not refusals. */
export function resultOf(status: number): RequestResult {
  if (status < 400 || status === 404 || status === 412) return "ok";
  if (status < 500) return "refused";
  // The one failure of the server's that has this status says that nobody knows.
  return status === 504 || status === 500 ? "unknown" : "unavailable";
}
