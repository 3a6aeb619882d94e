import { describe, expect, it } from "vitest";
import { Failure, UsageError } from "../../cli/exit_code.ts";
import { SimulationPool } from "../../cli/kvclient/simulate_pool.ts";
import type { Ran, SimulationThread } from "../../cli/kvclient/simulate_thread.ts";
import type { RunOptions, RunReport } from "../../src/sim/sim.ts";

/** Threads whose runs end when the test says so. */
class FakeThreads {
  readonly begun: number[] = [];
  started = 0;
  ended = 0;
  #waiting = new Map<number, { resolve: (ran: Ran) => void; reject: (error: Error) => void }>();

  readonly start = (): SimulationThread => {
    this.started++;
    return {
      run: ({ seed }) =>
        new Promise((resolve, reject) => {
          this.begun.push(seed);
          this.#waiting.set(seed, { resolve, reject });
        }),
      shrink: () => new Promise(() => {}),
      end: () => {
        this.ended++;
        return Promise.resolve();
      },
    };
  };

  async finish(seed: number): Promise<void> {
    this.#waiting.get(seed)!.resolve({ report: report(seed), busy_ms: 1 });
    await turn();
  }

  async fail(seed: number, error: Error): Promise<void> {
    this.#waiting.get(seed)!.reject(error);
    await turn();
  }
}

function report(seed: number): RunReport {
  return {
    seed,
    replication: "none",
    replicas: 1,
    ops: 1,
    simulatedMs: 1,
    traceHash: "",
    violations: [],
    faults: {},
    trace: [],
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

const BASE: Omit<RunOptions, "seed"> = {};

/** Collects what a pool gives, as it gives it. */
function collect(runs: AsyncIterable<Ran>): { readonly seeds: number[]; readonly end: Promise<unknown> } {
  const seeds: number[] = [];
  const all = async (): Promise<unknown> => {
    try {
      for await (const { report: { seed } } of runs) seeds.push(seed);
      return "done";
    } catch (error) {
      return error;
    }
  };
  return { seeds, end: all() };
}

describe("a pool of simulation threads", () => {
  it("gives runs in the order of their seeds, whichever ends first", async () => {
    const threads = new FakeThreads();
    const pool = new SimulationPool(3, threads.start, new AbortController().signal);
    const { seeds, end } = collect(pool.runs({ first: 10, last: 14 }, BASE));
    await turn();
    expect(threads.begun).toEqual([10, 11, 12]);
    await threads.finish(12);
    await threads.finish(11);
    expect(threads.begun).toEqual([10, 11, 12, 13, 14]);
    expect(seeds).toEqual([]);
    await threads.finish(10);
    expect(seeds).toEqual([10, 11, 12]);
    await threads.finish(14);
    await threads.finish(13);
    expect(await end).toBe("done");
    expect(seeds).toEqual([10, 11, 12, 13, 14]);
    await pool.close();
    expect([threads.started, threads.ended]).toEqual([3, 3]);
  });

  it("does not let threads run ahead of a slow seed without bound", async () => {
    const threads = new FakeThreads();
    const pool = new SimulationPool(2, threads.start, new AbortController().signal);
    const { seeds, end } = collect(pool.runs({ first: 0, last: 999 }, BASE));
    await turn();
    for (let seed = 1; threads.begun.includes(seed); seed++) await threads.finish(seed);
    expect(threads.begun.length).toBeLessThan(100);
    const ahead = threads.begun.length;
    await threads.finish(0);
    expect(seeds).toHaveLength(ahead);
    for (let seed = ahead; threads.begun.includes(seed); seed++) await threads.finish(seed);
    expect(await end).toBe("done");
    expect(seeds).toEqual(Array.from({ length: 1000 }, (_, seed) => seed));
  });

  it("gives what has finished and ends at once when it is interrupted", async () => {
    const threads = new FakeThreads();
    const controller = new AbortController();
    const pool = new SimulationPool(3, threads.start, controller.signal);
    const { seeds, end } = collect(pool.runs({ first: 1, last: 1000 }, BASE));
    await turn();
    await threads.finish(3);
    await threads.finish(2);
    controller.abort();
    expect(await end).toBe("done");
    expect(seeds).toEqual([2, 3]);
  });

  it("gives what has finished before it tells that a thread died", async () => {
    const threads = new FakeThreads();
    const pool = new SimulationPool(2, threads.start, new AbortController().signal);
    const { seeds, end } = collect(pool.runs({ first: 1, last: 1000 }, BASE));
    await turn();
    await threads.finish(2);
    const death = new Failure("seed 1: the worker thread that ran it died");
    await threads.fail(1, death);
    expect(await end).toBe(death);
    expect(seeds).toEqual([2]);
  });

  it("ends with the refusal when options make no sense", async () => {
    const threads = new FakeThreads();
    const pool = new SimulationPool(1, threads.start, new AbortController().signal);
    const { end } = collect(pool.runs({ first: 1, last: 5 }, BASE));
    await turn();
    const refusal = new UsageError("no");
    await threads.fail(1, refusal);
    expect(await end).toBe(refusal);
    expect(threads.begun).toEqual([1]);
  });

  it("gives up shrinking when it is interrupted", async () => {
    const controller = new AbortController();
    const pool = new SimulationPool(1, new FakeThreads().start, controller.signal);
    const shrinking = pool.shrink({ seed: 1 }, report(1), () => {});
    controller.abort();
    expect(await shrinking).toBeNull();
  });
});
