/**
 * Clients that write and read through every replica while a test breaks things, and what must hold of what they were
 * told: the history is linearizable, increments counted once, and what was acknowledged is there, on every replica.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { KVClient } from "../../../src/client/kv_client.ts";
import { LiveCheck } from "../../../src/sim/live/live_check.ts";
import { classifyLive, type LiveActor, type LiveClient } from "../../../src/sim/live/live_client.ts";
import type { Kind } from "../../../src/sim/live/kind.ts";
import { COUNTERS } from "../../../src/sim/live/kinds/counter.ts";
import { REGISTERS } from "../../../src/sim/live/kinds/register.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import type { Cluster } from "./cluster.ts";

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

const REGISTER_COUNT = 20;
const COUNTER_COUNT = 5;
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
  readonly #registers = checkOf(REGISTERS, REGISTER_COUNT);
  readonly #counters = checkOf(COUNTERS, COUNTER_COUNT);
  /** The keys of acknowledged writes, each with its value. */
  readonly #kept = new Map<string, string>();
  readonly #answers: Answer[] = [];
  readonly #clients = new Map<number, KVClient<string>>();
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
    for (const [at, id] of through.entries()) {
      const client = this.#cluster.client([id]);
      const reader = actorOf(this.#options.actors + at, client, new SeededRandom(id));
      for (const check of [this.#registers, this.#counters]) {
        expect(await check.reread(reader), `whether replica ${id} shows every ${check.kind.name}`).toBe(true);
      }
      const there = new Map((await client.range({ prefix: KEPT }).toArray()).map(({ key, value }) => [key, value]));
      const lost = [...this.#kept].filter(([key, value]) => there.get(key) !== value).map(([key]) => key);
      expect(lost, `acknowledged writes that replica ${id} does not have`).toEqual([]);
    }
    for (const check of [this.#registers, this.#counters]) {
      await check.finish();
      expect(check.found?.lines.join("\n") ?? "linearizable").toBe("linearizable");
      expect(check.undecided).toBe(0);
    }
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
    const asked_ms = performance.now();
    if (kind < 0.9) {
      const check = kind < 0.65 ? this.#registers : this.#counters;
      const { attempt, isWrite } = await check.step(actorOf(actor, client, dice));
      this.#count(attempt.type, isWrite, asked_ms);
      return;
    }
    // A key that nobody else writes, and that is never written again.
    const value = `${actor}-${++this.#written}`;
    const key = `${KEPT}${value}`;
    try {
      await client.put(key, value);
      this.#kept.set(key, value);
      this.#count("ok", true, asked_ms);
    } catch (error) {
      this.#count(classifyLive(error, true), true, asked_ms);
    }
  }

  #count(type: "ok" | "fail" | "info", isWrite: boolean, asked_ms: number): void {
    if (type === "ok") this.#answers.push({ asked_ms, answered_ms: performance.now(), isWrite });
    else if (type === "fail") this.#failed++;
    else this.#unknown++;
  }
}

/** A check of subjects that are kept in memory and in use from the first to the last operation. */
function checkOf(kind: Kind, subjects: number): LiveCheck {
  const start_ms = performance.now();
  const clock = { monotonic: (): number => performance.now() - start_ms };
  return new LiveCheck({ kind, prefix: "", subjects, lifetime: Infinity, clock, dice: new SeededRandom(0) });
}

function actorOf(id: number, client: KVClient<string>, dice: SeededRandom): LiveActor {
  const live: LiveClient = {
    write: (operation) => client.execute(operation),
    read: (operation) => client.execute(operation),
  };
  return { id, client: live, dice };
}

/** A summary in a line. */
export function summaryText({ operations, acknowledgedWrites, failed, unknown, throughput }: Summary): string {
  return `${operations} operations, ${throughput.toFixed(0)} a second; ${acknowledgedWrites} writes acknowledged, ` +
    `${failed} operations failed, ${unknown} of unknown outcome`;
}
