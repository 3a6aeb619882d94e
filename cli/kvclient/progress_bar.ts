/**
 * A bar on standard error while something of a known size goes on.
 *
 * @module
 */
import { hasColor } from "../terminal.ts";
import type { Context } from "./context.ts";
import { FLAGS } from "./flags.ts";

const PROGRESS_MS = 200;
const WIDTH = 30;
const CLEARED = 78;

/** Shown on a terminal only, and not for programs. */
export class ProgressBar {
  readonly #context: Pick<Context, "terminal" | "line" | "json">;
  readonly #since_ms: number;
  #shown_ms = Number.NEGATIVE_INFINITY;

  constructor(context: Pick<Context, "terminal" | "line" | "json">) {
    this.#context = context;
    this.#since_ms = context.terminal.monotonic();
  }

  get #isShown(): boolean {
    const { terminal, line, json } = this.#context;
    return !json && terminal.stderrIsTTY && line.get(FLAGS.progress);
  }

  /** Shows how far it is: `done` of `all`, which is null where nobody knows, in `unit`. */
  update(done: number, all: number | null, unit: string): void {
    if (!this.#isShown) return;
    const { terminal } = this.#context;
    const now_ms = terminal.monotonic();
    if (now_ms - this.#shown_ms < PROGRESS_MS) return;
    this.#shown_ms = now_ms;
    const isPlain = !hasColor(terminal, true, "stderr");
    const share = all === null ? null : all === 0 ? 1 : Math.min(1, done / all);
    const bar = share === null
      ? ""
      : (isPlain ? "#" : "█").repeat(Math.round(share * WIDTH)).padEnd(WIDTH, isPlain ? "." : "░") +
        ` ${Math.round(share * 100)} %  `;
    const rate = Math.round(done / Math.max(1, now_ms - this.#since_ms) * 1000);
    terminal.writeError(`\r${`${bar}${done} ${unit}, ${rate} a second`.padEnd(CLEARED)}`);
  }

  /** Takes it away. */
  clear(): void {
    if (this.#isShown) this.#context.terminal.writeError(`\r${" ".repeat(CLEARED)}\r`);
  }
}
