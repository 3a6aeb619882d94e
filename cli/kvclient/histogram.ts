/**
 * Latencies, counted in buckets whose width grows with the value, as in an HDR histogram: every quantile is
 * exact to within 1/128 of itself, whatever the range, in constant memory.
 *
 * @module
 */

/** Buckets per power of two. */
const RESOLUTION = 128;
/** Values below 2^47 microseconds, more than four years; what is above shares the last bucket. */
const POWERS = 40;
const BUCKETS = (POWERS + 1) * RESOLUTION;

/** Counts whole numbers of microseconds. */
export class Histogram {
  #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /** The largest value, 0 without any. */
  get max(): number {
    return this.#max;
  }

  /** The mean, 0 without any. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** Counts a value. Fractions are rounded; negative values count as 0. */
  record(value: number): void {
    const whole = Math.max(0, Math.round(value));
    this.#counts[bucketOf(whole)]! += 1;
    this.#count++;
    this.#sum += whole;
    this.#max = Math.max(this.#max, whole);
  }

  /** Counts everything that `other` counted. */
  add(other: Histogram): void {
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i]! += other.#counts[i]!;
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** The value that the share `quantile` (0 to 1) of all values does not exceed, 0 without any. */
  quantile(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (let i = 0; i < BUCKETS - 1; i++) {
      seen += this.#counts[i]!;
      if (seen >= rank) return Math.min(highestOf(i), this.#max);
    }
    return this.#max;
  }
}

/** Values below the resolution have a bucket each; above, each power of two has as many. */
function bucketOf(value: number): number {
  if (value < RESOLUTION) return value;
  const power = Math.floor(Math.log2(value)) - Math.log2(RESOLUTION);
  if (power >= POWERS) return BUCKETS - 1;
  const step = Math.floor(value / 2 ** power) - RESOLUTION;
  return (power + 1) * RESOLUTION + step;
}

function highestOf(bucket: number): number {
  if (bucket < RESOLUTION) return bucket;
  const power = Math.floor(bucket / RESOLUTION) - 1;
  return (RESOLUTION + (bucket % RESOLUTION) + 1) * 2 ** power - 1;
}
