import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes } from "../../src/codec/bytes.ts";
import type { SnapshotWriter } from "../../src/ports/log.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { Bench, payload } from "./support.ts";

type Step =
  | { readonly kind: "append"; readonly lengths: readonly number[] }
  | { readonly kind: "turns"; readonly count: number }
  | { readonly kind: "snapshot" }
  | { readonly kind: "truncate" }
  | { readonly kind: "close" }
  | { readonly kind: "kill" }
  | { readonly kind: "failed sync" }
  | { readonly kind: "power failure"; readonly seed: number; readonly kept: number };

const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 120 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 900 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2000, max: 5000 }) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      lengths: fc.array(length, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: "snapshot" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "truncate" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "close" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "kill" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "failed sync" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("power failure" as const),
      seed: fc.integer({ min: 0, max: 0xffff_ffff }),
      kept: fc.constantFrom(0, 0.1, 0.5, 0.9, 1),
    }),
  },
);

/** The matcher for arrays alone takes longer than all the rest together. */
function expectBytes(given: Uint8Array, wanted: Uint8Array): void {
  if (!equalBytes(given, wanted)) expect(given).toEqual(wanted);
}

/** A log, and what should be in it. */
class Checked {
  bench = new Bench();
  /** What was appended, by position; index 0 is not used. */
  appended: Uint8Array[] = [new Uint8Array(0)];
  /** The highest position that any life of the log called durable. */
  durable = 0;
  /** The snapshot that must be there at least, and the content of every one that may be there. */
  stored = 0;
  contents: Map<number, Uint8Array> = new Map();
  #number = 0;

  take(step: Step): void {
    const { bench } = this;
    switch (step.kind) {
      case "append":
        for (const length of step.lengths) {
          if (bench.failures.length > 0) break;
          const one = payload(++this.#number, length);
          try {
            expect(bench.log.append(one)).toBe(this.appended.length);
            this.appended.push(one);
          } catch (error) {
            expect(error).toMatchObject({ code: "closed" });
          }
        }
        break;
      case "turns":
        for (let i = 0; i < step.count; i++) bench.clock.step();
        break;
      case "snapshot":
        this.#snapshot();
        break;
      case "truncate":
        bench.log.truncate(bench.log.lastPosition);
        break;
      case "close":
        bench.close();
        this.#reopen(() => bench.disk.kill());
        break;
      case "kill":
        this.#reopen(() => bench.disk.kill());
        break;
      case "failed sync":
        bench.disk.failingSyncs = 1;
        break;
      case "power failure": {
        const random = new SeededRandom(step.seed);
        this.#reopen(() => bench.disk.powerOff(() => random.next() < step.kept));
        break;
      }
    }
    this.#note();
  }

  #note(): void {
    for (const position of this.bench.reported) this.durable = Math.max(this.durable, position);
  }

  #snapshot(): void {
    const { log } = this.bench;
    const position = log.durablePosition;
    if (position === 0 || position <= this.stored || this.bench.failures.length > 0) return;
    let writer: SnapshotWriter;
    try {
      writer = log.writeSnapshot(position);
    } catch (error) {
      // One is being written already, or the log has failed in this turn.
      expect(error instanceof RangeError || (error as { code?: string }).code === "closed").toBe(true);
      return;
    }
    // The state at a position is always the same.
    const slices = position % 5;
    const content = payload(position, slices * 100);
    this.contents.set(position, content);
    for (let i = 0; i < slices; i++) writer.write(content.subarray(i * 100, i * 100 + 100));
    writer.commit((error) => {
      if (error === null) this.stored = position;
    });
  }

  #reopen(crash: () => Bench["disk"]): void {
    this.#note();
    const { bench } = this;
    const disk = crash();
    bench.open(disk);
    const { log } = bench;
    expect(log.lastPosition).toBeGreaterThanOrEqual(this.durable);
    expect(log.lastPosition).toBeLessThan(this.appended.length);
    expect(log.durablePosition).toBe(log.lastPosition);
    // What the log now calls durable is: the next power failure must not take it back.
    this.durable = log.lastPosition;
    this.appended.length = log.lastPosition + 1;
    const records = log.read(log.firstPosition, Number.POSITIVE_INFINITY);
    expect(records.map((record) => record.position))
      .toEqual(Array.from({ length: log.lastPosition + 1 - log.firstPosition }, (_, i) => log.firstPosition + i));
    for (const { position, payload } of records) expectBytes(payload, this.appended[position]!);
    const snapshot = log.readSnapshot();
    const at = snapshot?.position ?? 0;
    expect(at).toBeGreaterThanOrEqual(this.stored);
    this.stored = at;
    expect(log.firstPosition).toBeLessThanOrEqual(at + 1);
    if (snapshot !== null) {
      expectBytes(concatBytes([...snapshot.slices()]), this.contents.get(at)!);
    }
    expect(disk.list().filter((name) => name.endsWith(".tmp"))).toEqual([]);
  }
}

describe("a log that crashes at any moment", () => {
  test("has everything it called durable, in order, and nothing half or invented", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const checked = new Checked();
        for (const one of steps) checked.take(one);
        checked.take({ kind: "power failure", seed: 1, kept: 0 });
      }),
      { numRuns: 600 },
    );
  });

  test("has it also when it crashes while it is created", () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = new SeededRandom(seed);
      const bench = new Bench();
      // Every file and name of a new log is synced before the log opens, so lose the syncs by going back: crash
      // in each of the states that the disk can have been in.
      const files = bench.disk.list();
      const disk = bench.disk.clone();
      for (const name of files) {
        if (name === "meta") disk.remove(name);
        else if (random.next() < 0.3) disk.remove(name);
        else disk.overwrite(name, disk.bytesOf(name).slice(0, Math.floor(random.next() * 800)));
      }
      bench.open(disk);
      bench.flush(payload(1));
      bench.open(bench.disk.powerOff(() => false));
      expect(bench.payloads()).toEqual([payload(1)]);
    }
  });
});
