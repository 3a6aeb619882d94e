import { describe, expect, test } from "vitest";
import { formatShrunk, parseShrunk, type RunOptions, runSeed, shrink } from "../../../src/sim/sim.ts";

/** A client that takes a timeout for a failure. */
const FAILING: RunOptions = { seed: 1, seams: { classify: () => "fail" } };

async function firstFailure(): Promise<RunOptions> {
  for (let seed = 1; seed <= 20; seed++) {
    const options = { ...FAILING, seed };
    if ((await runSeed(options)).violations.length > 0) return options;
  }
  throw new Error("no seed has failed");
}

describe("shrinking", () => {
  test("makes a failing run small, and what it prints replays it", async () => {
    const failed = await firstFailure();
    const report = await runSeed(failed);
    const small = await shrink(failed, report);
    expect(small.report.violations[0]!.check).toBe(report.violations[0]!.check);
    expect(small.report.ops).toBeLessThan(report.ops);
    expect(small.options.workloads).toHaveLength(1);
    const replayed = await runSeed({
      seed: failed.seed,
      seams: failed.seams!,
      ...parseShrunk(formatShrunk(small.options)),
    });
    expect(replayed.traceHash).toBe(small.report.traceHash);
    expect(replayed.violations).toEqual(small.report.violations);
  });

  test("does not take a run that has not failed", async () => {
    const options = { seed: 1, ops: 10, faults: "none" } as const;
    await expect(shrink(options, await runSeed(options))).rejects.toThrow("seed 1 has not failed");
  });

  test("refuses a text that it did not write", () => {
    expect(() => parseShrunk("ops=x")).toThrow('ops is "x"');
    expect(() => parseShrunk("luck=3")).toThrow('"luck=3" is none of');
    expect(() => parseShrunk("workload=chess")).toThrow('there is no workload "chess"');
    expect(() => parseShrunk("faults=earthquake")).toThrow('there is no fault "earthquake"');
  });
});
