/** Traces, by OpenTelemetry's own tracer and into its own memory. */
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/adapters/system_clock.ts";
import { ServerMetrics } from "../../../src/server/metrics/server_metrics.ts";
import { RequestSpans, type RequestTracer } from "../../../src/server/metrics/tracing.ts";
import { SocketClient } from "../../support/resp_client.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { withServer } from "./scrape.ts";

function opentelemetry(): { readonly tracer: Tracer; readonly exporter: InMemorySpanExporter } {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return { tracer: provider.getTracer("kvpaxos"), exporter };
}

describe("a server with a tracer", () => {
  test("makes a span of each request, in the trace that an HTTP request names", async () => {
    const { tracer, exporter } = opentelemetry();
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const traceContext = (headers: Headers): unknown => {
      const [, id, spanId] = (headers.get("traceparent") ?? "").split("-");
      if (id === undefined || spanId === undefined) return propagation.extract(ROOT_CONTEXT, {});
      return trace.setSpanContext(ROOT_CONTEXT, { traceId: id, spanId, traceFlags: 1, isRemote: true });
    };
    const before_s = Date.now() / 1000;
    await withServer(async (server, url) => {
      const resp = await SocketClient.connect(server.addresses.tcp.port);
      await resp.call("SET", "key", "secret value");
      await resp.call("GET", "key");
      await resp.call("INCR", "key");
      resp.close();
      await fetch(`${url}/v1/kv/key`, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    }, { tracer, traceContext });
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name, attributes }) => [name, attributes["door"], attributes["result"]])).toEqual([
      ["set", "tcp", "ok"],
      ["get", "tcp", "ok"],
      ["incr", "tcp", "refused"],
      ["GET /v1/kv/{key}", "http", "ok"],
    ]);
    for (const span of spans) {
      expect(span.kind).toBe(SpanKind.SERVER);
      const [begin, end] = [span.startTime, span.endTime].map(([seconds, nanos]) => seconds + nanos / 1e9);
      expect(begin).toBeGreaterThan(before_s - 1);
      expect(end! - begin!).toBeGreaterThanOrEqual(0);
      expect(end! - begin!).toBeLessThan(30);
      expect(JSON.stringify(span.attributes)).not.toContain("secret");
    }
    expect(spans[3]!.spanContext().traceId).toBe(traceId);
    expect(spans[0]!.spanContext().traceId).not.toBe(traceId);
  });
});

describe("the span of a request", () => {
  test("is an error when it is the server's fault, and lasts as long as the request did", () => {
    const { tracer, exporter } = opentelemetry();
    const clock = new ManualClock();
    const spans = new RequestSpans(tracer, () => undefined, clock, (error) => {
      throw error;
    });
    const meter = new ServerMetrics(clock, spans).doors.tcp.meter("set", "write");
    const begun_ms = clock.monotonic();
    clock.advance(250);
    meter.end("unknown", begun_ms);
    meter.end("refused", begun_ms);
    const [unknown, refused] = exporter.getFinishedSpans();
    expect(unknown!.status).toEqual({ code: SpanStatusCode.ERROR, message: "unknown" });
    expect(refused!.status.code).toBe(SpanStatusCode.UNSET);
    expect(unknown!.duration).toEqual([0, 250_000_000]);
  });

  test("is not made any more by a tracer that has thrown, and the request is none the worse", () => {
    const failures: unknown[] = [];
    let calls = 0;
    const tracer: RequestTracer = {
      startSpan: () => {
        calls++;
        throw new Error("no collector");
      },
    };
    const spans = new RequestSpans(tracer, () => undefined, systemClock, (error) => failures.push(error));
    const meter = new ServerMetrics(systemClock, spans).doors.udp.meter("get", "read");
    for (let i = 0; i < 3; i++) meter.end("ok", 0);
    expect([calls, failures.length, meter.counts.ok]).toEqual([1, 1, 3]);
  });
});
