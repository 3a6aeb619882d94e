/**
 * Explains why a history has no order: the shortest prefix without one, and a smallest set of its operations that
 * cannot all be right. Both are proved by further searches, as far as a limit on them allows.
 *
 * @module
 */
import { decide } from "./decide.ts";
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import type { Part } from "./parts.ts";
import { problemOf } from "./problem.ts";
import type { SearchResult } from "./search.ts";
import type { Violation } from "./verdict.ts";

/** What one try, and all of a kind together, may take. */
interface Budget {
  readonly configurations: number;
  readonly trials: number;
  readonly allTrials: number;
}

/** The prefix matters more than how small the conflict is. */
const PREFIX: Budget = { configurations: 20_000, trials: 30_000_000, allTrials: 60_000_000 };
const CONFLICT: Budget = { configurations: 1000, trials: 500_000, allTrials: 5_000_000 };
/** What laying out an operation for a search costs, in trials. */
const LAYOUT_TRIALS = 20;
/** How many of the last operations are tried as the whole conflict. */
const FEW: readonly number[] = [0, 2, 8, 32, 128, 512];
/** How many searches may end without a verdict before the conflict is left as it is. */
const MOST_DOUBTS = 20;

/** Tries whether these have an order; null where the limits do not allow to tell. */
type TryOrder = (operations: readonly Operation[]) => SearchResult | null;

/** Explains a decision that there is no order. */
export function explain(part: Part, model: Model, decision: SearchResult, overdue: () => boolean): Violation {
  const within = ({ configurations, trials: most, allTrials }: Budget): TryOrder => {
    let spent = 0;
    return (operations) => {
      const trials = Math.min(most, allTrials - spent);
      if (trials <= 0 || overdue()) return null;
      const outcome = decide(problemOf(operations, model), { configurations, trials, overdue });
      spent += outcome.trials + LAYOUT_TRIALS * operations.length;
      return outcome.found === "order" || outcome.found === "none" ? outcome : null;
    };
  };
  const prefix = shortestPrefix(part.operations, decision, within(PREFIX));
  const operations = truncated(part.operations, prefix.lastEvent);
  const culprit = operations.find(({ complete }) => complete === prefix.lastEvent)!;
  const core = smallestConflict(operations, culprit, within(CONFLICT));
  return {
    keys: part.keys,
    lastEvent: prefix.lastEvent,
    culprit,
    operations,
    conflict: core.conflict,
    order: prefix.result.order,
    initial: describeInitial(operations, model),
    isShortest: prefix.proved,
    isSmallest: core.proved,
  };
}

function describeInitial(operations: readonly Operation[], model: Model): string {
  const machine = model.machine(operations);
  return machine.describe(machine.initial);
}

/** What was known when this event had happened: what ends later is under way. */
function truncated(operations: readonly Operation[], lastEvent: number): Operation[] {
  return operations.filter(({ invoke }) => invoke <= lastEvent).map((operation) =>
    operation.complete === null || operation.complete <= lastEvent ? operation : unended(operation)
  );
}

function unended(operation: Operation): Operation {
  return { ...operation, output: null, complete: null, complete_ns: null, outcome: "unknown" };
}

/**
 * Every prefix up to the return before the blocked operation's has an order. That up to its return may have one all
 * the same, while what is known only later about operations under way does not count.
 */
function shortestPrefix(
  operations: readonly Operation[],
  decision: SearchResult,
  tryOrder: TryOrder,
): { readonly lastEvent: number; readonly result: SearchResult; readonly proved: boolean } {
  const ends = operations.filter(({ outcome }) => outcome !== "unknown").map(({ complete }) => complete!)
    .sort((a, b) => a - b);
  let proved = true;
  let low = ends.indexOf(decision.blocked!.complete!);
  let high = ends.length - 1;
  let result = decision;
  /** Halves what is left at this place. */
  const look = (at: number): boolean => {
    const outcome = tryOrder(truncated(operations, ends[at]!));
    if (outcome === null) proved = false;
    if (outcome?.found !== "none") low = at + 1;
    else {
      high = at;
      result = outcome;
    }
    return outcome?.found === "none";
  };
  for (let stride = 1; low < high; stride *= 2) if (look(Math.min(low + stride, high) - 1)) break;
  while (low < high) look((low + high) >>> 1);
  return { lastEvent: ends[high]!, result, proved };
}

/**
 * Forgets the outcomes of as many operations as possible while there is still no order: first of all but the last few,
 * then in ever smaller groups, the oldest first, as delta debugging does. The culprit stays: without its outcome there
 * is an order.
 */
function smallestConflict(
  operations: readonly Operation[],
  culprit: Operation,
  tryOrder: TryOrder,
): { readonly conflict: readonly Operation[]; readonly proved: boolean } {
  const all = operations.filter((each) => each !== culprit && each.outcome !== "unknown")
    .sort((a, b) => a.complete! - b.complete!);
  const attempt = (kept: readonly Operation[]): SearchResult["found"] | undefined => {
    const known = new Set(kept).add(culprit);
    return tryOrder(operations.map((each) => known.has(each) ? each : unended(each)))?.found;
  };
  const few = FEW.find((count) => count < all.length && attempt(all.slice(all.length - count)) === "none");
  let kept = few === undefined ? all : all.slice(all.length - few);
  let doubts = 0;
  for (let size = Math.max(1, kept.length >>> 1);; size = Math.max(1, size >>> 1)) {
    const before = kept.length;
    doubts = size === 1 ? 0 : doubts;
    for (let at = 0; at < kept.length;) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      const found = attempt(without);
      if (found === "none") kept = without;
      else at += size;
      if (found === undefined && ++doubts === MOST_DOUBTS) break;
    }
    if (doubts === MOST_DOUBTS || (size === 1 && kept.length === before)) break;
  }
  return { conflict: [...kept, culprit].sort((a, b) => a.invoke - b.invoke), proved: doubts === 0 };
}
