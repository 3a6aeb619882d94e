import { describe, expect, test } from "vitest";
import { Snapshotter } from "../../src/core/snapshotter.ts";
import type { Log } from "../../src/ports/log.ts";
import { ManualClock } from "../support/manual_clock.ts";

const MIB = 1024 * 1024;
const SLICE = 128 * 1024;

/** A machine of `size` bytes, whose snapshot may tell how far it has come, on a log that takes everything at once. */
class Bench {
  readonly clock = new ManualClock();
  readonly snapshotter: Snapshotter;
  written = 0;
  aborts = 0;
  stored: number[] = [];

  constructor(size: number, tells: boolean) {
    const log: Pick<Log, "writeSnapshot"> = {
      writeSnapshot: (position) => ({
        position,
        write: (slice) => void (this.written += slice.length),
        commit: (done) => done(null),
        abort: () => void this.aborts++,
      }),
    };
    const snapshot = (): ReturnType<ConstructorParameters<typeof Snapshotter>[2]["snapshot"]> => {
      let taken = 0;
      return {
        next: (bytes) => {
          if (taken === size) return null;
          const slice = new Uint8Array(Math.min(bytes, size - taken));
          taken += slice.length;
          return slice;
        },
        ...(tells ? { progress: () => taken / size } : {}),
        close: () => {},
      };
    };
    const options = { snapshotEvery_bytes: 8 * MIB, snapshotSlice_bytes: SLICE };
    this.snapshotter = new Snapshotter(
      log as Log,
      this.clock,
      { snapshot },
      options,
      (at) => void this.stored.push(at),
    );
  }

  /** Lets so much time pass, in steps in which so many bytes are logged. */
  pass(milliseconds: number, logged = 0): void {
    for (let time = 0; time < milliseconds; time += 100) {
      this.clock.advance(100);
      if (this.snapshotter.isDue(logged)) throw new Error("another one is due before this one is done");
    }
  }
}

describe("a snapshot", () => {
  test("of a small state is written at once, a slice a turn", () => {
    const bench = new Bench(MIB, true);
    bench.snapshotter.begin(7);
    bench.clock.run();
    expect([bench.written, bench.stored]).toEqual([MIB, [7]]);
  });

  test("of a large state is written at a steady rate while little is logged", () => {
    const bench = new Bench(65 * MIB, true);
    bench.snapshotter.begin(7);
    bench.clock.run();
    expect(bench.written).toBe(MIB + SLICE);
    bench.pass(1000);
    expect(bench.written).toBe(17 * MIB + SLICE);
    bench.pass(2900);
    expect(bench.stored).toEqual([]);
    bench.pass(200);
    expect([bench.written, bench.stored]).toEqual([65 * MIB, [7]]);
  });

  test("is done long before the next one is due, however much is logged", () => {
    const bench = new Bench(65 * MIB, true);
    bench.snapshotter.begin(7);
    bench.pass(200, MIB);
    // One of the four in which it is to be whole is logged when the last step begins.
    expect(bench.written).toBeGreaterThanOrEqual(65 / 4 * MIB);
    bench.pass(300, MIB);
    expect([bench.written, bench.stored]).toEqual([65 * MIB, [7]]);
  });

  test("is written as fast as it can be when nobody knows how far it has come", () => {
    const bench = new Bench(65 * MIB, false);
    bench.snapshotter.begin(7);
    bench.clock.run();
    expect([bench.written, bench.stored]).toEqual([65 * MIB, [7]]);
  });

  test("that waits for its next slice can be given up, and leaves the next one alone", () => {
    const bench = new Bench(65 * MIB, true);
    bench.snapshotter.begin(7);
    bench.pass(100);
    bench.snapshotter.cancel();
    const { written } = bench;
    bench.pass(1000);
    expect([bench.written, bench.aborts, bench.snapshotter.isBusy]).toEqual([written, 1, false]);
    bench.snapshotter.begin(8);
    bench.clock.run();
    expect(bench.written - written).toBe(MIB + SLICE);
  });
});
