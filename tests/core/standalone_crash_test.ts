/**
 * Standalone over the real log format, the real store and a disk that is crashed: what was acknowledged is there
 * after every crash, in one unbroken run, also when the log before a snapshot has been let go.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyFromText } from "../../src/codec/bytes.ts";
import { NO_EXPIRY, type Operation } from "../../src/core/kv/command.ts";
import { encodeCommand } from "../../src/core/kv/command_codec.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import { Standalone } from "../../src/core/standalone.ts";
import { openDurableLog } from "../../src/log/durable_log.ts";
import type { Log } from "../../src/ports/log.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const COUNTER = keyFromText("counter");

/** One life of a server, from start to crash. */
class Life {
  readonly log: Log;
  readonly store: KVStore = new KVStore();
  readonly server: Standalone;

  constructor(disk: MemoryDisk, clock: ManualClock) {
    const options = { segmentBytes: 4096, reserveBytes: 1024 };
    this.log = openDurableLog({ disk, clock, random: new SeededRandom(1), options });
    this.server = new Standalone({
      log: this.log,
      clock,
      stateMachine: this.store,
      snapshotEvery_bytes: 6000,
      snapshotSlice_bytes: 300,
    });
  }

  /** The run of puts that is in the store; fails when it is not one, or differs from the counter. */
  run(): number {
    const range = this.store.read({
      type: "range",
      start: keyFromText("n/"),
      end: keyFromText("n0"),
      limit: 0,
      reverse: false,
      projection: "entries",
    });
    if (range.type !== "range") throw new Error("no range");
    range.entries.forEach(({ key, entry }, i) => {
      expect(key).toBe(nthKey(i));
      expect(entry.value).toEqual(nthValue(i));
    });
    const counter = this.store.entry(COUNTER);
    const count = counter === undefined ? 0 : Number(new TextDecoder().decode(counter.value));
    expect(count).toBe(range.entries.length);
    return count;
  }
}

const nthKey = (i: number): string => keyFromText(`n/${String(i).padStart(6, "0")}`);
const nthValue = (i: number): Uint8Array => new Uint8Array((i * 37) % 400).fill(i % 256);

/** The nth write: a put and an increment in one transaction, exactly once under the nth sequence of a session. */
function nthWrite(i: number): Uint8Array {
  const operations: Operation[] = [
    {
      type: "put",
      key: keyFromText(`n/${String(i).padStart(6, "0")}`),
      value: nthValue(i),
      expiry: NO_EXPIRY,
      condition: "always",
      returnPrevious: false,
    },
    { type: "increment", key: COUNTER, delta: 1n },
  ];
  return encodeCommand({
    type: "once",
    session: keyFromText("writer"),
    incarnation: null,
    sequence: i + 1,
    acknowledged: Math.max(1, i - 50),
    operation: { type: "txn", compare: [], then: operations, else: [] },
  });
}

describe("Standalone on a disk that is crashed", () => {
  test("keeps everything acknowledged, in one unbroken run, through crashes, snapshots and retries", async () => {
    let snapshots = 0;
    let truncations = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            writes: fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 12 }),
            steps: fc.nat({ max: 40 }),
            keep: fc.infiniteStream(fc.boolean()),
            isPowerFailure: fc.boolean(),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        async (lives) => {
          const clock = new ManualClock();
          let disk = new MemoryDisk(clock);
          let acknowledged = 0;
          let proposed = 0;
          for (const { writes, steps, keep, isPowerFailure } of lives) {
            const life = new Life(disk, clock);
            await life.server.start();
            const recovered = life.run();
            expect(recovered).toBeGreaterThanOrEqual(acknowledged);
            expect(recovered).toBeLessThanOrEqual(proposed);
            // The client does not know what of the unacknowledged got through: it sends all of it again.
            let next = acknowledged;
            proposed = Math.max(proposed, next);
            for (const count of writes) {
              for (let i = 0; i < count; i++) {
                const nth = next++;
                proposed = Math.max(proposed, next);
                life.server.propose(nthWrite(nth), (error) => {
                  if (error === null) acknowledged = Math.max(acknowledged, nth + 1);
                });
              }
              for (let i = 0; i < steps; i++) clock.step();
            }
            snapshots += life.server.status().snapshots;
            if (life.log.firstPosition > 1) truncations++;
            disk = isPowerFailure ? disk.powerOff(() => keep.next().value) : disk.kill();
          }
          const last = new Life(disk, clock);
          await last.server.start();
          expect(last.run()).toBeGreaterThanOrEqual(acknowledged);
        },
      ),
      { numRuns: 150, seed: 20_240_602 },
    );
    expect(snapshots).toBeGreaterThan(20);
    expect(truncations).toBeGreaterThan(10);
  });

  test("recovers to the same hash, sessions included, from a snapshot and the log after it", async () => {
    const clock = new ManualClock();
    const disk = new MemoryDisk(clock);
    const life = new Life(disk, clock);
    await life.server.start();
    for (let i = 0; i < 300; i++) {
      life.server.propose(nthWrite(i), () => {});
      if (i % 7 === 0) clock.run();
    }
    clock.run();
    expect(life.server.status().snapshots).toBeGreaterThan(0);
    const again = new Life(disk.kill(), clock);
    await again.server.start();
    expect(again.log.firstPosition).toBeGreaterThan(1);
    expect(again.store.hash()).toBe(life.store.hash());
  });
});
