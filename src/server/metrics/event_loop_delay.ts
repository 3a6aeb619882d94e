/**
 * How late the event loop is. A timer asks to be woken at short intervals, and how much later it is woken is what
 * anybody else has to wait, too.
 *
 * The runtimes' own `monitorEventLoopDelay` is not used: it keeps quantiles, which cannot be added up over time or over
 * servers, and not every runtime has it.
 *
 * @module
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Histogram } from "./histogram.ts";

/** How often it looks. */
const INTERVAL_MS = 50;

/** Records the delay in `histogram` until the result is called. */
export function watchEventLoop(clock: Clock, histogram: Histogram): () => void {
  let timer: Timer | null = null;
  let isStopped = false;
  const wait = (): void => {
    const begun_ms = clock.monotonic();
    timer = clock.after(INTERVAL_MS, () => {
      histogram.record(clock.monotonic() - begun_ms - INTERVAL_MS);
      if (!isStopped) wait();
    });
  };
  wait();
  return () => {
    isStopped = true;
    timer?.cancel();
  };
}
