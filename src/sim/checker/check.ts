/**
 * Decides whether a history is linearizable: each part of it with a little effort first, so that a part that is hard
 * to decide does not hide a violation in another, then with all that the limits allow.
 *
 * @module
 */
import { decide } from "./decide.ts";
import { explain } from "./explain.ts";
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import { partsOf } from "./parts.ts";
import { problemOf } from "./problem.ts";
import type { Limits, Verdict } from "./verdict.ts";

/** How many configurations a part may take before the other parts have their turn. */
const QUICK = 100_000;

/** A minute, and memory for ten million configurations. */
export const DEFAULT_LIMITS: Omit<Limits, "clock"> = { timeout_ms: 60_000, configurations: 10_000_000 };

/**
 * Decides whether the operations have an order that the model allows and that keeps their order in time.
 *
 * @throws {HistoryError} when the model does not know one of the operations
 */
export function checkHistory(operations: readonly Operation[], model: Model, limits: Limits): Verdict {
  const start_ms = limits.clock.monotonic();
  const overdue = (): boolean => limits.timeout_ms !== null && limits.clock.monotonic() - start_ms >= limits.timeout_ms;
  let configurations = 0;
  let open = partsOf(operations, model);
  const quick = Math.min(QUICK, limits.configurations);
  for (const most of quick < limits.configurations ? [quick, limits.configurations] : [quick]) {
    const undecided: typeof open = [];
    for (const part of open) {
      const result = decide(problemOf(part.operations, model), { configurations: most, trials: null, overdue });
      configurations += result.configurations;
      if (result.found === "none") {
        const violation = explain(part, model, result, overdue);
        return { verdict: "not linearizable", violation, configurations };
      }
      if (result.found !== "order") undecided.push(part);
    }
    open = undecided;
    if (open.length === 0) return { verdict: "linearizable", configurations };
    if (overdue()) break;
  }
  return { verdict: "undecided", limit: overdue() ? "time" : "memory", configurations };
}
