/**
 * Runs a mutant of a replication protocol until it is caught, by seeds or by a scenario.
 *
 * Invariant: what catches a mutant does not catch the code without it. A seed that finds a mutant is run once more without
 * the patches, and is an error if it fails there too. That is needed and not enough: a patch also shifts the order of
 * events, and so may only bring to light what is wrong anyway. A violation that a mutant cannot explain is to be looked into.
 *
 * @module
 */
import { runScript } from "../../src/sim/world/script.ts";
import { type RunOptions, runSeed } from "../../src/sim/sim.ts";
import { stagedHost, type StagedProtocol } from "../sim/scenarios/host.ts";
import type { Scenario } from "../sim/scenarios/scenario.ts";
import { SCENARIOS } from "../sim/scenarios/scenarios.ts";
import { TWO_PHASE_SCENARIOS } from "../sim/scenarios/two_phase/scenarios.ts";
import type { Detection } from "./harness.ts";
import { type Patch, type PatchedSimulator, patchedSimulator } from "./patched_run.ts";

/** A deliberate bug of a protocol. */
export interface PatchedMutant {
  /** As the table names it. */
  readonly name: string;
  /** The numbers of the pitfalls. */
  readonly pitfalls: string;
  /** The run that finds it soonest, but for its seed and its protocol. */
  readonly run: Pick<RunOptions, "faults" | "workloads" | "leaseReads" | "clockDrift"> & {
    readonly replicas: number;
    readonly ops: number;
  };
  /** The name of the scenario that catches it, where seeds would take long. */
  readonly scenario?: string;
  /** Whether it takes so long that only the script that writes the table runs it. */
  readonly isSlow?: true;
  /** Why nothing catches it, or what is known about that. */
  readonly open?: string;
  /** The bug. Where one thing guards for another, both have to go. */
  readonly patches: readonly Patch[];
}

const SCENARIOS_OF: Readonly<Record<StagedProtocol, readonly Scenario[]>> = {
  paxos: SCENARIOS,
  "2pc": TWO_PHASE_SCENARIOS,
};

/** The scenario of a mutant. */
export function scenarioOf(protocol: StagedProtocol, name: string): Scenario {
  const scenario = SCENARIOS_OF[protocol].find((each) => each.name === name);
  if (scenario === undefined) throw new RangeError(`there is no scenario "${name}"`);
  return scenario;
}

/** Tries at most `limit` seeds from `first` on; null when the mutant got away. */
export async function detectPatched(
  protocol: StagedProtocol,
  mutant: PatchedMutant,
  first: number,
  limit: number,
): Promise<Detection | null> {
  const simulator = await patchedSimulator(mutant.patches);
  for (let seeds = 1; seeds <= limit; seeds++) {
    const seed = first + seeds - 1;
    const found = mutant.scenario === undefined
      ? await bySeed({ ...mutant.run, replication: protocol, seed }, simulator)
      : await byScenario(protocol, scenarioOf(protocol, mutant.scenario), simulator, seed);
    if (found !== null) return { seeds, ...found };
  }
  return null;
}

type Found = Pick<Detection, "check" | "message">;

async function bySeed(options: RunOptions, simulator: PatchedSimulator): Promise<Found | null> {
  const [violation] = (await simulator.runSeed(options)).violations;
  if (violation === undefined) return null;
  const [other] = (await runSeed(options)).violations;
  if (other !== undefined) {
    throw new Error(`seed ${options.seed} fails without the mutant too: ${other.check}: ${other.message}`);
  }
  return violation;
}

async function byScenario(
  protocol: StagedProtocol,
  { script, leaseReads, ...world }: Scenario,
  simulator: PatchedSimulator,
  seed: number,
): Promise<Found | null> {
  try {
    await simulator.runScript(script, { ...world, seed, host: simulator.stagedHost(protocol, leaseReads) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await runScript(script, { ...world, seed, host: stagedHost(protocol, leaseReads) });
    return { check: "scenario", message: error.message.split("\n")[0] ?? "" };
  }
  return null;
}
