import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { Failure, UsageError } from "../../cli/exit_code.ts";
import { type SimulationThread, startThread, threadOf } from "../../cli/kvclient/simulate_thread.ts";
import { runSeed } from "../../src/sim/sim.ts";

const DYING = new URL("./dying_thread.ts", import.meta.url);

function dying(how: string): SimulationThread {
  return threadOf(new Worker(DYING, { workerData: how, resourceLimits: { maxOldGenerationSizeMb: 32 } }));
}

describe("a simulation thread", () => {
  it("runs seeds one after the other, as the main thread would", async () => {
    const thread = startThread();
    try {
      for (const seed of [3, 4]) {
        const { report, busy_ms } = await thread.run({ seed, ops: 30 });
        expect(report).toEqual(await runSeed({ seed, ops: 30 }));
        expect(busy_ms).toBeGreaterThan(0);
      }
    } finally {
      await thread.end();
    }
  });

  it("refuses options that make no sense and goes on", async () => {
    const thread = startThread();
    try {
      const refused = thread.run({ seed: 1, ops: -1 });
      await expect(refused).rejects.toThrow(/ops is -1/);
      await expect(refused).rejects.toBeInstanceOf(UsageError);
      expect((await thread.run({ seed: 1, ops: 10 })).report.seed).toBe(1);
    } finally {
      await thread.end();
    }
  });

  it("ends in the middle of a run", async () => {
    const thread = startThread();
    const run = thread.run({ seed: 1, ops: 1_000_000 });
    void run.catch((error: unknown) => expect.unreachable(String(error)));
    await thread.end();
  });

  it.each([["exit", "code 7"], ["throw", "a bug"]])("names the seed that it died of (%s)", async (how, reason) => {
    const thread = dying(how);
    const run = thread.run({ seed: 17 });
    await expect(run).rejects.toThrow(/^seed 17: the worker thread that ran it died: /);
    await expect(run).rejects.toThrow(reason);
    await expect(run).rejects.toBeInstanceOf(Failure);
    await expect(thread.run({ seed: 18 })).rejects.toThrow(/^seed 18: /);
    await thread.end();
  });

  // Bun and Deno end the whole process then.
  it.skipIf("Bun" in globalThis || "Deno" in globalThis)(
    "names the seed that took all memory, and the remedy",
    async () => {
      const thread = dying("memory");
      await expect(thread.run({ seed: 17 })).rejects.toThrow(/^seed 17: .* ran out of memory; fewer --ops/);
      await thread.end();
    },
  );
});
