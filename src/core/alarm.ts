/**
 * One timer for many deadlines: it is set to the earliest, and set anew only when that comes nearer. A deadline that
 * has moved away is found out when the timer fires, which costs less than a timer for every sign of life.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";

/** The least delay, so that a deadline that has passed does not keep a turn from ending. */
const LEAST_MS = 1;

/** Calls back when the earliest deadline has come, or sooner. */
export class Alarm {
  readonly #clock: Clock;
  readonly #callback: () => void;
  #timer: Timer | null = null;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, callback: () => void) {
    this.#clock = clock;
    this.#callback = callback;
  }

  /** Sees to it that the callback is called by `deadline`, in milliseconds of the monotonic clock; `Infinity` for never. */
  set(deadline: number): void {
    if (deadline === Number.POSITIVE_INFINITY || this.#timer !== null && this.#at <= deadline) return;
    this.cancel();
    this.#at = deadline;
    this.#timer = this.#clock.after(Math.max(deadline - this.#clock.monotonic(), LEAST_MS), () => {
      this.#timer = null;
      this.#callback();
    });
  }

  /** Forgets the deadline. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
