/**
 * Which operations of unknown outcome an order has used. Operations of a class are interchangeable, so the
 * earliest ones are used first and a count for each class says all. Sets of counts are interned: a number stands
 * for each, and comparing two is remembered where it pays.
 *
 * An order that has used less can do whatever one that has used more can do: it dominates it. So does one that
 * kept an operation that can stand in for another, where the other one used it up.
 *
 * @module
 */

/** Counts of used operations by class, each set of counts known by a number. */
export class Usages {
  /** The number of the set in which nothing is used. */
  readonly none: number = 0;
  /** For each class the class whose operations can stand in for its own, or -1. */
  readonly #standIns: readonly number[];
  /** Pairs of class and count, ascending by class, without zero counts. */
  readonly #sets: Uint32Array[] = [new Uint32Array(0)];
  /** Of each set, how many it has of all classes together. */
  readonly #totals: number[] = [0];
  /** Of each set a bit for every class it has; a class has the bit of what can stand in for it. */
  readonly #bits: number[] = [0];
  readonly #numbers = new Map<string, number>([["", 0]]);
  readonly #successors = new Map<number, number>();
  #comparisons = 0;
  /** Scratch: by class, how much of it is lacking. */
  readonly #lack: Int32Array;

  constructor(standIns: readonly number[]) {
    this.#standIns = standIns;
    this.#lack = new Int32Array(standIns.length);
  }

  /** How many sets were compared, which may be most of the work of a search. */
  get comparisons(): number {
    return this.#comparisons;
  }

  /** How many are used of all classes together. */
  total(usage: number): number {
    return this.#totals[usage]!;
  }

  /** How many are used of each class that is used: pairs of class and count, ascending by class. */
  pairs(usage: number): Uint32Array {
    return this.#sets[usage]!;
  }

  /** The set with one more of a class. */
  with(usage: number, of: number): number {
    const name = usage * this.#standIns.length + of;
    let next = this.#successors.get(name);
    if (next === undefined) {
      next = this.#intern(usage, of);
      this.#successors.set(name, next);
    }
    return next;
  }

  /** Whether an order with `mine` can go on in every way in which one with `other` can. */
  dominates(mine: number, other: number): boolean {
    if (mine === other || mine === this.none) return true;
    if (this.#totals[mine]! > this.#totals[other]! || (this.#bits[mine]! & ~this.#bits[other]!) !== 0) return false;
    this.#comparisons++;
    const lack = this.#lack;
    const [a, b] = [this.#sets[mine]!, this.#sets[other]!];
    for (let i = 0; i < a.length; i += 2) lack[a[i]!] = a[i + 1]!;
    for (let i = 0; i < b.length; i += 2) lack[b[i]!]! -= b[i + 1]!;
    // What is lacking of a class may be made up for by what is left of the class that can stand in for it.
    for (let i = 0; i < a.length; i += 2) {
      const of = a[i]!;
      const standIn = this.#standIns[of]!;
      if (standIn >= 0 && lack[of]! > 0) {
        lack[standIn]! += lack[of]!;
        lack[of] = 0;
      }
    }
    let good = true;
    for (let i = 0; i < a.length; i += 2) {
      const standIn = this.#standIns[a[i]!]!;
      if (lack[a[i]!]! > 0 || (standIn >= 0 && lack[standIn]! > 0)) good = false;
    }
    for (const pairs of [a, b]) {
      for (let i = 0; i < pairs.length; i += 2) {
        lack[pairs[i]!] = 0;
        const standIn = this.#standIns[pairs[i]!]!;
        if (standIn >= 0) lack[standIn] = 0;
      }
    }
    return good;
  }

  #intern(usage: number, of: number): number {
    const list = [...this.#sets[usage]!];
    let at = 0;
    while (at < list.length && list[at]! < of) at += 2;
    if (list[at] === of) list[at + 1]!++;
    else list.splice(at, 0, of, 1);
    const name = list.join(",");
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#sets.length;
      this.#numbers.set(name, number);
      this.#sets.push(Uint32Array.from(list));
      this.#totals.push(this.#totals[usage]! + 1);
      const standIn = this.#standIns[of]!;
      this.#bits.push(this.#bits[usage]! | (1 << ((standIn >= 0 ? standIn : of) % 32)));
    }
    return number;
  }
}
