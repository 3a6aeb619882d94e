/**
 * Requests as spans, for who has a tracer of OpenTelemetry's. There is no dependency on it: what is called of a tracer is
 * written out here, and OpenTelemetry's fits.
 *
 * A span is made when its request has ended, with the time at which it began, so that a server without a tracer
 * pays one comparison with null for each request.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { DoorName, RequestResult } from "./door_metrics.ts";

/** One operation, as a tracer has it: the part of OpenTelemetry's `Span` that is used. */
export interface TraceSpan {
  /** Says how the operation went: 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** Ends the operation at a time in milliseconds since the Unix epoch. */
  end(endTime?: number): void;
}

/** What a span begins with: the part of OpenTelemetry's `SpanOptions` that is used. */
export interface TraceSpanOptions {
  /** 1 is a server that answers. */
  kind?: number;
  /** When the operation began, in milliseconds since the Unix epoch. */
  startTime?: number;
  /** What the operation was about. */
  attributes?: Record<string, string | number | boolean>;
}

/** Makes spans: the part of OpenTelemetry's `Tracer` that is used. */
export interface RequestTracer {
  /** Begins a span in a context, of OpenTelemetry's own type; undefined for the one that is active. */
  startSpan(name: string, options?: TraceSpanOptions, context?: unknown): TraceSpan;
}

/** OpenTelemetry's `SpanKind.SERVER` and `SpanStatusCode.ERROR`. */
const KIND_SERVER = 1;
const STATUS_ERROR = 2;

/** Makes spans of requests that have ended. */
export class RequestSpans {
  readonly #clock: Clock;
  readonly #contextOf: (headers: Headers) => unknown;
  readonly #onFailure: (error: unknown) => void;
  /** Null once it has failed: what watches a server must not break it. */
  #tracer: RequestTracer | null;

  constructor(
    tracer: RequestTracer,
    contextOf: (headers: Headers) => unknown,
    clock: Clock,
    onFailure: (error: unknown) => void,
  ) {
    this.#tracer = tracer;
    this.#contextOf = contextOf;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Makes the span of a request that began at a time of the monotonic clock and has just ended. */
  record(door: DoorName, command: string, result: RequestResult, begun_ms: number, http: Request | null): void {
    if (this.#tracer === null) return;
    const now_ms = this.#clock.now();
    const startTime = now_ms - (this.#clock.monotonic() - begun_ms);
    try {
      const attributes = { "db.system.name": "kvpaxos", "db.operation.name": command, door, result };
      const options = { kind: KIND_SERVER, startTime, attributes };
      const span = this.#tracer.startSpan(command, options, http === null ? undefined : this.#contextOf(http.headers));
      if (result === "unavailable" || result === "unknown") span.setStatus({ code: STATUS_ERROR, message: result });
      span.end(now_ms);
    } catch (error) {
      this.#tracer = null;
      this.#onFailure(error);
    }
  }
}
