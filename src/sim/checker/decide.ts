/**
 * Decides one part of a history by searches from quick to patient.
 *
 * What makes a search slow is operations of unknown outcome: which of them were used is part of a configuration, and
 * where there is no order all such choices have to be gone through, though most have nothing to do with what is
 * wrong. What is wrong is mostly wrong within a short time, however. So where a quick search gets stuck, others look
 * at the stretch before that place as if nothing had been used before it ({@link SearchLimits.strictFrom}): when that
 * has no order, the history has none.
 *
 * @module
 */
import type { Problem } from "./problem.ts";
import { search, type SearchLimits, type SearchResult } from "./search.ts";
import { sweep } from "./sweep.ts";

/** What a decision may use. */
export interface Effort {
  /** The configurations that may be kept at a time. */
  readonly configurations: number;
  /** The trials of all searches together, null for no limit. */
  readonly trials: number | null;
  /** Whether the time is over. */
  readonly overdue: () => boolean;
}

/** How many configurations the search in depth, and each sweep, may keep. */
const DEPTH = 20_000;
const WIDTHS: readonly number[] = [50, 200, 1000, 5000, 50_000, 500_000];
/** How many returns the stretches have, and how many more they take in. */
const STRETCHES: readonly number[] = [0, 64];
const BEYOND = 32;
/** How many times as many configurations as the sweep that got stuck the sweeps of stretches may keep. */
const STRETCH_WIDTH = 25;

/**
 * Looks for an order, and for a proof that there is none. The longest order, and what it is blocked by, are true ones,
 * whichever search decided; the configurations and trials are those of all searches.
 */
export function decide(problem: Problem, effort: Effort): SearchResult {
  return new Decision(problem, effort).make();
}

class Decision {
  readonly #problem: Problem;
  readonly #effort: Effort;
  #trials = 0;
  #configurations = 0;
  #farthest: SearchResult | null = null;

  constructor(problem: Problem, effort: Effort) {
    this.#problem = problem;
    this.#effort = effort;
  }

  make(): SearchResult {
    const most = this.#effort.configurations;
    if (this.#isDecided(this.#try(search, { configurations: Math.min(DEPTH, most), strictFrom: 0 }))) {
      return this.#answer();
    }
    let stuck = -1;
    for (const width of WIDTHS) {
      if (width > most) break;
      const result = this.#try(sweep, { configurations: width, strictFrom: 0 });
      if (this.#isDecided(result)) return this.#answer();
      if (this.#problem.optional.length === 0 || result.passed <= stuck) continue;
      stuck = result.passed;
      if (this.#refutes(stuck, Math.min(STRETCH_WIDTH * width, most))) return this.#answer("none");
    }
    if (most > DEPTH) this.#try(search, { configurations: most, strictFrom: 0 });
    return this.#answer();
  }

  /** Whether a stretch that ends a little after where a search got stuck has no order. */
  #refutes(stuck: number, configurations: number): boolean {
    for (const length of STRETCHES) {
      if (length >= stuck) return false;
      const result = this.#try(sweep, { configurations, strictFrom: stuck - length, end: stuck + BEYOND });
      if (result.found === "none") return true;
      if (result.found === "out of time") return false;
    }
    return false;
  }

  #try(by: typeof search, limits: Pick<SearchLimits, "configurations" | "strictFrom" | "end">): SearchResult {
    const { trials: most, overdue } = this.#effort;
    const trials = most === null ? null : Math.max(0, most - this.#trials);
    const result = by(this.#problem, { ...limits, trials, overdue });
    this.#trials += result.trials;
    this.#configurations += result.configurations;
    const farthest = this.#farthest;
    if (limits.strictFrom === 0 && (farthest === null || this.#isDecided(result) || result.passed > farthest.passed)) {
      this.#farthest = farthest === null || result.passed >= farthest.passed
        ? result
        : { ...farthest, found: result.found };
    }
    return result;
  }

  #isDecided({ found }: SearchResult): boolean {
    return found !== "out of memory";
  }

  #answer(found = this.#farthest!.found): SearchResult {
    return { ...this.#farthest!, found, trials: this.#trials, configurations: this.#configurations };
  }
}
