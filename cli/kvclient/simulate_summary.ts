/**
 * What many simulated runs come to, as a table and, while they go on, as a bar.
 *
 * Invariant: rows that are measured come last, so that all before them is the same whenever the same seeds are run.
 *
 * @module
 */
import { hasColor } from "../terminal.ts";
import type { OfflineContext } from "./offline.ts";
import { SIMULATE_FLAGS } from "./simulate_flags.ts";
import type { Ran } from "./simulate_thread.ts";

/** The bar is drawn again at most this often. */
const REDRAW_MS = 100;
const BAR_WIDTH = 30;

/** What the runs so far come to. */
export class Summary {
  runs = 0;
  simulatedMs = 0;
  violations = 0;
  /** Runs in which something was wrong. */
  failed = 0;
  /** How long threads have worked, in milliseconds, all of them together. */
  busy_ms = 0;
  readonly faults: Map<string, number> = new Map();

  /** Adds a run. */
  add({ report, busy_ms }: Ran): void {
    this.runs++;
    this.busy_ms += busy_ms;
    this.simulatedMs += report.simulatedMs;
    this.violations += report.violations.length;
    if (report.violations.length > 0) this.failed++;
    for (const [kind, count] of Object.entries(report.faults)) {
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    }
  }

  /** The table's rows, for runs that took so long by the clock. */
  rows(elapsed_ms: number): readonly (readonly [name: string, value: string])[] {
    const { runs, simulatedMs, violations, failed, busy_ms } = this;
    const per = (amount: number, time_ms: number): string => String(Math.round(amount / Math.max(1, time_ms)));
    return [
      ["runs", String(runs)],
      ["simulated hours", (simulatedMs / 3_600_000).toFixed(2)],
      ...[...this.faults].toSorted(([a], [b]) => a < b ? -1 : 1).map(([kind, count]) =>
        [`fault ${kind}`, String(count)] as const
      ),
      ["violations", violations === 0 ? "0" : `${violations} in ${failed} ${failed === 1 ? "run" : "runs"}`],
      ["runs a minute", `${per(runs * 60_000, elapsed_ms)}, ${per(runs * 60_000, busy_ms)} for each core`],
      ["times real time", `${per(simulatedMs, elapsed_ms)}, ${per(simulatedMs, busy_ms)} for each core`],
    ];
  }
}

/** A line on standard error that is written over and over; nothing where that is no terminal. */
export class Progress {
  readonly #context: OfflineContext;
  readonly #total: number;
  readonly #since_ms: number;
  readonly #isVisible: boolean;
  #drawn_ms: number;

  /** Begins to measure `total` runs. */
  constructor(context: OfflineContext, total: number) {
    const { terminal, line, json } = context;
    this.#context = context;
    this.#total = total;
    this.#since_ms = this.#drawn_ms = terminal.monotonic();
    this.#isVisible = !json && terminal.stderrIsTTY && line.get(SIMULATE_FLAGS.progress);
  }

  /** How long it has been going on. */
  get elapsed_ms(): number {
    return this.#context.terminal.monotonic() - this.#since_ms;
  }

  /** Draws how far the runs are. */
  showRuns({ runs, violations }: Summary): void {
    if (this.#total === 1) return;
    const plain = !hasColor(this.#context.terminal, true, "stderr");
    const bar = (plain ? "#" : "█").repeat(Math.round(runs / this.#total * BAR_WIDTH));
    const rest = (plain ? "." : "░").repeat(BAR_WIDTH - bar.length);
    this.#draw(`${bar}${rest} ${runs} of ${this.#total} runs, ${violations} violations `);
  }

  /** Tells how far shrinking is. */
  showShrinking(seed: number, runs: number): void {
    this.#draw(`making seed ${seed} small, run ${runs} `);
  }

  /** Takes the line away, before other output. */
  clear(): void {
    if (this.#isVisible) this.#context.terminal.writeError("\r\x1b[K");
  }

  #draw(text: string): void {
    const { terminal } = this.#context;
    if (!this.#isVisible || terminal.monotonic() - this.#drawn_ms < REDRAW_MS) return;
    this.#drawn_ms = terminal.monotonic();
    terminal.writeError(`\r${text}`);
  }
}
