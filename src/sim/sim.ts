/**
 * The simulator and the checker of histories, `@x/kvpaxos/sim` in the package: whole servers and clients in one
 * process, on virtual time, with a simulated network and simulated disks that do their worst. One seed decides
 * everything, so whatever goes wrong can be seen again. It has an entry point of its own because it runs in a
 * browser, which the servers of `@x/kvpaxos` do not, and because they have no use for it.
 *
 * @example A run from a seed: whole lives of a server, its crashes and recoveries among them
 * ```ts
 * import { runSeed } from "@x/kvpaxos/sim";
 *
 * const report = await runSeed({ seed: 1, ops: 100, faults: "heavy" });
 * console.log(report.ops, report.violations); // 100 []
 *
 * const again = await runSeed({ seed: 1, ops: 100, faults: "heavy" });
 * console.log(again.traceHash === report.traceHash); // true
 * ```
 *
 * @example Is a history linearizable, and if not, what cannot be placed?
 * ```ts
 * import { checkHistory, DEFAULT_CHECK_LIMITS, describeOperation, modelFor, pairEvents, readHistory } from "@x/kvpaxos/sim";
 *
 * const stale = `
 *   {"process":0,"type":"invoke","f":"write","value":1}
 *   {"process":0,"type":"ok","f":"write","value":1}
 *   {"process":1,"type":"invoke","f":"read"}
 *   {"process":1,"type":"ok","f":"read","value":null}`;
 * const operations = pairEvents(readHistory(stale, "jsonl").events);
 * const clock = { monotonic: () => performance.now() };
 * const result = checkHistory(operations, modelFor("register", "jsonl", operations), { ...DEFAULT_CHECK_LIMITS, clock });
 * console.log(result.verdict); // not linearizable
 * if (result.verdict === "not linearizable") console.log(describeOperation(result.violation.culprit)); // read = nil
 * ```
 *
 * @module
 */
export {
  EXTRA_WORKLOADS,
  type ProtocolName,
  PROTOCOLS,
  type RunOptions,
  type RunReport,
  type Seams,
  type WorkloadName,
  WORKLOADS,
} from "./run/run_options.ts";
export type { ServerSeams } from "./run/observed_host.ts";
export type { Classify, FailureKind } from "./run/outcome.ts";
export { runSeed } from "./run/run_seed.ts";
export { formatShrunk, parseShrunk, parseWorkloads, shrink, type ShrinkResult, type Shrunk } from "./run/shrink.ts";
export type { Violation } from "./run/violation.ts";
export {
  FAULT_KINDS,
  type FaultIntensities,
  type FaultKind,
  type FaultProfile,
  parseFaultProfile,
} from "./world/faults.ts";
export type { TraceLine, TracePart } from "./world/trace.ts";

// Under names of their own where mod.ts or a run has something else by theirs.
export { checkHistory, DEFAULT_LIMITS as DEFAULT_CHECK_LIMITS } from "./checker/check.ts";
export { describeOperation, describeViolation, type NameEvent } from "./checker/describe.ts";
export { FormatError, type Reading } from "./checker/format_error.ts";
export {
  detectFormat,
  type Format as HistoryFormat,
  FORMATS as HISTORY_FORMATS,
  readHistory,
} from "./checker/formats.ts";
export {
  type EventType,
  HistoryError,
  type HistoryEvent,
  type Operation as HistoryOperation,
  type Outcome,
  pairEvents,
  type Value as HistoryValue,
} from "./checker/history.ts";
export { writeJsonLines } from "./checker/json_lines.ts";
export { IMPOSSIBLE, type Machine, type Model, type UnknownClass } from "./checker/model.ts";
export { MODEL_NAMES, modelFor, type ModelName } from "./checker/models.ts";
export { drawViolation } from "./checker/picture.ts";
export type { Limits as CheckLimits, OrderStep, Verdict, Violation as HistoryViolation } from "./checker/verdict.ts";
