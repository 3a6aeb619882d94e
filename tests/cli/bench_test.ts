import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KvError } from "../../src/core/errors.ts";
import { Histogram } from "../../cli/kvclient/histogram.ts";
import { openLoop, type Pace } from "../../cli/kvclient/open_loop.ts";
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

/** A clock that goes on only while an open loop waits: by what was asked for, or by so long a turn. */
function pace(turn_ms: number): Pace & { now_ms: number } {
  return {
    now_ms: 0,
    monotonic() {
      return this.now_ms;
    },
    sleep(duration_ms) {
      this.now_ms += duration_ms;
      return Promise.resolve();
    },
    turn() {
      this.now_ms += turn_ms;
      return Promise.resolve();
    },
  };
}

describe("an open loop", () => {
  const never = new AbortController().signal;

  it("issues at an even rate, however long a turn of the event loop takes", async () => {
    for (const turn_ms of [0.1, 7, 1000]) {
      const issued: [number: number, intended_ms: number][] = [];
      await openLoop(pace(turn_ms), { rate_per_s: 100, duration_ms: 500, signal: never }, (...each) => {
        issued.push(each);
        return Promise.resolve();
      });
      expect(issued).toEqual(Array.from({ length: 50 }, (_, i) => [i, i * 10]));
    }
  });

  it("does not wait for answers before it issues more, but for all of them at the end", async () => {
    const clock = pace(1);
    const answers: (() => void)[] = [];
    let ended = false;
    const running = openLoop(clock, { rate_per_s: 1000, duration_ms: 20, signal: never }, () => {
      return new Promise((resolve) => answers.push(resolve));
    }).then((elapsed_ms) => {
      ended = true;
      return elapsed_ms;
    });
    for (let i = 0; i < 100; i++) await Promise.resolve();
    expect([answers.length, ended]).toEqual([20, false]);
    clock.now_ms = 300;
    for (const answer of answers) answer();
    expect(await running).toBe(300);
  });

  it("ends when it is aborted", async () => {
    const abort = new AbortController();
    let issued = 0;
    await openLoop(pace(1), { rate_per_s: 1000, duration_ms: 1e9, signal: abort.signal }, () => {
      if (++issued === 5) abort.abort();
      return Promise.resolve();
    });
    expect(issued).toBe(5);
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

  it("issues as many operations as the rate asks for", async () => {
    const store = new FakeStore();
    const args = ["bench", "--rate", "1000", "--clients", "3", "--duration", "50ms", "--keys", "5", "-o", "json"];
    const { code, output } = await kvclient(args, { store });
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      clients: 3,
      pipeline: null,
      rate_per_s: 1000,
      total: { operations: 50 },
    });
    expect((await kvclient(["bench", "--rate", "100", "--duration", "20ms"])).output).toContain(
      "100 operations a second offered",
    );
    const refused = await kvclient(["bench", "--rate", "1000", "--pipeline", "2"]);
    expect(refused).toMatchObject({ code: 2, error: expect.stringContaining("--rate and --pipeline") });
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
