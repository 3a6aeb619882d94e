/**
 * Explains why a history has no order: the shortest prefix without one, and a smallest set of its operations that
 * cannot all be right. Both are proved by further searches, as far as a limit on them allows.
 *
 * @module
 */
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import type { Part } from "./parts.ts";
import { problemOf } from "./problem.ts";
import { search, type SearchResult } from "./search.ts";
import type { Violation } from "./verdict.ts";

/** The most configurations that one of these searches may take, and the trials that one and that all may take. */
const CONFIGURATIONS = 50_000;
const TRIALS = 1_000_000;
const ALL_TRIALS = 5_000_000;

/** Explains a search that found no order; `exact` says that it used no operation of unknown outcome twice. */
export function explain(
  part: Part,
  model: Model,
  result: SearchResult,
  exact: boolean,
  overdue: () => boolean,
): Violation {
  let spent = 0;
  const trySearch: TrySearch = (operations) => {
    const trials = Math.min(TRIALS, ALL_TRIALS - spent);
    const configurations = trials > 0 ? CONFIGURATIONS : 0;
    const outcome = search(problemOf(operations, model), { configurations, trials, relaxed: false, overdue });
    // Laying out a problem is work as well.
    spent += outcome.trials + 50 * operations.length;
    return outcome;
  };
  const prefix = shortestPrefix(part.operations, result, trySearch);
  const operations = truncated(part.operations, prefix.lastEvent);
  const culprit = operations.find(({ complete }) => complete === prefix.lastEvent)!;
  const core = smallestConflict(operations, culprit, trySearch);
  return {
    keys: part.keys,
    lastEvent: prefix.lastEvent,
    culprit,
    operations,
    conflict: core.conflict,
    order: prefix.result.order,
    initial: describeInitial(operations, model),
    minimal: exact && prefix.proved && core.proved,
  };
}

type TrySearch = (operations: readonly Operation[]) => SearchResult;

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
 * No order passes the return of the blocked operation, and every earlier prefix has one. That prefix itself may
 * have one all the same, while what is known only later about operations under way does not count.
 */
function shortestPrefix(
  operations: readonly Operation[],
  result: SearchResult,
  trySearch: TrySearch,
): { readonly lastEvent: number; readonly result: SearchResult; readonly proved: boolean } {
  const ends = operations.filter(({ outcome }) => outcome !== "unknown").map(({ complete }) => complete!)
    .sort((a, b) => a - b);
  let proved = true;
  const failure = (at: number): SearchResult | null => {
    const outcome = trySearch(truncated(operations, ends[at]!));
    if (outcome.found !== "none" && outcome.found !== "order") proved = false;
    return outcome.found === "none" ? outcome : null;
  };
  let low = ends.indexOf(result.blocked!.complete!);
  let high = ends.length - 1;
  let found = result;
  for (let stride = 1; low < high; stride *= 2) {
    const at = Math.min(low + stride - 1, high);
    const failed = failure(at);
    if (failed !== null) {
      high = at;
      found = failed;
      break;
    }
    low = at + 1;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    const failed = failure(middle);
    if (failed === null) low = middle + 1;
    else {
      high = middle;
      found = failed;
    }
  }
  return { lastEvent: ends[high]!, result: found, proved };
}

/**
 * Forgets the outcomes of as many operations as possible, in ever smaller groups (as delta debugging does), while
 * there is still no order. The culprit stays: without its outcome there is an order.
 */
function smallestConflict(
  operations: readonly Operation[],
  culprit: Operation,
  trySearch: TrySearch,
): { readonly conflict: readonly Operation[]; readonly proved: boolean } {
  let proved = true;
  const forgotten = new Set<Operation>();
  const fails = (without: readonly Operation[]): boolean => {
    const left = new Set(without);
    const outcome = trySearch(
      operations.map((each) => forgotten.has(each) || left.has(each) ? unended(each) : each),
    );
    if (outcome.found !== "none" && outcome.found !== "order") proved = false;
    return outcome.found === "none";
  };
  let kept = operations.filter((each) => each !== culprit && each.outcome !== "unknown");
  for (let size = Math.max(1, kept.length >>> 1);; size = Math.max(1, size >>> 1)) {
    let shrunk = false;
    for (let at = 0; at < kept.length;) {
      const group = kept.slice(at, at + size);
      if (fails(group)) {
        for (const each of group) forgotten.add(each);
        kept = [...kept.slice(0, at), ...kept.slice(at + size)];
        shrunk = true;
      } else at += size;
    }
    if (size === 1 && !shrunk) break;
  }
  return { conflict: [...kept, culprit].sort((a, b) => a.invoke - b.invoke), proved };
}
