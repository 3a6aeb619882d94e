import { describe, expect, test } from "vitest";
import { Bench, payload } from "./support.ts";

const SIZES = { segmentBytes: 4 * 1024 * 1024, reserveBytes: 64 * 1024 };

/** A log to which records come with slack. */
class SlackBench extends Bench {
  constructor() {
    super(SIZES);
  }

  append(number: number, slack_ms: number, length = 40): void {
    this.log.append(payload(number, length), slack_ms);
    this.clock.run();
  }
}

describe("records whose sync may wait", () => {
  test("share one sync when their time is over", () => {
    const bench = new SlackBench();
    bench.append(1, 4);
    bench.clock.advance(2);
    bench.append(2, 4);
    expect(bench.reported).toEqual([]);
    bench.clock.advance(2);
    expect(bench.reported).toEqual([2]);
    expect(bench.log.status().syncs).toBe(1);
    bench.append(3, 4);
    expect(bench.reported).toEqual([2]);
    bench.clock.advance(4);
    expect(bench.reported).toEqual([2, 3]);
  });

  test("go with the first record that cannot wait", () => {
    const bench = new SlackBench();
    bench.append(1, 4);
    bench.append(2, 0);
    expect(bench.reported).toEqual([2]);
    bench.clock.advance(10);
    expect(bench.log.status().syncs).toBe(1);
  });

  test("wait while a sync is under way, and not for the end of that one alone", () => {
    const bench = new SlackBench();
    bench.log.append(payload(1));
    bench.clock.step();
    bench.log.append(payload(2), 4);
    bench.clock.run();
    expect(bench.reported).toEqual([1]);
    bench.clock.advance(4);
    expect(bench.reported).toEqual([1, 2]);
  });

  test("do not wait when there are many bytes of them", () => {
    const bench = new SlackBench();
    bench.append(1, 4, 200 * 1024);
    expect(bench.reported).toEqual([]);
    bench.append(2, 4, 200 * 1024);
    expect(bench.reported).toEqual([2]);
  });

  test("are synced when the log is closed", () => {
    const bench = new SlackBench();
    bench.append(1, 4);
    expect(bench.close()).toBe(null);
    expect(bench.reported).toEqual([1]);
    bench.open(bench.disk.kill());
    expect(bench.payloads()).toEqual([payload(1)]);
  });
});
