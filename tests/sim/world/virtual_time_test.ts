import { describe, expect, test } from "vitest";
import { ProcessClock, VirtualTime } from "../../../src/sim/world/virtual_time.ts";

function runAll(time: VirtualTime): void {
  while (time.step(Number.POSITIVE_INFINITY));
}

describe("virtual time", () => {
  test("passes from event to event, and what is deferred runs before it does", () => {
    const time = new VirtualTime();
    const seen: string[] = [];
    time.after(5, () => void seen.push(`b at ${time.now_us}`));
    time.after(5, () => void seen.push(`c at ${time.now_us}`));
    time.after(2, () => {
      seen.push(`a at ${time.now_us}`);
      time.defer(() => {
        seen.push(`deferred at ${time.now_us}`);
        time.defer(() => void seen.push("deferred again"));
      });
    });
    expect(time.step(1)).toBe(false);
    runAll(time);
    expect(seen).toEqual(["a at 2", "deferred at 2", "deferred again", "b at 5", "c at 5"]);
  });

  test("timers are never early, and can be cancelled", () => {
    const time = new VirtualTime();
    const clock = new ProcessClock(time);
    const seen: number[] = [];
    clock.after(1.0001, () => void seen.push(clock.monotonic()));
    clock.after(1, () => void seen.push(-1)).cancel();
    runAll(time);
    expect(seen).toEqual([1.001]);
  });
});

describe("the clock of a process", () => {
  test("may count monotonic time too slowly, and its timers with it, and never early", () => {
    const time = new VirtualTime();
    const clock = new ProcessClock(time, null, 0, 0.5);
    const seen: (readonly [number, number])[] = [];
    const wall = clock.now();
    clock.after(10, () => void seen.push([time.now_us, clock.monotonic()]));
    runAll(time);
    expect(seen).toEqual([[20_000, 10]]);
    expect(clock.now() - wall).toBe(20);
  });

  test("calls nothing after the process has died, and hides what a dying turn throws", () => {
    const time = new VirtualTime();
    const clock = new ProcessClock(time);
    const seen: string[] = [];
    clock.after(2, () => void seen.push("late"));
    clock.after(1, () => {
      clock.defer(() => void seen.push("deferred"));
      clock.kill();
      throw new Error("half of a turn");
    });
    runAll(time);
    expect(seen).toEqual([]);
  });

  test("lets a living process throw", () => {
    const time = new VirtualTime();
    new ProcessClock(time).after(1, () => {
      throw new Error("a bug");
    });
    expect(() => runAll(time)).toThrow("a bug");
  });

  test("delays everything by a pause and keeps its order, also when the pause is changed", () => {
    const time = new VirtualTime();
    const clock = new ProcessClock(time);
    const seen: string[] = [];
    for (const at_ms of [1, 2, 3, 10, 11]) clock.after(at_ms, () => void seen.push(`${at_ms} at ${clock.monotonic()}`));
    clock.pause(10_000);
    time.after(2500, () => clock.pause(5000));
    runAll(time);
    expect(seen).toEqual(["1 at 5", "2 at 5", "3 at 5", "10 at 10", "11 at 11"]);
    expect(clock.isPaused).toBe(false);
  });

  test("moves wall time and not elapsed time by a jump", () => {
    const time = new VirtualTime();
    const clock = new ProcessClock(time);
    const before = clock.now();
    clock.jump(-60_000);
    expect(clock.now()).toBe(before - 60_000);
    expect(clock.monotonic()).toBe(0);
  });
});
