import { expect, test } from "vitest";
import { runSeed } from "../../../src/sim/sim.ts";
import { lateCopies } from "../../support/late_copies.ts";

const PATIENCE_MS = 60_000;

test(
  "copies of every datagram that come long after do nothing, also when sessions are forgotten meanwhile",
  async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { violations } = await runSeed({ seed, seams: { connector: (connector) => lateCopies(connector, 40) } });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  },
  PATIENCE_MS,
);
