import { describe, expect, test } from "vitest";
import { BUCKET_BOUNDS_SECONDS, Histogram } from "../../../src/server/metrics/histogram.ts";
import { TurnTimer } from "../../../src/server/metrics/turn_timer.ts";
import { ManualClock } from "../../support/manual_clock.ts";

describe("a histogram", () => {
  test("puts every duration into the one bucket whose bounds it is between, the upper bound included", () => {
    for (const [index, bound_seconds] of BUCKET_BOUNDS_SECONDS.entries()) {
      const bound_ms = bound_seconds * 1000;
      for (const [duration_ms, expected] of [[bound_ms, index], [bound_ms * 1.001 + 0.001, index + 1]] as const) {
        const histogram = new Histogram();
        histogram.record(duration_ms);
        expect(histogram.counts.indexOf(1), `${duration_ms} ms`).toBe(expected);
      }
    }
  });

  test("takes what no clock should give", () => {
    const histogram = new Histogram();
    for (const duration_ms of [0, -5, 1e300, Infinity]) histogram.record(duration_ms);
    expect(histogram.counts[0]).toBe(2);
    expect(histogram.counts.at(-1)).toBe(2);
    expect(histogram.count).toBe(4);
  });

  test("adds up", () => {
    const histogram = new Histogram();
    histogram.record(2);
    histogram.record(3, 4);
    expect(histogram.count).toBe(5);
    expect(histogram.sum_seconds).toBeCloseTo(0.014);
  });
});

/** A manual clock that counts how often it is looked at, and lets time pass in the middle of a turn. */
class TurnClock extends ManualClock {
  looks = 0;
  passed_ms = 0;
  override monotonic(): number {
    this.looks++;
    return super.monotonic() + this.passed_ms;
  }
}

describe("the timer of turns", () => {
  test("looks at the clock twice a turn, however many requests there are in it", () => {
    const clock = new TurnClock();
    const turns = new TurnTimer(clock);
    const { since } = turns.recorder(new Histogram());
    for (let turn = 1; turn <= 3; turn++) {
      for (let request = 0; request < 1000; request++) since(turns.now());
      clock.run();
      expect(clock.looks).toBe(2 * turn);
    }
  });

  test("gives what is answered in its own turn the length of the turn", () => {
    const clock = new TurnClock();
    const turns = new TurnTimer(clock);
    const histogram = new Histogram();
    const { since } = turns.recorder(histogram);
    since(turns.now());
    since(turns.now());
    expect(histogram.count).toBe(0);
    clock.passed_ms = 8;
    clock.run();
    expect(histogram.count).toBe(2);
    expect(histogram.sum_seconds).toBeCloseTo(0.016);
  });

  test("gives what is answered in a later turn the time between the two", () => {
    const clock = new ManualClock();
    const turns = new TurnTimer(clock);
    const histogram = new Histogram();
    const { since } = turns.recorder(histogram);
    const begun_ms = turns.now();
    clock.run();
    clock.advance(100);
    since(begun_ms);
    clock.run();
    expect(histogram.count).toBe(1);
    expect(histogram.sum_seconds).toBeCloseTo(0.1);
  });
});
