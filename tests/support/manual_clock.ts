/**
 * A clock that a test moves: turns and timers happen when the test says so, in one fixed order.
 *
 * @module
 */
import type { Clock, Timer } from "../../src/ports/clock.ts";

interface Waiting {
  readonly at: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** Virtual time, and the work that waits for it. */
export class ManualClock implements Clock {
  #now = 1_000_000;
  #wallOffset = 0;
  #deferred: (() => void)[] = [];
  #timers: Waiting[] = [];

  now(): number {
    return this.#now + this.#wallOffset;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delay_ms: number, callback: () => void): Timer {
    const waiting: Waiting = { at: this.#now + delay_ms, callback, isCancelled: false };
    this.#timers.push(waiting);
    return { cancel: () => void (waiting.isCancelled = true) };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Runs the oldest deferred callback; false when there is none. */
  step(): boolean {
    const callback = this.#deferred.shift();
    callback?.();
    return callback !== undefined;
  }

  /** Runs what was deferred until now, and not what that defers: one turn of an event loop. */
  turn(): void {
    for (let left = this.#deferred.length; left > 0; left--) this.step();
  }

  /** Runs deferred callbacks, also those that they defer, until none is left. */
  run(): void {
    for (let count = 0; this.step(); count++) if (count > 1_000_000) throw new Error("deferred calls never end");
  }

  /** Lets time pass: timers that are due fire in order, and what they defer runs. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      this.run();
      this.#timers = this.#timers.filter((timer) => !timer.isCancelled);
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
    this.run();
  }

  /** Sets the wall clock; elapsed time and timers stay as they are. */
  jump(to: number): void {
    this.#wallOffset = to - this.#now;
  }
}
