import { describe, expect, test } from "vitest";
import { patchedTexts } from "./patched_run.ts";
import { detectPatched, scenarioOf } from "./patched_harness.ts";
import { OPEN_MUTANTS, PAXOS_MUTANTS } from "./paxos_mutants.ts";

const PATIENCE_MS = 60_000;
/** Those that seeds find need a few; the table in docs/simulation.md says how many. */
const LIMIT = 40;

describe("a mutant of Multi-Paxos", () => {
  test.each([...PAXOS_MUTANTS, ...OPEN_MUTANTS])("$name: its patches apply, each in one place", async ({ patches }) => {
    expect((await patchedTexts(patches)).size).toBeGreaterThan(0);
  });

  const byScenario = PAXOS_MUTANTS.filter(({ scenario }) => scenario !== undefined);
  test.each(byScenario)("$name (pitfall $pitfalls) is caught by its scenario", async (mutant) => {
    expect(scenarioOf("paxos", mutant.scenario!).name).toBe(mutant.scenario);
    expect(await detectPatched("paxos", mutant, 1, 1)).not.toBeNull();
  }, PATIENCE_MS);

  // The slow ones are left to the script that writes the table.
  const bySeeds = PAXOS_MUTANTS.filter(({ scenario, isSlow }) => scenario === undefined && isSlow !== true);
  test.each(bySeeds)("$name (pitfall $pitfalls) is caught by seeds", async (mutant) => {
    expect(await detectPatched("paxos", mutant, 1, LIMIT)).not.toBeNull();
  }, PATIENCE_MS);
});

describe("a patch", () => {
  test("is refused when it fits no longer, or in two places", async () => {
    const file = "src/core/paxos/ballot.ts";
    await expect(patchedTexts([{ file, find: "not there", replace: "" }])).rejects.toThrow("has 0 places, not one");
    await expect(patchedTexts([{ file, find: "export", replace: "" }])).rejects.toThrow(/has \d+ places, not one/);
  });
});
