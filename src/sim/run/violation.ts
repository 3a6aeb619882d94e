/**
 * What a run has found wrong.
 *
 * @module
 */

/** One thing that must never be, and was. */
export interface Violation {
  /** Which check found it: a workload's name, or `durability`, `determinism`, `liveness`, `crash`. */
  readonly check: string;
  /** What was seen, and what had to be seen. */
  readonly message: string;
}

/** Collects violations; the first few of each check say enough. */
export class Violations {
  readonly #limit: number;
  readonly #all: Violation[] = [];
  readonly #counts = new Map<string, number>();

  /** Keeps at most `limit` of each check. */
  constructor(limit = 3) {
    this.#limit = limit;
  }

  /** Notes one. */
  report(check: string, message: string): void {
    const count = (this.#counts.get(check) ?? 0) + 1;
    this.#counts.set(check, count);
    if (count <= this.#limit) this.#all.push({ check, message });
  }

  /** Those that are kept, in the order in which they were found. */
  get all(): readonly Violation[] {
    return this.#all;
  }
}
