/**
 * The values that one key may hold, each known by a number.
 *
 * A value that nobody ever saw, and that is no beginning of anything that somebody saw, behaves like every other such
 * value whatever is written or appended: they share one number, which keeps orders apart only where somebody can tell.
 *
 * @module
 */
import type { Value } from "./history.ts";
import { canonical, show } from "./values.ts";

/** The number of the value of a key that nothing was written to. */
export const ABSENT = 0;
/** The number of every value that nobody sees. */
export const UNSEEN = 1;

/** A value that somebody may see. */
export interface Sighting {
  readonly value: Value;
  /** The event that ended the operation; Infinity where nothing did. */
  readonly until: number;
}

/** Numbers for values. */
export class ValueTable {
  readonly #values: Value[];
  readonly #forms: string[];
  readonly #ids = new Map<string, number>();
  /** The forms of everything that somebody may see, sorted. Null where every value is kept apart. */
  readonly #seen: readonly string[] | null;
  /** For each of them until when, and for each number as soon as it was asked for. */
  readonly #until: readonly number[];
  readonly #untilById: number[] = [];
  readonly #ranges: (readonly [from: number, to: number])[] = [];

  /** `seen`: all values that somebody may see; null where others count too, as where numbers are added up. */
  constructor(absent: Value, seen: readonly Sighting[] | null) {
    this.#values = [absent, null];
    this.#forms = [formOf(absent), ""];
    this.#ids.set(formOf(absent), ABSENT);
    const until = new Map<string, number>();
    for (const each of seen ?? []) {
      const form = formOf(each.value);
      until.set(form, Math.max(each.until, until.get(form) ?? 0));
    }
    this.#seen = seen === null ? null : [...until.keys()].sort();
    this.#until = (this.#seen ?? []).map((form) => until.get(form)!);
  }

  /** The number of a value. */
  id(value: Value): number {
    return this.#id(formOf(value), () => value);
  }

  /** The value with this number, which is not {@link UNSEEN}. */
  value(id: number): Value {
    return this.#values[id]!;
  }

  /** The number of a value with another one appended; null where that cannot be. */
  appended(id: number, argument: Value): number | null {
    if (id === UNSEEN) return UNSEEN;
    const value = this.#values[id]!;
    if (Array.isArray(value)) {
      const whole = (): Value => [...value as readonly Value[], argument];
      return this.#extended(id, `${canonical(argument)},`, whole);
    }
    if (typeof argument !== "string") return value === null ? this.id([argument]) : null;
    if (value === null) return this.id(argument);
    return typeof value === "string" ? this.#extended(id, argument, () => value + argument) : null;
  }

  /** Whether appending could make the other value of this one. */
  isBeginning(id: number, of: number): boolean {
    if (id === UNSEEN || of === UNSEEN) return false;
    return this.#values[id] === null || this.#forms[of]!.startsWith(this.#forms[id]!);
  }

  /** The number of the value for those who look at it from this event on: what nobody sees any more is unseen. */
  from(id: number, event: number): number {
    if (id <= UNSEEN || this.#seen === null) return id;
    return (this.#untilById[id] ??= this.#lastSight(id, this.#seen)) < event ? UNSEEN : id;
  }

  /** The value, for people. */
  describe(id: number): string {
    return id === UNSEEN ? "a value that nobody sees" : show(this.#values[id]!);
  }

  /** The number of the value whose form goes on so. Long forms are not put together for what nobody sees. */
  #extended(id: number, more: string, value: () => Value): number {
    const form = this.#forms[id]!;
    if (this.#seen !== null) {
      let [low, high] = this.#rangeOf(id, this.#seen);
      const end = high;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#seen[middle]!.slice(form.length, form.length + more.length) < more) low = middle + 1;
        else high = middle;
      }
      if (low === end || !this.#seen[low]!.startsWith(more, form.length)) return UNSEEN;
    }
    return this.#id(form + more, value);
  }

  /** Where among the forms those stand that begin with the form of this number: side by side. */
  #rangeOf(id: number, seen: readonly string[]): readonly [from: number, to: number] {
    const known = this.#ranges[id];
    if (known !== undefined) return known;
    const form = this.#forms[id]!;
    const from = firstFrom(form, seen);
    let [low, high] = [from, seen.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seen[middle]!.startsWith(form)) low = middle + 1;
      else high = middle;
    }
    return this.#ranges[id] = [from, low];
  }

  #lastSight(id: number, seen: readonly string[]): number {
    const [from, to] = this.#rangeOf(id, seen);
    let last = 0;
    for (let at = from; at < to; at++) last = Math.max(last, this.#until[at]!);
    return last;
  }

  #id(form: string, value: () => Value): number {
    const id = this.#ids.get(form);
    if (id !== undefined) return id;
    if (this.#seen !== null && this.#seen[firstFrom(form, this.#seen)]?.startsWith(form) !== true) return UNSEEN;
    this.#ids.set(form, this.#values.length);
    this.#forms.push(form);
    return this.#values.push(value()) - 1;
  }
}

/** Long lists are given a form again and again, as a history is searched more than once. */
const FORMS = new WeakMap<readonly Value[], string>();

/** Equal for equal values; the form of what was appended to begins with the form of what it was before. */
function formOf(value: Value): string {
  if (typeof value === "string") return `s${value}`;
  if (!Array.isArray(value)) return `j${canonical(value)}`;
  const list = value as readonly Value[];
  let form = FORMS.get(list);
  if (form === undefined) {
    form = `l${list.map((each) => canonical(each) + ",").join("")}`;
    FORMS.set(list, form);
  }
  return form;
}

/** The index of the first of the sorted texts that does not come before this one. */
function firstFrom(form: string, sorted: readonly string[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < form) low = middle + 1;
    else high = middle;
  }
  return low;
}
