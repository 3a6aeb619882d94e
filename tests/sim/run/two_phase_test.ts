import { expect, test } from "vitest";
import { runSeed } from "../../../src/sim/sim.ts";
import { parseFaultProfile } from "../../../src/sim/world/faults.ts";

const NETWORK = parseFaultProfile("loss,duplication,delay,clog,partition,oneWayPartition,slowReceiver,disconnect");

test.each([[5, 1], [3, 11]])("%d replicas under two-phase commit bear what networks do", async (replicas, first) => {
  for (let seed = first; seed < first + 4; seed++) {
    const report = await runSeed({ seed, replication: "2pc", replicas, ops: 100, faults: NETWORK });
    expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
  }
});

test.each([[5, 1], [3, 11]])(
  "%d replicas under two-phase commit bear crashes and restarts",
  async (replicas, first) => {
    let ends = 0;
    for (let seed = first; seed < first + 6; seed++) {
      const report = await runSeed({ seed, replication: "2pc", replicas, ops: 100 });
      expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
      ends += (report.faults["crash"] ?? 0) + (report.faults["kill"] ?? 0);
    }
    expect(ends).toBeGreaterThan(0);
  },
);
