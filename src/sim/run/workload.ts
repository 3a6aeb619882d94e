/**
 * What a workload is: operations that clients do while things go wrong, and what must hold of their answers.
 *
 * @module
 */
import type { KVClient } from "../../client/kv_client.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HistoryEvent } from "../checker/history.ts";
import type { Classify } from "./outcome.ts";
import type { Truth } from "./truth.ts";
import type { Violations } from "./violation.ts";

/** Random numbers of one consumer, as workloads want them. */
export interface Dice {
  /** A number in [0, 1). */
  next(): number;
}

/** What every workload of a run shares. */
export interface Arena {
  readonly clock: Clock;
  /** The wall time of the server that is furthest behind: its clock may have been set back. */
  readonly serverNow: () => number;
  /** What the servers did, seen from inside. */
  readonly truth: Truth;
  readonly violations: Violations;
  readonly classify: Classify;
  /** Whether faults are over and what they left is done: from then on nothing may fail. */
  readonly isCalm: boolean;
  /** Whether no server's clock jumps. @default false */
  readonly hasSteadyClocks?: boolean;
  /** Told of every event of every history. */
  readonly onEvent: (event: HistoryEvent) => void;
}

/** One sequence of operations: it waits for each before it does the next. */
export interface Actor {
  /** Its number, unique in the run. */
  readonly id: number;
  readonly client: KVClient<string>;
  readonly dice: Dice;
}

/** A kind of load and its checks. */
export interface Workload {
  /** As `--workload` names it. */
  readonly name: string;
  /** Does one operation (or one that needs several). Never rejects for what clients may meet. */
  step(actor: Actor): Promise<void>;
  /** The last reads, when faults are over and all steps are done. */
  finish(actor: Actor): Promise<void>;
  /** Checks everything that was seen. */
  check(): void;
}

/** A whole number in [least, most]. */
export function between(dice: Dice, least: number, most: number): number {
  return least + Math.floor(dice.next() * (most - least + 1));
}

/** One of `items`. */
export function pick<Item>(dice: Dice, items: readonly Item[]): Item {
  const item = items[Math.floor(dice.next() * items.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}

/** Waits for virtual time to pass. */
export function sleep(clock: Clock, duration_ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(duration_ms, resolve);
  });
}
