/**
 * The time of a turn of the event loop. Whatever is measured in one turn shares two looks at the clock, one at its
 * begin and one at its end, however many requests it has.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { Histogram } from "./histogram.ts";

/** What is recorded in a histogram once the length of the present turn is known. */
interface Tally {
  readonly histogram: Histogram;
  count: number;
}

/** A way to record in one histogram. */
export interface TurnRecorder {
  /**
   * Records the time since a moment that {@link TurnTimer.now} gave. What began in the present turn lasts until
   * the end of it: its answer leaves no sooner.
   */
  since(begun_ms: number): void;
}

/** Tells the time once a turn. */
export class TurnTimer {
  readonly #clock: Clock;
  readonly #tallies: Tally[] = [];
  #now_ms = 0;
  #isFresh = false;
  readonly #end = (): void => {
    this.#isFresh = false;
    let length_ms = -1;
    for (const tally of this.#tallies) {
      if (tally.count === 0) continue;
      if (length_ms < 0) length_ms = this.#clock.monotonic() - this.#now_ms;
      tally.histogram.record(length_ms, tally.count);
      tally.count = 0;
    }
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The monotonic time at which somebody first asked in this turn, in milliseconds. */
  now(): number {
    if (!this.#isFresh) {
      this.#isFresh = true;
      this.#now_ms = this.#clock.monotonic();
      this.#clock.defer(this.#end);
    }
    return this.#now_ms;
  }

  /** A way to record durations in `histogram`. */
  recorder(histogram: Histogram): TurnRecorder {
    const tally: Tally = { histogram, count: 0 };
    this.#tallies.push(tally);
    return {
      since: (begun_ms) => {
        const now_ms = this.now();
        if (now_ms === begun_ms) tally.count++;
        else histogram.record(now_ms - begun_ms);
      },
    };
  }
}
