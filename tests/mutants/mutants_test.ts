import { describe, expect, test } from "vitest";
import { runSeed } from "../../src/sim/sim.ts";
import { detect } from "./harness.ts";
import { MUTANTS } from "./mutants.ts";

/** The slowest mutant takes a dozen seeds as a rule. */
const LIMIT = 80;
const PATIENCE_MS = 60_000;

describe("every mutant is caught", () => {
  test.each(MUTANTS)("$name (pitfall $pitfalls)", async (mutant) => {
    expect(await detect(mutant, 1, LIMIT)).not.toBeNull();
  }, PATIENCE_MS);

  test("and the server without one is not", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { violations } = await runSeed({ seed });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  }, PATIENCE_MS);
});
