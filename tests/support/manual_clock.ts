/** A clock that stands still until a test moves it: timers and deferred calls run inside `advance` and `turn`. */
import type { Clock, Timer } from "../../src/ports/clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  cancelled: boolean;
}

/** A {@link Clock} moved by hand. Both of its times start at 1,000,000 ms. */
export class ManualClock implements Clock {
  #elapsed = 1_000_000;
  #wallOffset = 0;
  #order = 0;
  #deferred: (() => void)[] = [];
  #timers: Pending[] = [];

  now(): number {
    return this.#elapsed + this.#wallOffset;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delay_ms: number, callback: () => void): Timer {
    const timer: Pending = { at: this.#elapsed + delay_ms, order: this.#order++, callback, cancelled: false };
    this.#timers.push(timer);
    return { cancel: () => void (timer.cancelled = true) };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Ends the turn: runs what was deferred, and what that defers, until nothing is. */
  turn(): void {
    for (let rounds = 0; this.#deferred.length > 0; rounds++) {
      if (rounds > 10_000) throw new Error("deferred calls never end");
      const batch = this.#deferred;
      this.#deferred = [];
      for (const callback of batch) callback();
    }
  }

  /** Moves time on, running timers in order and ending a turn after each. */
  advance(duration_ms: number): void {
    this.turn();
    const end = this.#elapsed + duration_ms;
    for (;;) {
      this.#timers = this.#timers.filter((timer) => !timer.cancelled);
      const next = this.#timers.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined || next.at > end) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.callback();
      this.turn();
    }
    this.#elapsed = end;
    this.turn();
  }

  /** Sets the wall clock; elapsed time and timers stay as they are. */
  jump(to: number): void {
    this.#wallOffset = to - this.#elapsed;
  }
}
