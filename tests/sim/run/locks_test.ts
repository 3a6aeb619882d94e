import { describe, expect, test } from "vitest";
import { runSeed } from "../../../src/sim/sim.ts";

/** Everything that happens to servers and networks, but for clocks that jump: then holders may rely on their own clock. */
const STEADY = {
  loss: 1,
  duplication: 1,
  delay: 1,
  clog: 1,
  partition: 1,
  oneWayPartition: 1,
  slowReceiver: 1,
  disconnect: 1,
  crash: 1,
  kill: 1,
  pause: 1,
  slowSync: 1,
} as const;

const PROTOCOLS = [
  { replication: "none", replicas: 1 },
  { replication: "paxos", replicas: 3 },
  { replication: "2pc", replicas: 3 },
] as const;

const PATIENCE_MS = 120_000;

describe.each(PROTOCOLS)("locks over $replication", (protocol) => {
  test("guard a number: no write is lost and no token goes down, whatever fails", async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const { violations } = await runSeed({ ...protocol, seed, ops: 80, workloads: ["lock"] });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  }, PATIENCE_MS);

  test("are never held by two at a time, by the holders' own clocks, while no clock jumps", async () => {
    for (let seed = 101; seed <= 104; seed++) {
      const { violations } = await runSeed({ ...protocol, seed, ops: 80, workloads: ["lock"], faults: STEADY });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  }, PATIENCE_MS);
});
