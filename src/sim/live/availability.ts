/**
 * How well clients were served over time, in memory that does not grow: whether each second had a success, and the
 * longest time without one.
 *
 * @module
 */

/** Length of a window. */
const WINDOW_MS = 1000;

/** What came of a stretch of time. */
export interface Served {
  /** The longest time without a success, in milliseconds. */
  readonly longestGap_ms: number;
  /** How many windows of one second there were, the last one, if it is not whole, not among them. */
  readonly windows: number;
  /** In how many of them something succeeded. */
  readonly windowsServed: number;
}

/** Counts from a moment on. */
export class Availability {
  readonly #start_ms: number;
  #last_ms: number;
  #longest_ms = 0;
  /** The window of the last success, and how many before it had one. */
  #window = -1;
  #served = 0;

  /** Times are in milliseconds of any clock that does not go back. */
  constructor(start_ms: number) {
    this.#start_ms = start_ms;
    this.#last_ms = start_ms;
  }

  /** An operation succeeded. */
  succeeded(at_ms: number): void {
    this.#longest_ms = Math.max(this.#longest_ms, at_ms - this.#last_ms);
    this.#last_ms = at_ms;
    const window = Math.floor((at_ms - this.#start_ms) / WINDOW_MS);
    if (window === this.#window) return;
    if (this.#window >= 0) this.#served++;
    this.#window = window;
  }

  /** The figures at the end. */
  until(end_ms: number): Served {
    const windows = Math.floor((end_ms - this.#start_ms) / WINDOW_MS);
    return {
      longestGap_ms: Math.max(this.#longest_ms, end_ms - this.#last_ms),
      windows,
      windowsServed: this.#served + (this.#window >= 0 && this.#window < windows ? 1 : 0),
    };
  }
}
