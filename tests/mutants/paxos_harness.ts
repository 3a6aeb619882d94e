/**
 * Runs a mutant of Multi-Paxos until it is caught, by seeds or by a scenario.
 *
 * Invariant: what catches a mutant does not catch the code without it. A seed that finds a mutant is run once more without
 * the patches, and is an error if it fails there too. That is needed and not enough: a patch also shifts the order of
 * events, and so may only bring to light what is wrong anyway. A violation that a mutant cannot explain is to be looked into.
 *
 * @module
 */
import { runScript } from "../../src/sim/world/script.ts";
import { runSeed } from "../../src/sim/sim.ts";
import { paxosHost } from "../sim/scenarios/host.ts";
import type { Scenario } from "../sim/scenarios/scenario.ts";
import { SCENARIOS } from "../sim/scenarios/scenarios.ts";
import type { Detection } from "./harness.ts";
import { type PatchedSimulator, patchedSimulator } from "./patched_run.ts";
import type { PaxosMutant } from "./paxos_mutants.ts";

/** The scenario of a mutant. */
export function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new RangeError(`there is no scenario "${name}"`);
  return scenario;
}

/** Tries at most `limit` seeds from `first` on; null when the mutant got away. */
export async function detectPaxos(mutant: PaxosMutant, first: number, limit: number): Promise<Detection | null> {
  const simulator = await patchedSimulator(mutant.patches);
  for (let seeds = 1; seeds <= limit; seeds++) {
    const seed = first + seeds - 1;
    const found = mutant.scenario === undefined
      ? await bySeed(mutant, simulator, seed)
      : await byScenario(scenarioOf(mutant.scenario), simulator, seed);
    if (found !== null) return { seeds, ...found };
  }
  return null;
}

type Found = Pick<Detection, "check" | "message">;

async function bySeed(mutant: PaxosMutant, simulator: PatchedSimulator, seed: number): Promise<Found | null> {
  const options = { ...mutant.run, replication: "paxos", seed } as const;
  const [violation] = (await simulator.runSeed(options)).violations;
  if (violation === undefined) return null;
  const [other] = (await runSeed(options)).violations;
  if (other !== undefined) {
    throw new Error(`seed ${seed} fails without the mutant too: ${other.check}: ${other.message}`);
  }
  return violation;
}

async function byScenario(
  { replicas, script }: Scenario,
  simulator: PatchedSimulator,
  seed: number,
): Promise<Found | null> {
  try {
    await simulator.runScript(script, { replicas, seed, host: simulator.paxosHost });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await runScript(script, { replicas, seed, host: paxosHost });
    return { check: "scenario", message: error.message.split("\n")[0] ?? "" };
  }
  return null;
}
