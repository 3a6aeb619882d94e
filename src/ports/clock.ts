/**
 * Time, as the core sees it. Nothing inside `src/core`, `src/log` or `src/client` reads a clock or sets a
 * timer of its own: a real process passes the system clock, the simulator a virtual one.
 *
 * @module
 */

/** A timer that can be cancelled; cancelling one that has fired does nothing. */
export interface Timer {
  /** Keeps the timer from firing. */
  cancel(): void;
}

/** Wall time, elapsed time, timers and the end of the current turn. */
export interface Clock {
  /** Wall-clock time in whole milliseconds since the Unix epoch; may jump in either direction. */
  now(): number;

  /** Milliseconds (with a fraction) since an arbitrary start; never goes back. Use it to measure durations. */
  monotonic(): number;

  /** Runs `callback` once, `delay_ms` milliseconds from now at the earliest. A timer keeps no process alive. */
  after(delay_ms: number, callback: () => void): Timer;

  /**
   * Runs `callback` once, when the handlers of the current turn of the event loop are done and before time
   * passes. This is where what arrived together is batched.
   */
  defer(callback: () => void): void;
}
