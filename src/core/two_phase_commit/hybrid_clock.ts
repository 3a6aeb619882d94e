/**
 * The clock that orders transactions: wall time where that goes on, and a counter where it does not. Every time that is
 * heard of another replica pulls it forward, so that a replica whose wall clock is behind does not always come first.
 *
 * Invariant: it never gives a time that it has given or heard before.
 *
 * @module
 */

/** A logical clock that stays near the wall time (Kulkarni et al., "Logical Physical Clocks", 2014, in one number). */
export class HybridClock {
  readonly #wallTime: () => number;
  #latest = 0;

  /** Begins at 0; `wallTime` gives milliseconds and may jump. */
  constructor(wallTime: () => number) {
    this.#wallTime = wallTime;
  }

  /** The highest time given or heard. */
  get latest(): number {
    return this.#latest;
  }

  /** A time above all that were given or heard. */
  tick(): number {
    this.#latest = Math.max(this.#latest + 1, this.#wallTime());
    return this.#latest;
  }

  /** Takes notice of a time. */
  observe(time: number): void {
    if (time > this.#latest) this.#latest = time;
  }
}
