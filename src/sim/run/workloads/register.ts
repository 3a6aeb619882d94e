/**
 * Registers: read, write, compare-and-set and delete on a few keys. Every value is written once, so a checker knows
 * whose write a read saw.
 *
 * @module
 */
import { KV } from "../../checker/cell_model.ts";
import { judgeHistory } from "../linearizability.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, pick, type Workload } from "../workload.ts";

/** Checked for linearizability, key by key. */
export class RegisterWorkload implements Workload {
  readonly name = "register";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #keys: readonly string[];
  readonly #seen = new Map<string, string>();
  #written = 0;

  constructor(arena: Arena, keys: number) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
    this.#keys = Array.from({ length: keys }, (_, index) => `register/${index}`);
  }

  async step(actor: Actor): Promise<void> {
    const key = pick(actor.dice, this.#keys);
    const kind = actor.dice.next();
    if (kind < 0.4) await this.#get(actor, key);
    else if (kind < 0.7) await this.#put(actor, key);
    else if (kind < 0.9) await this.#swap(actor, key);
    else await this.#delete(actor, key);
  }

  /** Only reads. */
  async read(actor: Actor): Promise<void> {
    await this.#get(actor, pick(actor.dice, this.#keys));
  }

  async finish(actor: Actor): Promise<void> {
    for (const key of this.#keys) await this.#get(actor, key);
  }

  check(): void {
    judgeHistory(this.#arena.violations, this.name, this.recorder.events, KV);
  }

  async #get(actor: Actor, key: string): Promise<void> {
    const what = { f: "get", key, value: null, isWrite: false };
    const read = await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.get(key),
      (entry) => ({ value: entry?.value ?? null }),
    );
    if (read.type === "ok" && read.value !== null) this.#seen.set(key, read.value.value);
  }

  async #put(actor: Actor, key: string): Promise<void> {
    const value = this.#fresh();
    const what = { f: "put", key, value, isWrite: true };
    await this.recorder.perform(actor.id, what, () => actor.client.put(key, value), () => ({ value }));
  }

  async #swap(actor: Actor, key: string): Promise<void> {
    const from = this.#seen.get(key);
    if (from === undefined) return await this.#put(actor, key);
    const to = this.#fresh();
    const what = { f: "cas", key, value: [from, to], isWrite: true };
    await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.compareAndSet(key, { value: from }, to),
      ({ swapped }) => swapped ? { value: [from, to] } : null,
    );
  }

  async #delete(actor: Actor, key: string): Promise<void> {
    const what = { f: "delete", key, value: null, isWrite: true };
    await this.recorder.perform(actor.id, what, () => actor.client.delete(key), ({ deleted }) => ({
      value: deleted,
    }));
  }

  #fresh(): string {
    return `v${++this.#written}`;
  }
}
