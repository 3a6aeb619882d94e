/**
 * How long to wait before something is said again: what nobody answers is said less and less often, and not by everybody at
 * the same time.
 *
 * @module
 */

/** The longest time between two attempts. */
const MOST_BACKOFF_MS = 2000;

/**
 * How long to wait after so many attempts without an answer, in milliseconds: twice as long each time, and spread by
 * `random` in [0, 1).
 */
export function backoff_ms(retry_ms: number, attempts: number, random: number): number {
  return Math.min(retry_ms * 2 ** Math.min(attempts, 20), MOST_BACKOFF_MS) * (1 + random / 2);
}
