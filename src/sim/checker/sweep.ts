/**
 * Another search for an order, in breadth: it goes from return to return with all configurations at once, and where
 * they are many it keeps those that used the fewest operations of unknown outcome. Where the search in depth once
 * used up an operation that is needed much later, it has a long way back; a sweep still has the thrifty
 * configurations beside it. An operation is placed only where that is needed for a return to be passed (Lowe's
 * just-in-time linearization), and what no operation to come can tell apart is one state.
 *
 * @module
 */
import { Configurations, MOST_STATES } from "./configurations.ts";
import { IMPOSSIBLE } from "./model.ts";
import type { Problem } from "./problem.ts";
import { orderOf, type SearchLimits, type SearchResult } from "./search.ts";
import { Usages } from "./usage.ts";

/** The most operations under way at a time, as many as a mask has bits. */
const MOST_UNDER_WAY = 30;
/** How many configurations between two returns are looked at for each that is kept. */
const BETWEEN = 8;

interface Configuration {
  /** Which operations under way are placed, a bit for each slot. */
  readonly mask: number;
  readonly state: number;
  readonly usage: number;
  /** How it came about. */
  readonly last: Placement | null;
}

interface Placement {
  /** An index into `required`, or the complement of an index into `optional`. */
  readonly item: number;
  readonly state: number;
  readonly before: Placement | null;
}

/**
 * Looks for an order, keeping so many configurations at each return (`limits.configurations`). It is "out of memory"
 * when it finds none and kept not everything.
 */
export function sweep(problem: Problem, limits: SearchLimits): SearchResult {
  return new Sweep(problem, limits).run();
}

class Sweep {
  readonly #problem: Problem;
  readonly #limits: SearchLimits;
  readonly #usages: Usages;
  /** The required operation in each slot, -1 in a free one. */
  readonly #slots: number[] = [];
  /** Scratch: by class, how many the configuration at hand has used. */
  readonly #used: Int32Array;
  /** How many returns are passed, and the events of the next one and the one after that. */
  #passed = 0;
  #deadline = 0;
  #following = 0;
  #kept: readonly Configuration[];
  #keptAll = true;
  #configurations = 0;
  #trials = 0;

  constructor(problem: Problem, limits: SearchLimits) {
    this.#problem = problem;
    this.#limits = limits;
    this.#usages = new Usages(problem.standIns);
    this.#used = new Int32Array(problem.optional.length);
    this.#kept = [{ mask: 0, state: problem.machine.initial, usage: this.#usages.none, last: null }];
  }

  run(): SearchResult {
    const { required, returns } = this.#problem;
    const { overdue, trials } = this.#limits;
    const endOf = (at: number): number => at < returns.length ? required[returns[at]!]!.complete! : Infinity;
    let called = 0;
    const end = Math.min(returns.length, this.#limits.end ?? Infinity);
    for (; this.#passed < end; this.#passed++) {
      if ((trials !== null && this.#trials + this.#usages.comparisons >= trials) || overdue()) {
        return this.#result("out of time");
      }
      this.#deadline = endOf(this.#passed);
      this.#following = endOf(this.#passed + 1);
      for (; called < required.length && required[called]!.invoke < this.#deadline; called++) {
        const free = this.#slots.indexOf(-1);
        if (free === -1) this.#slots.push(called);
        else this.#slots[free] = called;
      }
      if (this.#slots.length > MOST_UNDER_WAY) return this.#result("out of memory");
      const slot = this.#slots.indexOf(returns[this.#passed]!);
      const after = this.#pass(1 << slot);
      if (after.length === 0) return this.#result(this.#keptAll ? "none" : "out of memory");
      this.#kept = after;
      this.#slots[slot] = -1;
    }
    return this.#result("order");
  }

  /** The configurations after the return of the operation whose bit this is. */
  #pass(bit: number): Configuration[] {
    const { machine } = this.#problem;
    const width = this.#limits.configurations;
    const seen = new Configurations(this.#usages);
    const passed = new Configurations(this.#usages);
    const after: Configuration[] = [];
    for (let waiting = this.#kept; waiting.length > 0;) {
      const next: Configuration[] = [];
      for (const waited of waiting) {
        const each = this.#placeObservers(waited);
        if ((each.mask & bit) !== 0) {
          const through = { ...each, mask: each.mask & ~bit, state: machine.from(each.state, this.#following) };
          if (passed.add(0, through.mask, through.state, through.usage)) after.push(through);
        } else if (seen.size >= BETWEEN * width || each.state >= MOST_STATES) this.#keptAll = false;
        else if (seen.add(0, each.mask, each.state, each.usage)) this.#expand(each, next);
      }
      waiting = next;
    }
    this.#configurations += seen.size + passed.size;
    return this.#best(after, width);
  }

  /** The thriftiest of each state first, then the second of each, and so on. */
  #best(from: Configuration[], width: number): Configuration[] {
    from.sort((a, b) => this.#usages.total(a.usage) - this.#usages.total(b.usage));
    if (from.length <= width) return from;
    this.#keptAll = false;
    const ranks = new Map<number, number>();
    const ranked = from.map((each) => {
      const key = each.mask * MOST_STATES + each.state;
      const rank = ranks.get(key) ?? 0;
      ranks.set(key, rank + 1);
      return { each, rank };
    });
    return ranked.sort((a, b) => a.rank - b.rank).slice(0, width).map(({ each }) => each);
  }

  /** Places what is possible now and only observes: it could as well stand here as anywhere. */
  #placeObservers(from: Configuration): Configuration {
    const { machine, codes, observers } = this.#problem;
    const { state } = from;
    let { mask, last } = from;
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const operation = this.#slots[slot]!;
      if (operation < 0 || (mask & (1 << slot)) !== 0 || observers[operation] === 0) continue;
      this.#trials++;
      if (machine.step(state, codes[operation]!) !== state) continue;
      mask |= 1 << slot;
      last = { item: operation, state, before: last };
    }
    return mask === from.mask ? from : { ...from, mask, last };
  }

  #expand({ mask, state, usage, last }: Configuration, into: Configuration[]): void {
    const { machine, codes, optional } = this.#problem;
    const open: number[] = [];
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const item = this.#slots[slot]!;
      if (item < 0 || (mask & (1 << slot)) !== 0) continue;
      this.#trials++;
      open.push(codes[item]!);
      const next = machine.step(state, codes[item]!);
      if (next === IMPOSSIBLE) continue;
      into.push({ mask: mask | (1 << slot), state: next, usage, last: { item, state: next, before: last } });
    }
    const used = this.#used.fill(0);
    const pairs = this.#usages.pairs(usage);
    for (let i = 0; i < pairs.length; i += 2) used[pairs[i]!] = pairs[i + 1]!;
    const isStrict = this.#passed >= this.#limits.strictFrom;
    this.#trials += pairs.length + optional.length;
    for (let at = 0; at < optional.length; at++) {
      if (!this.#isAvailable(at, 0)) continue;
      const next = machine.step(state, optional[at]!.code);
      if (next === IMPOSSIBLE || next === state || !this.#isOfUse(at, state, next, open)) continue;
      const then = isStrict ? this.#usages.with(usage, at) : usage;
      into.push({ mask, state: next, usage: then, last: { item: ~at, state: next, before: last } });
    }
  }

  /** Whether the operation of a class that leads to the next state enables something, at once or with others. */
  #isOfUse(at: number, state: number, next: number, open: readonly number[]): boolean {
    const { machine, optional } = this.#problem;
    let mayLead = false;
    for (const code of open) {
      this.#trials++;
      const then = machine.step(next, code);
      const without = machine.step(state, code);
      if (then !== IMPOSSIBLE && (without === IMPOSSIBLE || !machine.covers(without, then))) return true;
      mayLead ||= machine.mayLeadTo(next, code);
    }
    return mayLead && optional.some(({ overwrites, code }, other) => {
      if (overwrites || !this.#isAvailable(other, other === at ? 1 : 0)) return false;
      this.#trials++;
      const then = machine.step(next, code);
      return then !== IMPOSSIBLE && then !== next;
    });
  }

  /** Whether an operation of the class, not counting a few more than are used, is invoked before the return. */
  #isAvailable(at: number, more: number): boolean {
    const isStrict = this.#passed >= this.#limits.strictFrom;
    const operation = this.#problem.optional[at]!.operations[isStrict ? this.#used[at]! + more : 0];
    return operation !== undefined && operation.invoke < this.#deadline;
  }

  #result(found: SearchResult["found"]): SearchResult {
    const { required, returns } = this.#problem;
    const items: number[] = [];
    const states: number[] = [];
    for (let each = this.#kept[0]!.last; each !== null; each = each.before) {
      items.push(each.item);
      states.push(each.state);
    }
    return {
      found,
      configurations: this.#configurations,
      trials: this.#trials + this.#usages.comparisons,
      order: orderOf(this.#problem, items.reverse(), states.reverse()),
      blocked: found === "order" ? null : required[returns[this.#passed]!]!,
      passed: this.#passed,
    };
  }
}
