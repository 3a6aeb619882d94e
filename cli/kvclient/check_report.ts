/**
 * What a check came to, as JSON and for people.
 *
 * @module
 */
import type { Checking, Finding } from "../../src/sim/live/checking.ts";
import type { Doors } from "./check_doors.ts";
import type { CheckFigures } from "./check_figures.ts";
import { CHECK_FLAGS, loadOf } from "./check_flags.ts";
import { type Context, writeLine } from "./context.ts";
import { showDuration } from "./display.ts";
import { formatServer } from "./profile.ts";

/** What there is to report. */
export interface Outcome {
  readonly doors: Doors;
  readonly checking: Checking;
  readonly figures: CheckFigures;
  readonly elapsed_ms: number;
  /** Through how many servers everything was read again. */
  readonly readAgain: number;
}

/** How a check ended. "undecided": the checker came to its limits, and nothing wrong was found. */
export type CheckVerdict = "linearizable" | "not linearizable" | "undecided" | "nothing done";

/** The report, as `-o json` prints it. */
export interface CheckReport {
  readonly verdict: CheckVerdict;
  readonly workload: string;
  /** The servers asked, and how: `resp` is plain RESP, without what our own servers add. */
  readonly servers: readonly string[];
  readonly protocol: string;
  readonly clients: number;
  readonly keys: number;
  readonly seed: number;
  readonly duration_s: number;
  readonly operations: {
    readonly ok: number;
    /** Answered, but refused by what was found, as a compare-and-set may be. */
    readonly unmet: number;
    /** Surely not done. */
    readonly refused: number;
    readonly unknown: number;
  };
  readonly ops_per_s: number;
  /** Histories that were judged by themselves, and those that could not be decided. */
  readonly judged: number;
  readonly undecided: number;
  readonly read_again_through: number;
  readonly availability: {
    /** Whole windows of one second, and those in which an operation succeeded. */
    readonly windows: number;
    readonly windows_served: number;
    readonly share: number;
    /** The longest times without a success, and without an acknowledged write. */
    readonly longest_gap_ms: number;
    readonly longest_write_gap_ms: number;
  };
  readonly latency: {
    readonly p50_us: number;
    readonly p90_us: number;
    readonly p99_us: number;
    readonly p999_us: number;
    readonly max_us: number;
  };
  readonly violation: Finding | null;
}

/** Makes the report. */
export function reportOf({ line, resolved }: Context, outcome: Outcome): CheckReport {
  const { doors, checking, figures, elapsed_ms, readAgain } = outcome;
  const { any, writes } = figures.served(elapsed_ms);
  const { ok, unmet, refused, unknown, latency_us } = figures;
  const { workload, keys, seed } = loadOf(line);
  return {
    verdict: verdictOf(outcome),
    workload,
    servers: doors.servers.map(formatServer),
    protocol: doors.isPlain ? "resp" : resolved.target.protocol,
    clients: line.get(CHECK_FLAGS.clients),
    keys,
    seed,
    duration_s: Math.round(elapsed_ms) / 1000,
    operations: { ok, unmet, refused, unknown },
    ops_per_s: Math.round(figures.answered / Math.max(elapsed_ms, 1) * 1000),
    judged: checking.judged,
    undecided: checking.undecided,
    read_again_through: readAgain,
    availability: {
      windows: any.windows,
      windows_served: any.windowsServed,
      share: any.windows === 0 ? (figures.answered > 0 ? 1 : 0) : any.windowsServed / any.windows,
      longest_gap_ms: Math.round(any.longestGap_ms),
      longest_write_gap_ms: Math.round(writes.longestGap_ms),
    },
    latency: {
      p50_us: latency_us.quantile(0.5),
      p90_us: latency_us.quantile(0.9),
      p99_us: latency_us.quantile(0.99),
      p999_us: latency_us.quantile(0.999),
      max_us: latency_us.max,
    },
    violation: checking.found,
  };
}

function verdictOf({ checking, figures }: Outcome): CheckVerdict {
  if (checking.found !== null) return "not linearizable";
  if (figures.answered === 0) return "nothing done";
  return checking.undecided > 0 ? "undecided" : "linearizable";
}

/** Writes the report for people. */
export async function writeReport({ terminal, style, line }: Context, report: CheckReport): Promise<void> {
  const { operations, availability, latency, violation, verdict } = report;
  const { ok, unmet, refused, unknown } = operations;
  const answered = unmet === 0 ? `${ok} ok` : `${ok} ok, ${unmet} refused by what they found`;
  const percent = (availability.share * 100).toFixed(1);
  const rows: (readonly [name: string, value: string])[] = [
    ["servers", `${report.servers.join(", ")} (${report.protocol.toUpperCase()})`],
    ["load", `${report.workload}: ${report.clients} clients, ${report.keys} keys, ${report.duration_s} s`],
    ["operations", `${answered}, ${refused} surely not done, ${unknown} of unknown outcome; ${report.ops_per_s}/s`],
    [
      "availability",
      `${percent} % of ${availability.windows} windows of 1 s; the longest time without a success ` +
      `${showDuration(availability.longest_gap_ms)}, without a write ${
        showDuration(availability.longest_write_gap_ms)
      }`,
    ],
    [
      "latency",
      (["p50", "p90", "p99"] as const).map((name) => `${name} ${showDuration(latency[`${name}_us`] / 1000)}`).join(
        ", ",
      ) +
      `, p99.9 ${showDuration(latency.p999_us / 1000)}, max ${showDuration(latency.max_us / 1000)}`,
    ],
    ["judged", `${report.judged} histories; read again through ${report.read_again_through} servers at the end`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) await writeLine(terminal, `${style.dim(name.padEnd(width))}  ${value}`);
  const colored = verdict === "linearizable" ? style.green(verdict) : style.red(verdict);
  const why = verdict === "undecided"
    ? ` (${report.undecided} histories were too hard to decide; fewer clients help)`
    : "";
  await writeLine(terminal, `${style.dim("verdict".padEnd(width))}  ${colored}${why}`);
  if (violation === null) return;
  for (const text of violation.lines) await writeLine(terminal, `  ${text}`);
  const picture = line.get(CHECK_FLAGS.picture);
  if (violation.page === null) return;
  await writeLine(terminal, picture === undefined ? "--picture FILE draws it." : `It is drawn in ${picture}.`);
}
