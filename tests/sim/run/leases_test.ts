import { describe, expect, test } from "vitest";
import { runSeed } from "../../../src/sim/sim.ts";
import type { Violation } from "../../../src/sim/sim.ts";
import { CUTS } from "../../mutants/profiles.ts";

const RUN = { replication: "paxos", replicas: 3, ops: 400, workloads: ["register"], leaseReads: true } as const;

describe("a run of Paxos with leases", () => {
  test("has nothing to say against them while clocks differ by no more than they allow for", async () => {
    let cuts = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const { violations, faults } = await runSeed({ ...RUN, seed, ops: 150, faults: CUTS });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
      cuts += faults["leaderCut"] ?? 0;
    }
    expect(cuts).toBeGreaterThanOrEqual(6);
  });

  test("finds a stale read when clocks differ by more, and nothing under the same clocks without leases", async () => {
    let found: Violation | undefined;
    let seed = 0;
    while (seed < 40 && found === undefined) {
      seed++;
      const { violations } = await runSeed({ ...RUN, seed, faults: { leaderCut: 1 }, clockDrift: 0.5 });
      found = violations[0];
    }
    expect(found?.check).toBe("register");
    expect(found?.message).toContain("not linearizable");
    const run = { ...RUN, leaseReads: false, seed, faults: { leaderCut: 1 }, clockDrift: 0.5 };
    expect((await runSeed(run)).violations).toEqual([]);
  });

  test("is refused where there are none, and with clocks that stand still", async () => {
    await expect(runSeed({ seed: 1, replication: "2pc", leaseReads: true })).rejects.toThrow("leaseReads is for paxos");
    await expect(runSeed({ seed: 1, replication: "paxos", clockDrift: 1 })).rejects.toThrow("from 0 to below 1");
  });
});
