/**
 * From a run's history to what the checker says of it, in a line.
 *
 * @module
 */
import { COUNTER, KV } from "../checker/cell_model.ts";
import { checkHistory } from "../checker/check.ts";
import { type HistoryEvent, pairEvents } from "../checker/history.ts";

/** How many configurations a check may remember: a run that needs more is left undecided rather than stopped. */
const CONFIGURATIONS = 300_000;

/** Time is no limit here: a verdict must not depend on the machine. */
const NO_CLOCK = { monotonic: (): number => 0 };

/** What is wrong with a history, or null. A history that is too hard to decide is not wrong. */
export function historyViolation(events: readonly HistoryEvent[], model: "kv" | "counter"): string | null {
  const verdict = checkHistory(pairEvents(events), model === "kv" ? KV : COUNTER, {
    timeout_ms: null,
    configurations: CONFIGURATIONS,
    clock: NO_CLOCK,
  });
  if (verdict.verdict !== "not linearizable") return null;
  const { keys, culprit, conflict } = verdict.violation;
  const told = conflict.map(({ process, f, input, output, outcome }) =>
    `${process}: ${f} ${JSON.stringify(input)} → ${outcome} ${JSON.stringify(output)}`
  );
  return `${keys.join(", ")} is not linearizable since event ${verdict.violation.lastEvent}, a ${culprit.f} of ` +
    `process ${culprit.process}; these cannot all be right: ${told.join("; ")}`;
}
