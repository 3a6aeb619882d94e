/**
 * Operations at a rate of one's choice, whether or not earlier ones have been answered: what many clients do that know
 * nothing of each other. A load that waits for answers before it asks for more slows down with its server, and so leaves
 * out the waiting that others would have had ("coordinated omission", G. Tene).
 *
 * Invariant: an operation is timed from when it was meant to be issued, not from when it could be.
 *
 * @module
 */
import type { Terminal } from "../terminal.ts";

/** What paces an open loop. */
export type Pace = Pick<Terminal, "monotonic" | "sleep" | "turn">;

/** How fast, and how long. */
export interface OpenLoop {
  readonly rate_per_s: number;
  readonly duration_ms: number;
  readonly signal: AbortSignal;
}

/** A timer may be late by about this much: what is due sooner is waited for without one. */
const TIMER_MS = 2;

/**
 * Calls `issue` at an even rate with the number of the operation and the time at which it is meant to begin, and waits for
 * all of them. Returns the time that they took together, in milliseconds.
 */
export async function openLoop(
  pace: Pace,
  { rate_per_s, duration_ms, signal }: OpenLoop,
  issue: (number: number, intended_ms: number) => Promise<void>,
): Promise<number> {
  const gap_ms = 1000 / rate_per_s;
  const total = Math.max(1, Math.round(duration_ms / gap_ms));
  const since_ms = pace.monotonic();
  const underWay = new Set<Promise<void>>();
  for (let next = 0; next < total && !signal.aborted;) {
    const now_ms = pace.monotonic();
    for (; next < total && since_ms + next * gap_ms <= now_ms; next++) {
      const operation: Promise<void> = issue(next, since_ms + next * gap_ms).finally(() => underWay.delete(operation));
      underWay.add(operation);
    }
    const wait_ms = since_ms + next * gap_ms - now_ms;
    if (wait_ms > TIMER_MS) await pace.sleep(wait_ms - TIMER_MS, signal);
    else await pace.turn();
  }
  await Promise.all(underWay);
  return pace.monotonic() - since_ms;
}
