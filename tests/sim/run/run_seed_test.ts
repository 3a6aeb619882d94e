import { describe, expect, test } from "vitest";
import { runSeed, WORKLOADS } from "../../../src/sim/sim.ts";

describe("a run", () => {
  test("without faults does every operation, and nothing is wrong", async () => {
    const report = await runSeed({ seed: 1, ops: 200, faults: "none" });
    expect(report).toMatchObject({ seed: 1, replication: "none", replicas: 1, ops: 200, violations: [], faults: {} });
    expect(report.simulatedMs).toBeGreaterThan(0);
    expect(report.trace).toEqual([]);
  });

  test.each(WORKLOADS)("with heavy faults has nothing to say against the %s workload", async (workload) => {
    for (let seed = 1; seed <= 5; seed++) {
      const { violations } = await runSeed({ seed, ops: 150, workloads: [workload] });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  });

  test("with heavy faults meets crashes, failed syncs and lost messages", async () => {
    const faults: Record<string, number> = {};
    for (let seed = 1; seed <= 25; seed++) {
      const report = await runSeed({ seed });
      expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
      for (const [kind, count] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + count;
    }
    for (const kind of ["crash", "kill", "failedSync", "fullDisk", "loss", "duplication", "partition", "clockJump"]) {
      expect(faults[kind] ?? 0, kind).toBeGreaterThan(0);
    }
  });

  test("is the same twice, and another one for another seed", async () => {
    const [first, again, other] = [
      await runSeed({ seed: 5, ops: 200 }),
      await runSeed({ seed: 5, ops: 200 }),
      await runSeed({ seed: 6, ops: 200 }),
    ];
    expect(again).toEqual(first);
    expect(other.traceHash).not.toBe(first.traceHash);
  });

  test("has the same trace hash whether its text is kept or not", async () => {
    const [kept, dropped] = [
      await runSeed({ seed: 2, ops: 50, keepTrace: true }),
      await runSeed({ seed: 2, ops: 50 }),
    ];
    expect(kept.trace.length).toBeGreaterThan(50);
    expect(kept.traceHash).toBe(dropped.traceHash);
  });

  test("is refused when its options make no sense", async () => {
    await expect(runSeed({ seed: 1, replicas: 3 })).rejects.toThrow("replication none has 1 replica, not 3");
    await expect(runSeed({ seed: 1, ops: -1 })).rejects.toThrow("ops is -1");
    await expect(runSeed({ seed: -1 })).rejects.toThrow("seed");
  });
});
