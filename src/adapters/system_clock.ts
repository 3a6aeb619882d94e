/**
 * The clock of a real process.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";

/** Node and Bun hand out a timer object; a timer that is not unreferenced would keep the process alive. */
interface Unreferable {
  unref?(): unknown;
}

/** Wall time from `Date.now`, elapsed time from `performance.now`, timers that keep no process alive. */
export const systemClock: Clock = {
  now(): number {
    return Date.now();
  },

  monotonic(): number {
    return performance.now();
  },

  after(delay_ms: number, callback: () => void): Timer {
    const timer = setTimeout(callback, delay_ms);
    (timer as Unreferable).unref?.();
    return { cancel: () => clearTimeout(timer) };
  },

  defer(callback: () => void): void {
    setImmediate(callback);
  },
};
