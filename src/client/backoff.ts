/**
 * How long to wait before the next attempt. Exponential with jitter, so that clients which lost one server
 * together do not come back together (M. Brooker, "Exponential Backoff And Jitter", 2015: "equal jitter").
 *
 * @module
 */
import type { Random } from "../ports/random.ts";

/** The first and the longest wait. */
export interface BackoffOptions {
  /** The wait after the first failure, before jitter. @default 20 */
  readonly base_ms?: number;
  /** The longest wait. @default 2000 */
  readonly max_ms?: number;
  /** How many failures cost no wait: there are other servers to try first. @default 0 */
  readonly free?: number;
}

/** Counts failures in a row and says how long each one costs. */
export class Backoff {
  #random: Random;
  #base_ms: number;
  #max_ms: number;
  #free: number;
  #failures = 0;

  constructor(random: Random, options: BackoffOptions = {}) {
    this.#random = random;
    this.#base_ms = options.base_ms ?? 20;
    this.#max_ms = options.max_ms ?? 2000;
    this.#free = options.free ?? 0;
  }

  /** Records a failure and returns the milliseconds to wait before the next attempt. */
  fail(): number {
    this.#failures++;
    const paid = this.#failures - this.#free;
    if (paid <= 0) return 0;
    const full = Math.min(this.#max_ms, this.#base_ms * 2 ** Math.min(paid - 1, 30));
    return full / 2 + this.#random.next() * (full / 2);
  }

  /** An attempt succeeded: the next failure is the first again. */
  reset(): void {
    this.#failures = 0;
  }
}
