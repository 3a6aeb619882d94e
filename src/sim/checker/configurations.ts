/**
 * The configurations that were seen: how far the history is passed, which of the operations under way are placed,
 * the state, and which operations of unknown outcome are used. One from which the search found no way on need not
 * be looked at again, nor one that a seen one dominates.
 *
 * @module
 */
import type { Usages } from "./usage.ts";

/** The most states that fit into a key beside a mask of 30 bits. */
export const MOST_STATES: number = 2 ** 22;

/** Remembers configurations. */
export class Configurations {
  readonly #usages: Usages;
  /** By returns passed; then by mask and state; then the usages, none of which dominates another. */
  readonly #seen: Map<number, number | number[]>[] = [];
  #size = 0;

  constructor(usages: Usages) {
    this.#usages = usages;
  }

  /** How many were remembered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Remembers a configuration. The state is below {@link MOST_STATES}.
   *
   * @returns false when it, or one that dominates it, was there
   */
  add(passed: number, mask: number, state: number, usage: number): boolean {
    const level = this.#seen[passed] ??= new Map();
    const key = mask * MOST_STATES + state;
    const there = level.get(key);
    if (there === undefined) {
      level.set(key, usage);
    } else if (typeof there === "number") {
      if (this.#usages.dominates(there, usage)) return false;
      level.set(key, this.#usages.dominates(usage, there) ? usage : [usage, there]);
    } else {
      if (there.some((each) => this.#usages.dominates(each, usage))) return false;
      let kept = 0;
      for (const each of there) if (!this.#usages.dominates(usage, each)) there[kept++] = each;
      there.length = kept;
      there.push(usage);
    }
    this.#size++;
    return true;
  }
}
