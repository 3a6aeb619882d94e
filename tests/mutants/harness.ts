/**
 * Runs seeds with a mutant until it is caught.
 *
 * @module
 */
import { runSeed } from "../../src/sim/sim.ts";
import type { Mutant } from "./mutants.ts";

/** How a mutant was caught. */
export interface Detection {
  /** How many seeds it took. */
  readonly seeds: number;
  /** The check that caught it, and what it said. */
  readonly check: string;
  readonly message: string;
}

/** Runs at most `limit` seeds from `first` on; null when the mutant got away. */
export async function detect(mutant: Mutant, first: number, limit: number): Promise<Detection | null> {
  for (let seeds = 1; seeds <= limit; seeds++) {
    const { violations } = await runSeed({ ...mutant.run, seed: first + seeds - 1 });
    const [violation] = violations;
    if (violation !== undefined) return { seeds, ...violation };
  }
  return null;
}
