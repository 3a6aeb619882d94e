import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KvError } from "../../src/core/errors.ts";
import { Histogram } from "../../cli/kvclient/histogram.ts";
import { FakeStore, kvclient } from "./fakes.ts";

/** The value that the share does not exceed, by sorting. */
function exactQuantile(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(quantile * sorted.length)) - 1]!;
}

describe("the histogram", () => {
  const values = fc.array(fc.oneof(fc.nat(300), fc.nat(1_000_000), fc.nat(2 ** 31 - 1)), { minLength: 1 });

  it("gives every quantile to within 1/128", () => {
    fc.assert(fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (values, quantile) => {
      const histogram = new Histogram();
      for (const value of values) histogram.record(value);
      const exact = exactQuantile(values, quantile);
      expect(histogram.quantile(quantile)).toBeGreaterThanOrEqual(exact);
      expect(histogram.quantile(quantile)).toBeLessThanOrEqual(exact + exact / 128);
    }));
  });

  it("counts, sums up and adds", () => {
    fc.assert(fc.property(values, values, (first, second) => {
      const [a, b, both] = [new Histogram(), new Histogram(), new Histogram()];
      for (const value of first) a.record(value);
      for (const value of second) b.record(value);
      for (const value of [...first, ...second]) both.record(value);
      a.add(b);
      expect([a.count, a.max, a.mean, a.quantile(0.9)]).toEqual([both.count, both.max, both.mean, both.quantile(0.9)]);
      expect(a.max).toBe(Math.max(...first, ...second));
    }));
  });

  it("takes what is out of range for the nearest that is in it", () => {
    const histogram = new Histogram();
    expect([histogram.quantile(0.5), histogram.mean, histogram.max]).toEqual([0, 0, 0]);
    histogram.record(-5);
    histogram.record(0.4);
    expect(histogram.quantile(1)).toBe(0);
    histogram.record(2 ** 60);
    expect(histogram.quantile(1)).toBe(2 ** 60);
  });
});

describe("bench", () => {
  it("reports operations and latencies, and leaves no keys", async () => {
    const store = new FakeStore();
    const args = ["bench", "--clients", "3", "--pipeline", "2", "--duration", "100ms", "--keys", "20", "-o", "json"];
    const { code, output } = await kvclient(args, { store });
    expect(code).toBe(0);
    const report = JSON.parse(output);
    expect(report).toMatchObject({ clients: 3, pipeline: 2, keys: 20, value_bytes: 256, protocol: "tcp" });
    expect(report.total.operations).toBe(report.reads.operations + report.writes.operations);
    expect(report.reads.operations).toBeGreaterThan(0);
    expect(report.writes.operations).toBeGreaterThan(0);
    expect(report.total.p50_us).toBeLessThanOrEqual(report.total.p99_us);
    expect(store.kv.size).toBe(0);
    expect([store.targets.length, store.closed]).toEqual([3, 3]);
  });

  it("does only reads or only writes where it is asked to", async () => {
    for (const [share, none] of [["1", "writes"], ["0", "reads"]] as const) {
      const { output } = await kvclient(["bench", "--read-share", share, "--duration", "20ms", "-o", "json"]);
      expect(JSON.parse(output)[none].operations).toBe(0);
    }
    expect(await kvclient(["bench", "--read-share", "2"])).toMatchObject({ code: 2 });
  });

  it("shows progress on a terminal and a table at the end", async () => {
    const { output, error } = await kvclient(["bench", "--duration", "50ms"], { tty: true, env: { NO_COLOR: "1" } });
    expect(error).toMatch(/\r[#.]{30} \d+ % {2}\d+ ops\/s /);
    expect(output).toMatch(/operations {2}errors {2}ops\/s +p50 +p90 +p99 +p99\.9 +max\n(reads|writes|total) /);
    expect((await kvclient(["bench", "--duration", "20ms", "--no-progress"], { tty: true })).error).toBe("");
  });

  it("counts errors and fails", async () => {
    const store = new FakeStore();
    let calls = 0;
    const execute = store.execute.bind(store);
    store.execute = (operation, signal) =>
      operation.type === "get" && ++calls > 20 && calls % 3 === 0
        ? Promise.reject(new KvError("UNAVAILABLE", "busy"))
        : execute(operation, signal);
    const { code, output, error } = await kvclient(["bench", "--duration", "100ms", "-o", "json"], { store });
    expect(code).toBe(1);
    expect(JSON.parse(output).reads.errors).toBeGreaterThan(0);
    expect(JSON.parse(output).writes.errors).toBe(0);
    expect(error).toBe("kvclient: the first error: busy\n");
  });
});
