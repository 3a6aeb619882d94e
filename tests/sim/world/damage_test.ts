import { describe, expect, test } from "vitest";
import { openDurableLog } from "../../../src/log/durable_log.ts";
import { LogError } from "../../../src/ports/log.ts";
import { damageDisk, mayDamage } from "../../../src/sim/world/damage.ts";
import { SimDisk } from "../../../src/sim/world/sim_disk.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { ProcessClock, VirtualTime } from "../../../src/sim/world/virtual_time.ts";

describe("a disk may be damaged", () => {
  test("as long as no more than a minority is", () => {
    const none = new Set<number>();
    expect(mayDamage(3, 1, none, 0)).toBe(true);
    expect(mayDamage(3, 1, new Set([1]), 0)).toBe(false);
    expect(mayDamage(5, 2, new Set([1]), 0)).toBe(true);
    expect(mayDamage(5, 2, new Set([1, 2]), 0)).toBe(false);
    expect(mayDamage(4, 2, new Set([1]), 0)).toBe(false);
  });

  test("again, when it has been already: there is no good copy left on it", () => {
    expect(mayDamage(3, 1, new Set([1]), 1)).toBe(true);
  });

  test("not when it has the only copy, or the protocol goes on without nobody", () => {
    expect(mayDamage(1, 0, new Set(), 0)).toBe(false);
    expect(mayDamage(1, 1, new Set(), 0)).toBe(false);
    expect(mayDamage(2, 1, new Set(), 0)).toBe(false);
    expect(mayDamage(5, 0, new Set(), 0)).toBe(false);
  });

  test("however the damage falls, so that a majority keeps good copies", () => {
    for (const replicas of [1, 2, 3, 4, 5, 6, 7]) {
      const damaged = new Set<number>();
      for (let victim = 0; victim < replicas; victim++) {
        if (mayDamage(replicas, replicas, damaged, victim)) damaged.add(victim);
      }
      expect(replicas - damaged.size).toBeGreaterThan(replicas / 2);
    }
  });
});

const SIZES = { segmentBytes: 1024, reserveBytes: 1024 };

class Machine {
  readonly time = new VirtualTime();
  readonly disk: SimDisk;
  readonly #random: SimRandom;

  constructor(seed: number) {
    this.#random = new SimRandom(seed);
    const observer = { onSyncPoint: () => {}, onFault: () => {}, onSynced: () => {} };
    this.disk = new SimDisk("disk-1", this.time, this.#random.fork("disk"), observer);
  }

  /** Appends a few records in flushes of their own, loses power, and says how many were durable. */
  live(): number {
    const clock = new ProcessClock(this.time);
    const log = openDurableLog({ disk: this.disk.mount(clock), clock, random: this.#random, options: SIZES });
    log.listen({ onDurable: () => {}, onFailure: () => {} });
    for (let flush = 0; flush < 12; flush++) {
      const records = this.#random.between(1, 8);
      for (let record = 0; record < records; record++) log.append(this.#random.bytes(this.#random.below(120)));
      this.time.drain();
      while (this.time.step(Number.POSITIVE_INFINITY));
    }
    clock.kill();
    this.disk.losePower(0);
    return log.durablePosition;
  }

  /** How many records the log has when it is opened again, or why it is not. */
  reopen(): number | string {
    const clock = new ProcessClock(this.time);
    try {
      return openDurableLog({ disk: this.disk.mount(clock), clock, random: this.#random, options: SIZES }).lastPosition;
    } catch (error) {
      if (error instanceof LogError) return error.code;
      throw error;
    }
  }
}

describe("damage to a disk", () => {
  test.each(["bitRot", "misdirectedWrite"] as const)("by %s is found or harmless, and never cut off", (kind) => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= 300; seed++) {
      const machine = new Machine(seed);
      const durable = machine.live();
      expect(durable).toBeGreaterThan(10);
      const damage = damageDisk(machine.disk, new SimRandom(seed), kind);
      const found = machine.reopen();
      if (typeof found === "number") expect({ seed, found }).toEqual({ seed, found: durable });
      const outcome = `${damage === null ? "spared" : "damaged"}: ${typeof found === "number" ? "opens" : found}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(outcomes.get("damaged: damaged")).toBeGreaterThan(100);
    expect(outcomes.has("spared: damaged")).toBe(false);
  });

  test("strikes nothing on an empty disk", () => {
    expect(damageDisk(new Machine(1).disk, new SimRandom(1), "bitRot")).toBeNull();
  });
});
