/**
 * What a check counts while it goes on, in memory that does not grow.
 *
 * @module
 */
import type { KvError } from "../../src/core/errors.ts";
import { Availability, type Served } from "../../src/sim/live/availability.ts";
import type { Attempt } from "../../src/sim/run/attempts.ts";
import { Histogram } from "./histogram.ts";

/** When an operation began and ended; late ones ended when the load was over, and say nothing of how it was served. */
export interface Timing {
  readonly asked_ms: number;
  readonly ended_ms: number;
  readonly isLate: boolean;
}

/** Counts how operations ended, and how soon. */
export class CheckFigures {
  readonly latency_us: Histogram = new Histogram();
  readonly #start_ms: number;
  readonly #any: Availability;
  readonly #writes: Availability;
  /** Done; refused by what was found, as a compare-and-set may be; surely not done; of unknown outcome. */
  ok = 0;
  unmet = 0;
  refused = 0;
  unknown = 0;
  firstError: KvError | null = null;

  /** Counts from this moment on. */
  constructor(start_ms: number) {
    this.#start_ms = start_ms;
    this.#any = new Availability(start_ms);
    this.#writes = new Availability(start_ms);
  }

  /** How many operations were answered. */
  get answered(): number {
    return this.ok + this.unmet;
  }

  /** Takes an operation that has ended. */
  add(attempt: Attempt<unknown>, isWrite: boolean, { asked_ms, ended_ms, isLate }: Timing): void {
    if (attempt.type === "ok") {
      if (attempt.value === null) this.unmet++;
      else this.ok++;
      this.latency_us.record((ended_ms - asked_ms) * 1000);
      if (!isLate) this.#any.succeeded(ended_ms);
      if (!isLate && isWrite) this.#writes.succeeded(ended_ms);
      return;
    }
    if (attempt.type === "info") this.unknown++;
    else this.refused++;
    // Whoever classifies errors takes nothing else.
    this.firstError ??= attempt.error as KvError;
  }

  /** How well clients were served in so long a time: by any operation, and by writes. */
  served(elapsed_ms: number): { readonly any: Served; readonly writes: Served } {
    const end_ms = this.#start_ms + elapsed_ms;
    return { any: this.#any.until(end_ms), writes: this.#writes.until(end_ms) };
  }
}
