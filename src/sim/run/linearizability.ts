/**
 * From a run's history to what the checker says of it, in a line.
 *
 * Invariant: a history passes only when an order of it was found. One that is too hard to decide is reported too,
 * under a name of its own.
 *
 * @module
 */
import { checkHistory } from "../checker/check.ts";
import { describeOperation } from "../checker/describe.ts";
import { type HistoryEvent, pairEvents } from "../checker/history.ts";
import type { Model } from "../checker/model.ts";
import type { Limits } from "../checker/verdict.ts";
import type { Violations } from "./violation.ts";

/** The check that a history which cannot be decided within the limits is reported as. */
export const UNDECIDED = "undecided";

/** Time is no limit here: a verdict must not depend on the machine. */
const LIMITS: Limits = { timeout_ms: null, configurations: 300_000, clock: { monotonic: (): number => 0 } };
/** How many operations of a conflict are told, the last ones. */
const TOLD = 12;

/** Reports a history that is not linearizable as a violation of this check, and one that stays undecided. */
export function judgeHistory(
  violations: Violations,
  check: string,
  events: readonly HistoryEvent[],
  model: Model,
  limits: Limits = LIMITS,
): void {
  const verdict = checkHistory(pairEvents(events), model, limits);
  if (verdict.verdict === "linearizable") return;
  if (verdict.verdict === "undecided") {
    violations.report(
      UNDECIDED,
      `whether the history of ${check} (${events.length} events) is linearizable was not decided with ` +
        `${verdict.configurations} configurations; a run with fewer operations (--ops) may be`,
    );
    return;
  }
  const { keys, culprit, conflict, lastEvent } = verdict.violation;
  const told = conflict.slice(-TOLD).map((each) => `${each.process}: ${describeOperation(each)}`);
  violations.report(
    check,
    `${keys.join(", ")} is not linearizable since event ${lastEvent}, of process ${culprit.process}; ` +
      `these cannot all be right: ${told.length < conflict.length ? "…; " : ""}${told.join("; ")}`,
  );
}
