/**
 * `simulate`: runs seeds of the simulator, tells what was found, and makes what failed small.
 *
 * @module
 */
import { formatShrunk, type RunOptions, type RunReport } from "../../src/sim/sim.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { writeJson, writeLine } from "./context.ts";
import type { OfflineContext } from "./offline.ts";
import { type Seeds, SIMULATE_FLAGS } from "./simulate_flags.ts";
import { SimulationPool } from "./simulate_pool.ts";
import { Progress, Summary } from "./simulate_summary.ts";
import { defaultJobs, type StartThread, startThread } from "./simulate_thread.ts";

interface Failed {
  readonly options: RunOptions;
  readonly report: RunReport;
}

/** `simulate`, in threads that `start` starts. */
export async function simulate(context: OfflineContext, start: StartThread = startThread): Promise<number> {
  const { line, signal } = context;
  const seeds = seedsOf(context);
  const total = seeds.last - seeds.first + 1;
  const progress = new Progress(context, total);
  const pool = new SimulationPool(Math.min(line.get(SIMULATE_FLAGS.jobs) ?? defaultJobs(), total), start, signal);
  try {
    const failed = await runAll(context, pool, seeds, progress);
    if (failed === null) return EXIT.done;
    const wanted = line.get(SIMULATE_FLAGS.shrink) && line.get(SIMULATE_FLAGS.shrunk) === undefined;
    if (wanted) await writeShrunk(context, pool, failed, progress);
    return EXIT.failed;
  } finally {
    await pool.close();
  }
}

function seedsOf({ line }: OfflineContext): Seeds {
  const seed = line.get(SIMULATE_FLAGS.seed);
  const seeds = line.get(SIMULATE_FLAGS.seeds);
  if (seed !== undefined && seeds !== undefined) {
    throw new UsageError("--seed and --seeds; give either the one or the other");
  }
  return seeds ?? { first: seed ?? 1, last: seed ?? 1 };
}

function optionsOf({ line }: OfflineContext): Omit<RunOptions, "seed"> {
  const replicas = line.get(SIMULATE_FLAGS.replicas);
  const ops = line.get(SIMULATE_FLAGS.ops);
  const drift = line.get(SIMULATE_FLAGS.clockDrift);
  return {
    replication: line.get(SIMULATE_FLAGS.replication),
    ...(replicas === undefined ? {} : { replicas }),
    ...(ops === undefined ? {} : { ops }),
    ...(line.get(SIMULATE_FLAGS.leaseReads) ? { leaseReads: true } : {}),
    ...(drift === undefined ? {} : { clockDrift: drift / 100 }),
    workloads: line.get(SIMULATE_FLAGS.workload),
    faults: line.get(SIMULATE_FLAGS.faults),
    keepTrace: line.get(SIMULATE_FLAGS.trace),
    ...line.get(SIMULATE_FLAGS.shrunk),
  };
}

/** Runs the seeds and tells of each and of all; gives the first that failed. */
async function runAll(
  context: OfflineContext,
  pool: SimulationPool,
  seeds: Seeds,
  progress: Progress,
): Promise<Failed | null> {
  const { terminal, json, signal } = context;
  const base = optionsOf(context);
  const summary = new Summary();
  let failed: Failed | null = null;
  try {
    for await (const ran of pool.runs(seeds, base)) {
      const { report } = ran;
      summary.add(ran);
      progress.clear();
      if (json) await writeJson(terminal, { ...report, trace: base.keepTrace === true ? report.trace : undefined });
      else await writeRun(context, report);
      if (report.violations.length > 0) failed ??= { options: { ...base, seed: report.seed }, report };
      progress.showRuns(summary);
    }
  } finally {
    // Whatever ended the runs, what they came to until then is told.
    progress.clear();
    if (!json && (summary.runs > 0 || signal.aborted)) await writeSummary(context, summary, progress.elapsed_ms);
  }
  return failed;
}

async function writeRun({ terminal, style }: OfflineContext, report: RunReport): Promise<void> {
  for (const { at_us, text } of report.trace) {
    await writeLine(terminal, `${style.dim((at_us / 1000).toFixed(3).padStart(12))}  ${text}`);
  }
  for (const { check, message } of report.violations) {
    await writeLine(terminal, `${style.red(`seed ${report.seed}: ${check}:`)} ${message}`);
  }
}

async function writeSummary({ terminal, style }: OfflineContext, summary: Summary, elapsed_ms: number): Promise<void> {
  const rows = summary.rows(elapsed_ms);
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) await writeLine(terminal, `${style.dim(name.padEnd(width))}  ${value}`);
}

async function writeShrunk(
  context: OfflineContext,
  pool: SimulationPool,
  { options, report }: Failed,
  progress: Progress,
): Promise<void> {
  const { terminal, json } = context;
  const small = await pool.shrink(options, report, (runs) => progress.showShrinking(options.seed, runs));
  progress.clear();
  if (small === null) return;
  const replay = replayOf(small.options);
  if (json) {
    terminal.writeError(`${replay}\n`);
    return;
  }
  const violation = small.report.violations[0]!;
  await writeLine(terminal, `shrunk in ${small.runs} runs: ${violation.check}: ${violation.message}`);
  await writeLine(terminal, replay);
}

/** The command that does such a run again. */
function replayOf(options: RunOptions): string {
  const { replication = "none", seed, leaseReads = false, clockDrift } = options;
  const leases = leaseReads ? " --lease-reads" : "";
  const drift = clockDrift === undefined ? "" : ` --clock-drift ${Math.round(100 * clockDrift)}`;
  const shrunk = formatShrunk(options);
  return `kvclient simulate --replication ${replication}${leases}${drift} --seed ${seed} --shrunk '${shrunk}'`;
}
