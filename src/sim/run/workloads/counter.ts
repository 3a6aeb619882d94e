/**
 * Counters: increments that must each count exactly once, however often they were sent.
 *
 * @module
 */
import { COUNTER } from "../../checker/cell_model.ts";
import { judgeHistory } from "../linearizability.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, pick, type Workload } from "../workload.ts";

interface Tally {
  /** Increments that were acknowledged, by the sum that each returned. */
  readonly sums: Set<number>;
  acknowledged: number;
  unknown: number;
  /** What the last read said, when everything was over. */
  last: number | null;
}

/** Checked for linearizability and for exact sums. */
export class CounterWorkload implements Workload {
  readonly name = "counter";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #keys: readonly string[];
  readonly #tallies = new Map<string, Tally>();

  constructor(arena: Arena, keys: number) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
    this.#keys = Array.from({ length: keys }, (_, index) => `counter/${index}`);
    for (const key of this.#keys) {
      this.#tallies.set(key, { sums: new Set(), acknowledged: 0, unknown: 0, last: null });
    }
  }

  async step(actor: Actor): Promise<void> {
    const key = pick(actor.dice, this.#keys);
    if (actor.dice.next() < 0.25) await this.#get(actor, key);
    else await this.#increment(actor, key);
  }

  async finish(actor: Actor): Promise<void> {
    for (const key of this.#keys) {
      this.#tallies.get(key)!.last = await this.#get(actor, key);
    }
  }

  check(): void {
    const { violations } = this.#arena;
    for (const [key, { acknowledged, unknown, last }] of this.#tallies) {
      if (last !== null && (last < acknowledged || last > acknowledged + unknown)) {
        violations.report(
          this.name,
          `${key} is ${last} in the end; ${acknowledged} increments were acknowledged and ${unknown} are unknown`,
        );
      }
    }
    judgeHistory(violations, this.name, this.recorder.events, COUNTER);
  }

  async #get(actor: Actor, key: string): Promise<number | null> {
    const what = { f: "get", key, value: null, isWrite: false };
    const read = await this.recorder.perform(
      actor.id,
      what,
      async () => Number((await actor.client.get(key))?.value ?? "0"),
      (value) => ({ value }),
    );
    return read.type === "ok" ? read.value : null;
  }

  async #increment(actor: Actor, key: string): Promise<void> {
    const tally = this.#tallies.get(key)!;
    const what = { f: "increment", key, value: 1, isWrite: true };
    const done = await this.recorder.perform(
      actor.id,
      what,
      async () => Number(await actor.client.increment(key)),
      (value) => ({ value }),
    );
    if (done.type === "info") tally.unknown++;
    if (done.type !== "ok") return;
    tally.acknowledged++;
    if (tally.sums.has(done.value)) {
      this.#arena.violations.report(this.name, `two increments of ${key} returned ${done.value}`);
    }
    tally.sums.add(done.value);
  }
}
