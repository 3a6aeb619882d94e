/**
 * What runs of the simulator come to, as lines that can be compared: the same code in a browser and on the runtime of
 * the tests.
 *
 * @module
 */
import { runSeed } from "../../../src/sim/sim.ts";

/** Runs seeds from 1 on with heavy faults and all workloads; gives `SEED HASH` for each as soon as it is there. */
export async function* traceHashes(seeds: number): AsyncGenerator<string> {
  for (let seed = 1; seed <= seeds; seed++) yield `${seed} ${(await runSeed({ seed })).traceHash}`;
}
