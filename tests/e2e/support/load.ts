/**
 * Clients that write and read through every replica while a test breaks things, and what must hold of what they were
 * told: the history is linearizable, increments counted once, and what was acknowledged is there, on every replica.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { KVClient } from "../../../src/client/kv_client.ts";
import type { Value } from "../../../src/sim/checker/history.ts";
import { COUNTER, KV } from "../../../src/sim/checker/cell_model.ts";
import type { Recorded } from "../../../src/sim/run/recorder.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import type { Cluster } from "./cluster.ts";
import { History } from "./history.ts";

/** What a load is like. */
export interface LoadOptions {
  /** How many clients, each of which does one thing at a time. @default 16 */
  readonly actors?: number;
  /** The longest pause between two operations of a client, in milliseconds. @default 10 */
  readonly pause_ms?: number;
  /** The replicas that are asked. @default all that run at the moment */
  readonly through?: readonly number[];
}

/** An operation that succeeded; times in milliseconds of `performance.now()`. */
interface Answer {
  readonly asked_ms: number;
  readonly answered_ms: number;
  readonly isWrite: boolean;
}

/** What a load came to. */
export interface Summary {
  readonly operations: number;
  readonly acknowledgedWrites: number;
  /** Operations that ended with an error: surely without effect, and with an unknown one. */
  readonly failed: number;
  readonly unknown: number;
  /** Operations that succeeded, per second. */
  readonly throughput: number;
  /** The longest time without an acknowledged write, over all clients. */
  readonly longestGap_ms: number;
}

const REGISTERS: readonly string[] = Array.from({ length: 20 }, (_, index) => `register/${index}`);
const COUNTERS: readonly string[] = Array.from({ length: 5 }, (_, index) => `counter/${index}`);
/** Keys that are written once. */
const KEPT = "kept/";
/** How long an operation may take: longer than the failures that tests make. */
const DEADLINE_MS = 10_000;
/** How long a load waits for a write to succeed again. */
const RESUME_MS = 30_000;

/** A load, from its start. */
export class Load {
  readonly #cluster: Cluster;
  readonly #options: Required<Omit<LoadOptions, "through">> & Pick<LoadOptions, "through">;
  readonly #registers = new History();
  readonly #counters = new History();
  /** The keys of acknowledged writes, each with its value. */
  readonly #kept = new Map<string, string>();
  readonly #tallies = new Map(COUNTERS.map((key) => [key, { acknowledged: 0, unknown: 0 }]));
  readonly #answers: Answer[] = [];
  readonly #clients = new Map<number, KVClient<string>>();
  /** What each client has last seen in a register. */
  readonly #seen = new Map<string, string>();
  readonly #started_ms = performance.now();
  readonly #running: Promise<unknown>;
  #isStopping = false;
  #written = 0;
  #failed = 0;
  #unknown = 0;

  constructor(cluster: Cluster, options: LoadOptions = {}) {
    this.#cluster = cluster;
    this.#options = { actors: 16, pause_ms: 10, ...options };
    const all = this.#options.through ?? cluster.ids;
    this.#running = Promise.all(Array.from({ length: this.#options.actors }, (_, actor) => {
      // Half of the clients know all replicas and stay with one that works; the others ask another one each time.
      const own = actor % 2 === 0 ? cluster.client(all, { deadline_ms: DEADLINE_MS }) : null;
      return this.#act(actor, own);
    }));
    // Seen when the load is stopped; until then a rejection has no other handler.
    this.#running.catch(() => {
      this.#isStopping = true;
    });
  }

  /** Waits until a write that was begun after `since_ms` is acknowledged. */
  async resumed(since_ms: number): Promise<void> {
    while (this.firstWrite_ms(since_ms) === null) {
      if (this.#isStopping) await this.#running;
      if (performance.now() - since_ms > RESUME_MS) throw new Error(`no write was acknowledged for ${RESUME_MS} ms`);
      await sleep(5);
    }
  }

  /** From `since_ms` to the first acknowledgement of a write that was begun after it; null when there is none. */
  firstWrite_ms(since_ms: number): number | null {
    const first = this.#after(since_ms).find(({ isWrite, asked_ms }) => isWrite && asked_ms > since_ms);
    return first === undefined ? null : first.answered_ms - since_ms;
  }

  /** The longest time without an acknowledged write between two moments, over all clients. */
  gap_ms(from_ms: number, to_ms: number): number {
    const within = this.#after(from_ms).filter(({ isWrite, answered_ms }) => isWrite && answered_ms < to_ms);
    const moments = [from_ms, ...within.map(({ answered_ms }) => answered_ms), to_ms];
    return moments.reduce((longest, moment, at) => at === 0 ? 0 : Math.max(longest, moment - moments[at - 1]!), 0);
  }

  /** The latencies of operations that were answered between two moments, for people. */
  latencies(from_ms: number, to_ms: number): string {
    const sorted = this.#after(from_ms).filter(({ answered_ms }) => answered_ms < to_ms)
      .map(({ asked_ms, answered_ms }) => answered_ms - asked_ms).toSorted((a, b) => a - b);
    if (sorted.length === 0) return "no operation";
    const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1);
    return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${sorted.length} operations in ${(to_ms - from_ms).toFixed(0)} ms`;
  }

  /** Lets the operations under way finish. */
  async stop(): Promise<Summary> {
    const stopped_ms = performance.now();
    this.#isStopping = true;
    await this.#running;
    const answered = this.#answers.length - this.#after(stopped_ms).length;
    return {
      operations: this.#answers.length + this.#failed + this.#unknown,
      acknowledgedWrites: this.#answers.filter(({ isWrite }) => isWrite).length,
      failed: this.#failed,
      unknown: this.#unknown,
      throughput: answered / (stopped_ms - this.#started_ms) * 1000,
      longestGap_ms: this.gap_ms(this.#started_ms, stopped_ms),
    };
  }

  /** Reads everything once more through each of these replicas, and checks all that was told since the start. */
  async verify(through: readonly number[]): Promise<void> {
    const reader = this.#options.actors;
    for (const id of through) {
      const client = this.#cluster.client([id]);
      for (const key of REGISTERS) await this.#get(reader, client, key);
      for (const key of COUNTERS) await this.#checkCounter(reader, client, key);
      const there = new Map((await client.range({ prefix: KEPT }).toArray()).map(({ key, value }) => [key, value]));
      const lost = [...this.#kept].filter(([key, value]) => there.get(key) !== value).map(([key]) => key);
      expect(lost, `acknowledged writes that replica ${id} does not have`).toEqual([]);
    }
    expect(this.#registers.judge(KV)).toBe("linearizable");
    expect(this.#counters.judge(COUNTER)).toBe("linearizable");
    expect(this.#kept.size).toBeGreaterThan(0);
  }

  /** What was answered after a moment; the answers stand in the order of their times. */
  #after(since_ms: number): Answer[] {
    return this.#answers.slice(this.#answers.findLastIndex(({ answered_ms }) => answered_ms <= since_ms) + 1);
  }

  async #act(actor: number, own: KVClient<string> | null): Promise<void> {
    const dice = new SeededRandom(actor + 1);
    while (!this.#isStopping) {
      const client = own ?? this.#through(dice);
      if (client !== null) await this.#step(actor, dice, client);
      await sleep(dice.next() * this.#options.pause_ms);
    }
  }

  /** A client of one of the replicas that run at the moment; null when none does. */
  #through(dice: SeededRandom): KVClient<string> | null {
    const running = this.#cluster.running.filter((id) => this.#options.through?.includes(id) ?? true);
    if (running.length === 0) return null;
    const id = running[Math.floor(dice.next() * running.length)]!;
    let client = this.#clients.get(id);
    if (client === undefined) {
      client = this.#cluster.client([id], { deadline_ms: DEADLINE_MS });
      this.#clients.set(id, client);
    }
    return client;
  }

  async #step(actor: number, dice: SeededRandom, client: KVClient<string>): Promise<void> {
    const kind = dice.next();
    const register = REGISTERS[Math.floor(dice.next() * REGISTERS.length)]!;
    const counter = COUNTERS[Math.floor(dice.next() * COUNTERS.length)]!;
    if (kind < 0.3) await this.#get(actor, client, register);
    else if (kind < 0.5) await this.#put(actor, client, register);
    else if (kind < 0.6) await this.#swap(actor, client, register);
    else if (kind < 0.65) await this.#delete(actor, client, register);
    else if (kind < 0.7) await this.#sum(actor, client, counter);
    else if (kind < 0.9) await this.#increment(actor, client, counter);
    else await this.#keep(actor, client);
  }

  async #get(actor: number, client: KVClient<string>, key: string): Promise<void> {
    const what = { f: "get", key, value: null, isWrite: false };
    const read = async (): Promise<string | null> => (await client.get(key))?.value ?? null;
    const value = await this.#do(this.#registers, actor, what, read, (value) => ({ value }));
    if (typeof value === "string") this.#seen.set(`${actor} ${key}`, value);
  }

  /** The sum of a counter; undefined when it could not be read. */
  async #sum(actor: number, client: KVClient<string>, key: string): Promise<number | undefined> {
    const what = { f: "get", key, value: null, isWrite: false };
    const read = async (): Promise<number> => Number((await client.get(key))?.value ?? "0");
    return await this.#do(this.#counters, actor, what, read, (value) => ({ value }));
  }

  async #put(actor: number, client: KVClient<string>, key: string): Promise<void> {
    const value = this.#fresh(actor);
    const what = { f: "put", key, value, isWrite: true };
    await this.#do(this.#registers, actor, what, () => client.put(key, value), () => ({ value }));
  }

  async #swap(actor: number, client: KVClient<string>, key: string): Promise<void> {
    const from = this.#seen.get(`${actor} ${key}`);
    if (from === undefined) return await this.#put(actor, client, key);
    const to = this.#fresh(actor);
    const what = { f: "cas", key, value: [from, to], isWrite: true };
    await this.#do(
      this.#registers,
      actor,
      what,
      () => client.compareAndSet(key, { value: from }, to),
      ({ swapped }) => swapped ? { value: [from, to] } : null,
    );
  }

  async #delete(actor: number, client: KVClient<string>, key: string): Promise<void> {
    const what = { f: "delete", key, value: null, isWrite: true };
    await this.#do(this.#registers, actor, what, () => client.delete(key), ({ deleted }) => ({ value: deleted }));
  }

  async #increment(actor: number, client: KVClient<string>, key: string): Promise<void> {
    const what = { f: "increment", key, value: 1, isWrite: true };
    const tally = this.#tallies.get(key)!;
    const add = async (): Promise<number> => Number(await client.increment(key));
    const sum = await this.#do(this.#counters, actor, what, add, (value) => ({ value }), () => tally.unknown++);
    if (sum !== undefined) tally.acknowledged++;
  }

  async #checkCounter(actor: number, client: KVClient<string>, key: string): Promise<void> {
    const sum = await this.#sum(actor, client, key);
    const { acknowledged, unknown } = this.#tallies.get(key)!;
    const about = `${key}: ${acknowledged} increments acknowledged, ${unknown} of unknown outcome`;
    expect(sum, about).toBeGreaterThanOrEqual(acknowledged);
    expect(sum, about).toBeLessThanOrEqual(acknowledged + unknown);
  }

  /** A key that nobody else writes, and that is never written again. */
  async #keep(actor: number, client: KVClient<string>): Promise<void> {
    const value = this.#fresh(actor);
    const key = `${KEPT}${value}`;
    const what = { f: "put", key, value, isWrite: true };
    const done = await this.#do(this.#registers, actor, what, () => client.put(key, value), () => ({ value }));
    if (done !== undefined) this.#kept.set(key, value);
  }

  #fresh(actor: number): string {
    return `${actor}-${++this.#written}`;
  }

  /** Does an operation and counts how it ended; undefined when it failed. */
  async #do<Result>(
    history: History,
    actor: number,
    what: Recorded,
    action: () => Promise<Result>,
    told: (result: Result) => { readonly value: Value } | null,
    onUnknown: () => void = () => undefined,
  ): Promise<Result | undefined> {
    const asked_ms = performance.now();
    const done = await history.perform(actor, what, action, told);
    if (done.type === "ok") {
      this.#answers.push({ asked_ms, answered_ms: performance.now(), isWrite: what.isWrite });
      return done.value;
    }
    if (done.type === "fail") this.#failed++;
    else {
      this.#unknown++;
      onUnknown();
    }
    return undefined;
  }
}

/** A summary in a line. */
export function summaryText({ operations, acknowledgedWrites, failed, unknown, throughput }: Summary): string {
  return `${operations} operations, ${throughput.toFixed(0)} a second; ${acknowledgedWrites} writes acknowledged, ` +
    `${failed} operations failed, ${unknown} of unknown outcome`;
}
