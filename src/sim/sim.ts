/**
 * The simulator: whole servers and clients in one process, on virtual time, with a simulated network and simulated
 * disks that do their worst. One seed decides everything, so whatever goes wrong can be seen again.
 *
 * @example
 * ```ts
 * import { runSeed } from "./sim.ts";
 *
 * const report = await runSeed({ seed: 1, ops: 100, faults: "heavy" });
 * console.assert(report.violations.length === 0);
 * ```
 *
 * @module
 */
export {
  type ProtocolName,
  PROTOCOLS,
  type RunOptions,
  type RunReport,
  type Seams,
  type WorkloadName,
  WORKLOADS,
} from "./run/run_options.ts";
export type { ServerSeams, ServerSizes } from "./run/observed_host.ts";
export { type Classify, classifyError, type FailureKind } from "./run/outcome.ts";
export { runSeed } from "./run/run_seed.ts";
export { formatShrunk, parseShrunk, parseWorkloads, shrink, type ShrinkResult, type Shrunk } from "./run/shrink.ts";
export type { Violation } from "./run/violation.ts";
export { FAULT_KINDS, type FaultIntensities, parseFaultProfile } from "./world/faults.ts";
export {
  type FaultKind,
  type FaultProfile,
  type Host,
  type HostContext,
  type HostFactory,
  Simulation,
  type SimulationOptions,
  standaloneHost,
} from "./world/simulation.ts";
export type { TraceLine } from "./world/trace.ts";
