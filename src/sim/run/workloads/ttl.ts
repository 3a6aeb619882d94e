/**
 * Keys that go by themselves: never before their time by the log, never seen after it, and gone in the end by an
 * event in the log.
 *
 * @module
 */
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, between, pick, sleep, type Workload } from "../workload.ts";

/** How long the last keys may take to go, in virtual milliseconds, once their time has come. */
const GRACE_MS = 3000;
/** A wall clock that was set back may keep keys for longer than a run waits. */
const PATIENCE_MS = 30_000;
const STEP_MS = 250;

interface Mortal {
  readonly key: string;
  /** The key may not go before this log time. */
  readonly earliest: number;
  /** It must not be seen from this log time on. */
  readonly latest: number;
}

/** Checked by the log time that the servers themselves reached. */
export class TtlWorkload implements Workload {
  readonly name = "ttl";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #alive: Mortal[] = [];
  readonly #gone: Mortal[] = [];
  #made = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
  }

  async step(actor: Actor): Promise<void> {
    const { dice } = actor;
    if (this.#alive.length === 0 || dice.next() < 0.4) return await this.#put(actor);
    if (this.#gone.length > 0 && dice.next() < 0.1) return await this.#readGone(actor, pick(dice, this.#gone));
    await this.#read(actor, pick(dice, this.#alive));
  }

  async finish(actor: Actor): Promise<void> {
    const { clock, serverNow, truth, violations } = this.#arena;
    // Those that are gone, too: a read misses a key once its time has come, the event in the log follows.
    const last = [...this.#alive, ...this.#gone].reduce((latest, mortal) => Math.max(latest, mortal.latest), 0);
    const until_ms = clock.monotonic() + PATIENCE_MS;
    while (serverNow() < last + GRACE_MS) {
      if (clock.monotonic() > until_ms) return;
      await sleep(clock, STEP_MS);
    }
    for (const mortal of [...this.#alive]) {
      await this.#read(actor, mortal);
      if (this.#alive.includes(mortal)) {
        violations.report(this.name, `${mortal.key} is still there ${GRACE_MS} ms after its time`);
      }
    }
    for (const { key } of this.#gone) {
      if (!truth.hasExpired(key)) violations.report(this.name, `${key} went without an event in the log`);
    }
  }

  check(): void {
    // Every read was checked when it ended.
  }

  async #put(actor: Actor): Promise<void> {
    const { truth } = this.#arena;
    const key = `ttl/${++this.#made}`;
    const ttl_ms = between(actor.dice, 50, 3000);
    const earliest = truth.time + ttl_ms;
    const what = { f: "put", key, value: `${ttl_ms}`, isWrite: true };
    const done = await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.put(key, "mortal", { ttl_ms }),
      () => ({ value: `${ttl_ms}` }),
    );
    if (done.type === "ok") this.#alive.push({ key, earliest, latest: truth.time + ttl_ms });
  }

  async #read(actor: Actor, mortal: Mortal): Promise<void> {
    const { truth, violations } = this.#arena;
    const { key, earliest } = mortal;
    const before = truth.time;
    const entry = await this.#get(actor, key);
    if (entry === undefined) return;
    if (entry === null) {
      if (truth.time < earliest) violations.report(this.name, `${key} went before ${earliest}, at ${truth.time}`);
      const index = this.#alive.indexOf(mortal);
      if (index >= 0) this.#gone.push(...this.#alive.splice(index, 1));
      return;
    }
    const { expiresAt_ms } = entry;
    if (expiresAt_ms === null || expiresAt_ms < earliest || expiresAt_ms > mortal.latest) {
      violations.report(this.name, `${key} is to go at ${expiresAt_ms}; it is ${earliest} to ${mortal.latest}`);
    } else if (expiresAt_ms <= before) {
      violations.report(this.name, `${key} was seen at log time ${before}, it was to go at ${expiresAt_ms}`);
    }
  }

  async #readGone(actor: Actor, { key }: Mortal): Promise<void> {
    const entry = await this.#get(actor, key);
    if (entry !== undefined && entry !== null) this.#arena.violations.report(this.name, `${key} has come back`);
  }

  /** The entry, or undefined when the read failed. */
  async #get(actor: Actor, key: string): Promise<{ readonly expiresAt_ms: number | null } | null | undefined> {
    const what = { f: "get", key, value: null, isWrite: false };
    const read = await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.get(key),
      (entry) => ({ value: entry?.value ?? null }),
    );
    return read.type === "ok" ? read.value : undefined;
  }
}
