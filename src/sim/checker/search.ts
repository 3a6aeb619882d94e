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
   * Up to this return (counted in their order) operations of unknown outcome may take effect any number of times;
   * from then on once, as if none had been used before. 0 is the truth. With more the search is quicker, and where
   * there is no order even so, there is none; an order that is found proves nothing.
   */
  readonly strictFrom: number;
  /** How many returns are to be passed; without it all. Only in sweeps. */
  readonly end?: number;
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
  /** How many returns were passed at most. */
  readonly passed: number;
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
  /** By class, how many of its operations are used. */
  readonly #used: Int32Array;
  /** By state, the classes whose effect depends on the state before and that change this one. */
  readonly #depending: (readonly number[])[] = [];
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
    this.#used = new Int32Array(problem.optional.length);
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
      if (this.#spent() >= look) {
        look = this.#spent() + TRIALS_PER_LOOK;
        const { trials, overdue } = this.#limits;
        if ((trials !== null && this.#spent() >= trials) || overdue()) return this.#result("out of time");
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

  #spent(): number {
    return this.#trials + this.#usages.comparisons;
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
    if (!this.#isAvailable(at, 0)) return IMPOSSIBLE;
    const { machine, codes, optional } = this.#problem;
    const state = machine.step(this.#state, optional[at]!.code);
    if (state === IMPOSSIBLE || state === this.#state) return IMPOSSIBLE;
    let mayLead = false;
    for (let each = this.#list.first; each >= 0; each = this.#list.after(each)) {
      this.#trials++;
      const code = codes[each]!;
      const then = machine.step(state, code);
      const without = machine.step(this.#state, code);
      if (then !== IMPOSSIBLE && (without === IMPOSSIBLE || !machine.covers(without, then))) return state;
      mayLead ||= machine.mayLeadTo(state, code);
    }
    if (!mayLead) return IMPOSSIBLE;
    for (const other of this.#dependingIn(state)) {
      this.#trials++;
      if (this.#isAvailable(other, other === at ? 1 : 0)) return state;
    }
    return IMPOSSIBLE;
  }

  #dependingIn(state: number): readonly number[] {
    return this.#depending[state] ??= [...this.#problem.optional.keys()].filter((at) => {
      const { code, overwrites } = this.#problem.optional[at]!;
      if (overwrites) return false;
      this.#trials++;
      const then = this.#problem.machine.step(state, code);
      return then !== IMPOSSIBLE && then !== state;
    });
  }

  /** Whether an operation of the class, not counting a few more than are used, is invoked before the first return. */
  #isAvailable(at: number, more: number): boolean {
    const operation = this.#problem.optional[at]!.operations[this.#isStrict() ? this.#used[at]! + more : 0];
    if (operation === undefined) return false;
    return operation.invoke < this.#problem.required[this.#problem.returns[this.#list.passed]!]!.complete!;
  }

  #isStrict(): boolean {
    return this.#list.passed >= this.#limits.strictFrom;
  }

  #place(item: number, state: number, forced: boolean): void {
    this.#items.push(item);
    this.#states.push(this.#state);
    this.#usagesBefore.push(this.#usage);
    this.#passedBefore.push(this.#list.passed);
    this.#forced.push(forced);
    this.#state = state;
    if (item >= 0) this.#list.lift(item);
    else if (this.#isStrict()) {
      this.#usage = this.#usages.with(this.#usage, -1 - item);
      this.#trials += this.#usages.pairs(this.#usage).length;
      this.#used[-1 - item]!++;
    }
  }

  /** Takes back the last placement that was a choice. Null when there is none. */
  #back(): number | null {
    this.#remember();
    for (;;) {
      const item = this.#items.pop();
      if (item === undefined) return null;
      this.#state = this.#states.pop()!;
      const usage = this.#usagesBefore.pop()!;
      const passed = this.#passedBefore.pop()!;
      if (item >= 0) this.#list.unlift(item, passed);
      else if (usage !== this.#usage) this.#used[-1 - item]!--;
      this.#usage = usage;
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
    const { required, returns } = this.#problem;
    const order = orderOf(this.#problem, this.#best, this.#bestStates);
    const blocked = found === "order" ? null : required[returns[this.#farthest]!]!;
    return { found, configurations: this.#seen.size, trials: this.#spent(), order, blocked, passed: this.#farthest };
  }
}

/** Items (indices into `required`, or complements of indices into `optional`) and the states after them, as steps. */
export function orderOf(
  { machine, required, optional }: Problem,
  items: readonly number[],
  states: readonly number[],
): OrderStep[] {
  const used = new Map<number, number>();
  return items.map((item, i): OrderStep => {
    const state = machine.describe(states[i]!);
    if (item >= 0) return { operation: required[item]!, state };
    const at = used.get(item) ?? 0;
    used.set(item, at + 1);
    // Where one may be used again and again, there may be fewer than were used.
    const { operations } = optional[-1 - item]!;
    return { operation: operations[Math.min(at, operations.length - 1)]!, state };
  });
}
