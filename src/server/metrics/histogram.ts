/**
 * A histogram with fixed buckets of doubling width, from 16 microseconds to 16.8 seconds. Durations are what servers have
 * of every order of magnitude, and a bucket is found by counting leading zeros: what is measured on every request must
 * cost next to nothing.
 *
 * @module
 */

/** The exponents of the first and the last upper bound: powers of 2, in microseconds. */
const FIRST_POWER = 4;
const LAST_POWER = 24;

/** The upper bounds of the buckets in seconds; the bucket after the last takes the rest. */
export const BUCKET_BOUNDS_SECONDS: readonly number[] = Array.from(
  { length: LAST_POWER - FIRST_POWER + 1 },
  (_, index) => 2 ** (FIRST_POWER + index) / 1_000_000,
);

/** Counts durations. */
export class Histogram {
  /** How many durations fell into each bucket, those past the last bound at the end. Not cumulative. */
  readonly counts: Float64Array = new Float64Array(BUCKET_BOUNDS_SECONDS.length + 1);
  #sum_ms = 0;

  /** The sum of what was recorded, in seconds. */
  get sum_seconds(): number {
    return this.#sum_ms / 1000;
  }

  /** How many durations were recorded. */
  get count(): number {
    let count = 0;
    for (const each of this.counts) count += each;
    return count;
  }

  /** Records one duration, or so many of the same. Negative ones, which a clock that is set may give, count as 0. */
  record(duration_ms: number, times = 1): void {
    // The upper bound is part of its bucket: 16 µs is in the first, 16.001 µs in the second.
    const micros = Math.min(Math.ceil(duration_ms * 1000), 2 ** 30) - 1;
    const power = micros <= 0 ? 0 : 32 - Math.clz32(micros);
    const index = power <= FIRST_POWER ? 0 : Math.min(power - FIRST_POWER, BUCKET_BOUNDS_SECONDS.length);
    this.counts[index]! += times;
    if (duration_ms > 0) this.#sum_ms += duration_ms * times;
  }
}
