import { describe, expect, test } from "vitest";
import { detectPatched, scenarioOf } from "./patched_harness.ts";
import { patchedTexts } from "./patched_run.ts";
import { OPEN_TWO_PHASE_MUTANTS, TWO_PHASE_MUTANTS } from "./two_phase_mutants.ts";

const PATIENCE_MS = 60_000;
/** Those that seeds find need a few; the table in docs/simulation.md says how many. */
const LIMIT = 40;

describe("a mutant of two-phase commit", () => {
  test.each([...TWO_PHASE_MUTANTS, ...OPEN_TWO_PHASE_MUTANTS])(
    "$name: its patches apply, each in one place",
    async ({ patches }) => {
      expect((await patchedTexts(patches)).size).toBeGreaterThan(0);
    },
  );

  const byScenario = TWO_PHASE_MUTANTS.filter(({ scenario }) => scenario !== undefined);
  test.each(byScenario)("$name (pitfall $pitfalls) is caught by its scenario", async (mutant) => {
    expect(scenarioOf("2pc", mutant.scenario!).name).toBe(mutant.scenario);
    expect(await detectPatched("2pc", mutant, 1, 1)).not.toBeNull();
  }, PATIENCE_MS);

  // The slow ones are left to the script that writes the table.
  const bySeeds = TWO_PHASE_MUTANTS.filter(({ scenario, isSlow }) => scenario === undefined && isSlow !== true);
  test.each(bySeeds)("$name (pitfall $pitfalls) is caught by seeds", async (mutant) => {
    expect(await detectPatched("2pc", mutant, 1, LIMIT)).not.toBeNull();
  }, PATIENCE_MS);
});
