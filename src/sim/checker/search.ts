/**
 * The search for an order: Wing and Gong's algorithm with Lowe's memory of configurations ("Testing for
 * linearizability", 2017), as a loop with a stack of its own, so that no history is too long for it.
 *
 * Two things are added. An operation that only observes, and that is possible now, is placed at once and for good:
 * wherever an order has it, it could as well stand here. And operations of unknown outcome are only tried where
 * they enable something, interchangeable ones in the order of their invocation, and never where a configuration
 * was seen that had used less (see usage.ts); thus many of them cost little.
 *
 * @module
 */
import { Configurations, MOST_STATES } from "./configurations.ts";
import type { Operation } from "./history.ts";
import { IMPOSSIBLE } from "./model.ts";
import { PendingList } from "./pending_list.ts";
import type { Problem } from "./problem.ts";
import { Usages } from "./usage.ts";
import type { OrderStep } from "./verdict.ts";

/** What a search may use. */
export interface SearchLimits {
  readonly configurations: number;
  /** The most trials of an operation in a state, null for no limit. Unlike the time this always ends a search alike. */
  readonly trials: number | null;
  /**
   * Whether operations of unknown outcome may take effect any number of times. That is quick, and where there is no
   * order even so, there is none; an order that is found proves nothing.
   */
  readonly relaxed: boolean;
  /** Whether the time is over; asked now and then. */
  readonly overdue: () => boolean;
}

/** What a search came to. */
export interface SearchResult {
  readonly found: "order" | "none" | "out of time" | "out of memory";
  readonly configurations: number;
  readonly trials: number;
  /** The order, or the longest that was found. */
  readonly order: readonly OrderStep[];
  /** The operation whose return no order passes, null when there is an order. */
  readonly blocked: Operation | null;
}

/** How many trials are made between looks at the limits. */
const TRIALS_PER_LOOK = 20_000;

/** Searches an order of all required operations, and of as many optional ones as it takes. */
export function search(problem: Problem, limits: SearchLimits): SearchResult {
  return new Search(problem, limits).run();
}

class Search {
  readonly #problem: Problem;
  readonly #limits: SearchLimits;
  readonly #list: PendingList;
  readonly #usages: Usages;
  readonly #seen: Configurations;
  /** The placed operations: an index into `required`, or the complement of an index into `optional`. */
  readonly #items: number[] = [];
  /** Before each: the state, the usage, the returns passed, and whether there was no choice. */
  readonly #states: number[] = [];
  readonly #usagesBefore: number[] = [];
  readonly #passedBefore: number[] = [];
  readonly #forced: boolean[] = [];
  /** The classes whose effect depends on the state before. */
  readonly #depending: readonly number[];
  #state: number;
  #usage: number;
  #farthest = 0;
  #trials = 0;
  /** The longest order, and how much of it is certainly the beginning of the present one. */
  readonly #best: number[] = [];
  readonly #bestStates: number[] = [];
  #bestRequired = -1;
  #bestShared = 0;

  constructor(problem: Problem, limits: SearchLimits) {
    this.#problem = problem;
    this.#limits = limits;
    this.#list = new PendingList(problem);
    this.#usages = new Usages(problem.standIns);
    this.#seen = new Configurations(this.#usages);
    this.#depending = [...problem.optional.keys()].filter((at) => !problem.optional[at]!.overwrites);
    this.#state = problem.machine.initial;
    this.#usage = this.#usages.none;
  }

  run(): SearchResult {
    const classes = this.#problem.optional.length;
    let fresh = true;
    // The alternative to try next: a required operation, or -1 - c for class c, or past the last class.
    let next = -1;
    let look = TRIALS_PER_LOOK;
    for (;; this.#trials++) {
      if (this.#trials >= look) {
        look = this.#trials + TRIALS_PER_LOOK;
        const { trials, overdue } = this.#limits;
        if (overdue() || (trials !== null && this.#trials >= trials)) return this.#result("out of time");
      }
      if (fresh) {
        this.#placeObservers();
        if (this.#list.left === 0) return this.#result("order");
        this.#farthest = Math.max(this.#farthest, this.#list.passed);
        if (this.#seen.size >= this.#limits.configurations || this.#state >= MOST_STATES) {
          return this.#result("out of memory");
        }
        const isNew = this.#seen.add(this.#list.passed, this.#list.mask, this.#state, this.#usage);
        next = isNew ? this.#list.first : -1 - classes;
        fresh = false;
      }
      if (next >= 0) {
        const state = this.#problem.machine.step(this.#state, this.#problem.codes[next]!);
        if (state === IMPOSSIBLE) next = this.#list.after(next);
        else {
          this.#place(next, state, false);
          fresh = true;
        }
      } else if (next > -1 - classes) {
        const state = this.#enabling(-1 - next);
        if (state === IMPOSSIBLE) next--;
        else {
          this.#place(next, state, false);
          fresh = true;
        }
      } else {
        const undone = this.#back();
        if (undone === null) return this.#result("none");
        next = undone >= 0 ? this.#list.after(undone) : undone - 1;
      }
    }
  }

  /** Places what is possible now and only observes. */
  #placeObservers(): void {
    const { machine, codes, observers } = this.#problem;
    let each = this.#list.first;
    while (each >= 0) {
      if (observers[each] === 1 && machine.step(this.#state, codes[each]!) === this.#state) {
        this.#place(each, this.#state, true);
        each = this.#list.first;
      } else each = this.#list.after(each);
    }
  }

  /** The state after the next operation of a class, or impossible where that would be of no use. */
  #enabling(at: number): number {
    const { machine, codes, optional } = this.#problem;
    const { code } = optional[at]!;
    const state = machine.step(this.#state, code);
    if (state === IMPOSSIBLE || state === this.#state || !this.#available(at, 0)) return IMPOSSIBLE;
    for (let each = this.#list.first; each >= 0; each = this.#list.after(each)) {
      this.#trials++;
      const then = machine.step(state, codes[each]!);
      if (then !== IMPOSSIBLE && then !== machine.step(this.#state, codes[each]!)) return state;
    }
    for (const other of this.#depending) {
      this.#trials++;
      const then = machine.step(state, optional[other]!.code);
      if (then === IMPOSSIBLE || then === state || then === machine.step(this.#state, optional[other]!.code)) continue;
      if (this.#available(other, other === at ? 1 : 0)) return state;
    }
    return IMPOSSIBLE;
  }

  /** Whether an operation of the class, not counting a few more than are used, is invoked before the first return. */
  #available(at: number, more: number): boolean {
    const operation = this.#problem.optional[at]!.operations[
      this.#limits.relaxed ? 0 : this.#usages.count(this.#usage, at) + more
    ];
    if (operation === undefined) return false;
    return operation.invoke < this.#problem.required[this.#problem.returns[this.#list.passed]!]!.complete!;
  }

  #place(item: number, state: number, forced: boolean): void {
    this.#items.push(item);
    this.#states.push(this.#state);
    this.#usagesBefore.push(this.#usage);
    this.#passedBefore.push(this.#list.passed);
    this.#forced.push(forced);
    this.#state = state;
    if (item >= 0) this.#list.lift(item);
    else if (!this.#limits.relaxed) this.#usage = this.#usages.with(this.#usage, -1 - item);
  }

  /** Takes back the last placement that was a choice. Null when there is none. */
  #back(): number | null {
    this.#remember();
    for (;;) {
      const item = this.#items.pop();
      if (item === undefined) return null;
      this.#state = this.#states.pop()!;
      this.#usage = this.#usagesBefore.pop()!;
      const passed = this.#passedBefore.pop()!;
      if (item >= 0) this.#list.unlift(item, passed);
      this.#bestShared = Math.min(this.#bestShared, this.#items.length);
      if (!this.#forced.pop()!) return item;
    }
  }

  /** Keeps the present order when it is the longest so far. Copies only what differs from the one kept. */
  #remember(): void {
    const placed = this.#problem.required.length - this.#list.left;
    if (placed <= this.#bestRequired) return;
    this.#bestRequired = placed;
    this.#best.length = this.#bestShared;
    this.#bestStates.length = this.#bestShared;
    for (let i = this.#bestShared; i < this.#items.length; i++) {
      this.#best.push(this.#items[i]!);
      this.#bestStates.push(this.#states[i + 1] ?? this.#state);
    }
    this.#bestShared = this.#items.length;
  }

  #result(found: SearchResult["found"]): SearchResult {
    this.#remember();
    const { machine, required, optional, returns } = this.#problem;
    const used = new Map<number, number>();
    const order = this.#best.map((item, i): OrderStep => {
      const state = machine.describe(this.#bestStates[i]!);
      if (item >= 0) return { operation: required[item]!, state };
      const at = used.get(item) ?? 0;
      used.set(item, at + 1);
      return { operation: optional[-1 - item]!.operations[this.#limits.relaxed ? 0 : at]!, state };
    });
    const blocked = found === "order" ? null : required[returns[this.#farthest]!]!;
    return { found, configurations: this.#seen.size, trials: this.#trials, order, blocked };
  }
}
