/**
 * A bar on standard error while a load goes on.
 *
 * @module
 */
import { hasColor } from "../terminal.ts";
import type { Context } from "./context.ts";
import { FLAGS } from "./flags.ts";

const PROGRESS_MS = 200;

/** Shows how far a load is and how many operations it does, until the signal aborts. */
export async function showProgress(
  { terminal, line, json }: Context,
  since_ms: number,
  duration_ms: number,
  operations: () => number,
  finished: AbortSignal,
): Promise<void> {
  if (json || !terminal.stderrIsTTY || !line.get(FLAGS.progress)) return;
  const plain = !hasColor(terminal, true, "stderr");
  while (!finished.aborted) {
    const elapsed_ms = terminal.monotonic() - since_ms;
    const share = Math.min(1, elapsed_ms / duration_ms);
    const bar = (plain ? "#" : "█").repeat(Math.round(share * 30)).padEnd(30, plain ? "." : "░");
    const rate = elapsed_ms < 1 ? 0 : Math.round(operations() / elapsed_ms * 1000);
    terminal.writeError(`\r${bar} ${Math.round(share * 100)} %  ${rate} ops/s `);
    await terminal.sleep(PROGRESS_MS, finished);
  }
  terminal.writeError(`\r${" ".repeat(60)}\r`);
}
