/**
 * Locks around a number that is read and written back one higher: what a lock is for. Every write is fenced by the token
 * of its lock.
 *
 * Checked against the events of the log: tokens never go down, and no write is lost or done over. Where no clock jumps
 * nobody holds a lock, by its own clock, while another does.
 *
 * @module
 */
import type { Lock } from "../../../client/locks/lock.ts";
import { op } from "../../../client/txn_builder.ts";
import { bytesToText } from "../../../codec/bytes.ts";
import { KvError } from "../../../core/errors.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, between, pick, sleep, type Workload } from "../workload.ts";

/** The share of the times when a holder takes longer than its lock lasts when nobody refreshes it. */
const SLOW_SHARE = 0.1;
const TRY_SHARE = 0.2;
/** Locks of clients that are gone may stay for as long as a server's clock was set back. */
const PATIENCE_MS = 20_000;

/** When somebody held a lock, by its own clock: in virtual milliseconds. */
interface Tenure {
  readonly token: number;
  readonly from_ms: number;
  until_ms: number;
}

/** Checked by fencing tokens, and by who held what when. */
export class LockWorkload implements Workload {
  readonly name = "lock";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #names: readonly string[];
  readonly #tenures = new Map<string, Tenure[]>();
  readonly #last = new Map<string, string>();

  constructor(arena: Arena, locks: number) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
    this.#names = Array.from({ length: locks }, (_, index) => `lock/${index}`);
  }

  async step(actor: Actor): Promise<void> {
    const name = pick(actor.dice, this.#names);
    const lock = await this.#take(actor, name);
    if (lock === null) return;
    const { clock } = this.#arena;
    const tenure: Tenure = { token: lock.token, from_ms: clock.monotonic(), until_ms: Infinity };
    const end = (): void => void (tenure.until_ms = Math.min(tenure.until_ms, clock.monotonic()));
    lock.signal.addEventListener("abort", end);
    this.#tenures.set(name, [...this.#tenures.get(name) ?? [], tenure]);
    // A write whose end is unknown may yet be done, and the lock keeps no holder from itself.
    let count = between(actor.dice, 1, 3);
    while (count-- > 0 && await this.#increment(actor, name, lock));
    end();
    await lock.release().catch((error: unknown) => this.#expect(error));
  }

  async finish(actor: Actor): Promise<void> {
    for (const name of this.#names) {
      await this.#incrementOnce(actor, name);
      this.#last.set(name, (await actor.client.get(numberOf(name)))?.value ?? "0 by 0");
    }
  }

  check(): void {
    const { hasSteadyClocks = false, truth, violations } = this.#arena;
    if (hasSteadyClocks) this.#checkTenures();
    for (const name of this.#names) {
      let [number, token] = [0, 0];
      for (const { key, entry, revision } of truth.events.filter(({ key }) => key === numberOf(name))) {
        const [written = 0, by = 0] = bytesToText(entry.value).split(" by ").map(Number);
        if (by < token) {
          violations.report(this.name, `${key} was written with the token ${by} after ${token}, at ${revision}`);
        }
        if (written !== number + 1) {
          violations.report(this.name, `${key} went from ${number} to ${written}, at ${revision}`);
        }
        [number, token] = [written, by];
      }
      const last = this.#last.get(name);
      if (last !== undefined && last !== `${number} by ${token}`) {
        violations.report(this.name, `${numberOf(name)} is ${last} in the end; in the log it is ${number} by ${token}`);
      }
    }
  }

  #checkTenures(): void {
    for (const [name, tenures] of this.#tenures) {
      const inOrder = [...tenures].sort((a, b) => a.from_ms - b.from_ms);
      for (const [index, { token, from_ms }] of inOrder.entries()) {
        const before = inOrder[index - 1];
        if (before === undefined || (before.until_ms <= from_ms && before.token < token)) continue;
        const first = `with ${before.token} until ${before.until_ms}`;
        this.#arena.violations.report(this.name, `${name} was held ${first}, and with ${token} from ${from_ms}`);
      }
    }
  }

  async #take({ client, dice }: Actor, name: string): Promise<Lock | null> {
    const ttl_ms = between(dice, 200, 2000);
    try {
      if (dice.next() < TRY_SHARE) return await client.tryLock(name, { ttl_ms });
      return await client.lock(name, { ttl_ms, wait_ms: between(dice, 100, 5000) });
    } catch (error) {
      this.#expect(error);
      return null;
    }
  }

  async #incrementOnce(actor: Actor, name: string): Promise<void> {
    try {
      await using lock = await actor.client.lock(name, { ttl_ms: 5000, wait_ms: PATIENCE_MS });
      await this.#increment(actor, name, lock);
    } catch (error) {
      this.#expect(error);
    }
  }

  /** Reads the number, thinks about it for a while, and writes it back; whether all of that was done. */
  async #increment(actor: Actor, name: string, lock: Lock): Promise<boolean> {
    const { client, dice } = actor;
    const key = numberOf(name);
    const what = { f: "locked increment", key, value: lock.token, isWrite: true };
    const { type } = await this.recorder.perform(actor.id, what, async () => {
      const number = Number((await client.get(key))?.value.split(" by ")[0] ?? "0");
      await sleep(this.#arena.clock, dice.next() < SLOW_SHARE ? between(dice, 500, 5000) : dice.next() * 20);
      const value = `${number + 1} by ${lock.token}`;
      return (await client.txn({ compare: [lock.fence], then: [op.put(key, value)] })).succeeded;
    }, (isWritten) => isWritten ? { value: lock.token } : null);
    return type === "ok";
  }

  /** Throws what no client may meet. */
  #expect(error: unknown): void {
    if (!(error instanceof KvError) || error.code === "INVALID_ARGUMENT") throw error;
  }
}

function numberOf(name: string): string {
  return `number/${name}`;
}
