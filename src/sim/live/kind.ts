/**
 * What clients do to one subject of a live check (a register, a counter, a list, a bank), and what it is a model of.
 *
 * @module
 */
import type { Value } from "../checker/history.ts";
import type { Model } from "../checker/model.ts";
import type { Recorded } from "../run/attempts.ts";
import type { Dice } from "../run/workload.ts";
import type { LiveClient } from "./live_client.ts";

/** One operation on a subject. */
export interface Step {
  readonly what: Recorded;
  /** Does it; resolves to what the history says of the answer, null when it was refused by what it found. */
  readonly run: (client: LiveClient) => Promise<{ readonly value: Value } | null>;
}

/** How often each kind of operation is done, by its name: weights, which need not sum up to 1. */
export type Mix = Readonly<Record<string, number>>;

/** Draws the operations on one subject. */
export interface Course {
  /** The keys of the subject. */
  readonly keys: readonly string[];
  /** The next operation. */
  next(dice: Dice): Step;
  /** A read of the whole subject. */
  read(): Step;
}

/** A kind of subject. */
export interface Kind {
  /** As `--workload` names it. */
  readonly name: string;
  readonly model: Model;
  /** The operations and how often each is done unless told otherwise. */
  readonly mix: Mix;
  /** How many keys a subject has. */
  readonly keys: number;
  /** A new subject under a name that no other has or had. */
  begin(name: string, mix: Mix): Course;
}

/** One of the names in a mix, by its weight. */
export function drawFrom(mix: Mix, dice: Dice): string {
  const entries = Object.entries(mix).filter(([, weight]) => weight > 0);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  let left = dice.next() * total;
  for (const [name, weight] of entries) {
    left -= weight;
    if (left < 0) return name;
  }
  const last = entries.at(-1);
  if (last === undefined) throw new RangeError("a mix without a weight above 0; give at least one operation some");
  return last[0];
}
