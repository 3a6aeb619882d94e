/**
 * `simulate`: runs seeds of the simulator, tells what was found, and makes what failed small.
 *
 * @module
 */
import {
  type FaultProfile,
  formatShrunk,
  parseFaultProfile,
  parseShrunk,
  parseWorkloads,
  type ProtocolName,
  PROTOCOLS,
  type RunOptions,
  type RunReport,
  runSeed,
  shrink,
  type Shrunk,
  type WorkloadName,
  WORKLOADS,
} from "../../src/sim/sim.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { defaultedFlag, type Flag, integer, oneOf, type Parse, switchFlag, valueFlag } from "../flags.ts";
import { NOT_YET } from "../program.ts";
import { hasColor } from "../terminal.ts";
import { writeJson, writeLine } from "./context.ts";
import { FLAGS } from "./flags.ts";
import type { OfflineContext } from "./offline.ts";

const WORLD = "World";
const MAX_SEED = Number.MAX_SAFE_INTEGER;
/** Signals and the progress bar get a turn this often. */
const BREATH_MS = 100;

/** Seeds from the first to the last, both included. */
interface Seeds {
  readonly first: number;
  readonly last: number;
}

/** The flags of `simulate`. */
export const SIMULATE_FLAGS: {
  readonly replication: Flag<ProtocolName>;
  readonly replicas: Flag<number>;
  readonly seed: Flag<number | undefined>;
  readonly seeds: Flag<Seeds | undefined>;
  readonly ops: Flag<number>;
  readonly workload: Flag<readonly WorkloadName[]>;
  readonly faults: Flag<FaultProfile>;
  readonly jobs: Flag<number>;
  readonly trace: Flag<boolean>;
  readonly shrunk: Flag<Shrunk | undefined>;
  readonly shrink: Flag<boolean>;
  readonly progress: Flag<boolean>;
} = {
  replication: defaultedFlag({
    name: "replication",
    placeholder: "PROTOCOL",
    group: WORLD,
    summary: "how the servers replicate",
    parse: oneOf(PROTOCOLS),
    choices: PROTOCOLS,
    fallback: "none",
  }),
  replicas: defaultedFlag({
    name: "replicas",
    placeholder: "N",
    group: WORLD,
    summary: "how many servers; without replication one",
    parse: integer(1, 1),
    fallback: 1,
  }),
  seed: valueFlag({
    name: "seed",
    placeholder: "N",
    group: WORLD,
    summary: "run this seed",
    parse: integer(0, MAX_SEED),
    shownDefault: "1",
  }),
  seeds: valueFlag({
    name: "seeds",
    placeholder: "A..B",
    group: WORLD,
    summary: "run the seeds from A to B",
    parse: parseSeeds,
  }),
  ops: defaultedFlag({
    name: "ops",
    placeholder: "N",
    group: WORLD,
    summary: "how many operations clients do in each run",
    parse: integer(0, 10_000_000),
    fallback: 500,
  }),
  workload: defaultedFlag<readonly WorkloadName[]>({
    name: "workload",
    placeholder: "LIST",
    group: WORLD,
    summary: `what clients do: all, or a list of ${WORKLOADS.join(", ")}`,
    parse: usage(parseWorkloads),
    fallback: WORKLOADS,
    shownDefault: "all",
  }),
  faults: defaultedFlag<FaultProfile>({
    name: "faults",
    placeholder: "PROFILE",
    group: WORLD,
    summary: "what goes wrong: none, light, heavy, or a list such as loss,crash=0.5",
    parse: usage(parseFaultProfile),
    fallback: "heavy",
  }),
  jobs: defaultedFlag({
    name: "jobs",
    placeholder: "N",
    group: WORLD,
    summary: "how many runs at once",
    parse: oneJob,
    fallback: 1,
  }),
  trace: switchFlag({ name: "trace", group: "Output", summary: "print everything that happens in the run" }),
  shrunk: valueFlag({
    name: "shrunk",
    placeholder: "TEXT",
    group: WORLD,
    summary: "run a seed as small as an earlier run has made it",
    parse: usage(parseShrunk),
  }),
  shrink: switchFlag({
    name: "shrink",
    group: WORLD,
    summary: "make the first run that fails small",
    fallback: true,
    negatable: true,
  }),
  progress: FLAGS.progress,
};

/** What the runs so far come to. */
class Summary {
  runs = 0;
  simulatedMs = 0;
  violations = 0;
  failed = 0;
  readonly faults = new Map<string, number>();

  add(report: RunReport): void {
    this.runs++;
    this.simulatedMs += report.simulatedMs;
    this.violations += report.violations.length;
    if (report.violations.length > 0) this.failed++;
    for (const [kind, count] of Object.entries(report.faults)) {
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    }
  }
}

/** `simulate` */
export async function simulate(context: OfflineContext): Promise<number> {
  const { terminal, line, json, signal } = context;
  const seeds = seedsOf(context);
  const base: Omit<RunOptions, "seed"> = {
    replication: line.get(SIMULATE_FLAGS.replication),
    replicas: line.get(SIMULATE_FLAGS.replicas),
    ops: line.get(SIMULATE_FLAGS.ops),
    workloads: line.get(SIMULATE_FLAGS.workload),
    faults: line.get(SIMULATE_FLAGS.faults),
    keepTrace: line.get(SIMULATE_FLAGS.trace),
    ...line.get(SIMULATE_FLAGS.shrunk),
  };
  const summary = new Summary();
  const progress = new Progress(context, seeds.last - seeds.first + 1);
  let firstFailure: { readonly options: RunOptions; readonly report: RunReport } | null = null;
  for (let seed = seeds.first; seed <= seeds.last && !signal.aborted; seed++) {
    const options = { ...base, seed };
    const report = await runSeed(options);
    summary.add(report);
    progress.clear();
    if (json) await writeJson(terminal, { ...report, trace: options.keepTrace === true ? report.trace : undefined });
    else await writeRun(context, report);
    if (report.violations.length > 0) firstFailure ??= { options, report };
    await progress.show(summary);
  }
  progress.clear();
  if (!json) await writeSummary(context, summary, progress.elapsed_ms);
  if (firstFailure === null) return EXIT.done;
  const wanted = line.get(SIMULATE_FLAGS.shrink) && line.get(SIMULATE_FLAGS.shrunk) === undefined;
  if (wanted && !signal.aborted) await writeShrunk(context, firstFailure.options, firstFailure.report);
  return EXIT.failed;
}

function seedsOf({ line }: OfflineContext): Seeds {
  const seed = line.get(SIMULATE_FLAGS.seed);
  const seeds = line.get(SIMULATE_FLAGS.seeds);
  if (seed !== undefined && seeds !== undefined) {
    throw new UsageError("--seed and --seeds; give either the one or the other");
  }
  return seeds ?? { first: seed ?? 1, last: seed ?? 1 };
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
  const hours = summary.simulatedMs / 3_600_000;
  const ratio = Math.round(summary.simulatedMs / Math.max(1, elapsed_ms));
  const perMinute = Math.round(summary.runs / Math.max(1, elapsed_ms) * 60_000);
  const rows: [string, string][] = [
    ["runs", `${summary.runs} (${perMinute} a minute)`],
    ["simulated hours", `${hours.toFixed(2)} (${ratio} times real time)`],
    ...[...summary.faults].toSorted(([a], [b]) => a < b ? -1 : 1).map((
      [kind, count],
    ): [string, string] => [`fault ${kind}`, String(count)]),
    ["violations", summary.violations === 0 ? "0" : `${summary.violations} in ${summary.failed} runs`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) await writeLine(terminal, `${style.dim(name.padEnd(width))}  ${value}`);
}

async function writeShrunk(context: OfflineContext, failed: RunOptions, report: RunReport): Promise<void> {
  const { terminal, json } = context;
  const small = await shrink(failed, report, () => terminal.sleep(0));
  const { replication = "none", seed } = small.options;
  const replay = `kvclient simulate --replication ${replication} --seed ${seed} --shrunk '${
    formatShrunk(small.options)
  }'`;
  if (json) {
    terminal.writeError(`${replay}\n`);
    return;
  }
  const violation = small.report.violations[0]!;
  await writeLine(terminal, `shrunk in ${small.runs} runs: ${violation.check}: ${violation.message}`);
  await writeLine(terminal, replay);
}

/** The bar on a terminal; elsewhere it only lets signals come through. */
class Progress {
  readonly #context: OfflineContext;
  readonly #total: number;
  readonly #since_ms: number;
  readonly #visible: boolean;
  #shown_ms: number;

  constructor(context: OfflineContext, total: number) {
    const { terminal, line, json } = context;
    this.#context = context;
    this.#total = total;
    this.#since_ms = this.#shown_ms = terminal.monotonic();
    this.#visible = !json && terminal.stderrIsTTY && total > 1 && line.get(SIMULATE_FLAGS.progress);
  }

  get elapsed_ms(): number {
    return this.#context.terminal.monotonic() - this.#since_ms;
  }

  async show({ runs, violations }: Summary): Promise<void> {
    const { terminal } = this.#context;
    if (terminal.monotonic() - this.#shown_ms < BREATH_MS) return;
    await terminal.sleep(0);
    this.#shown_ms = terminal.monotonic();
    if (!this.#visible) return;
    const plain = !hasColor(terminal, true, "stderr");
    const bar = (plain ? "#" : "█").repeat(Math.round(runs / this.#total * 30)).padEnd(30, plain ? "." : "░");
    terminal.writeError(`\r${bar} ${runs} of ${this.#total} runs, ${violations} violations `);
  }

  clear(): void {
    if (this.#visible) this.#context.terminal.writeError("\r\x1b[K");
  }
}

function parseSeeds(value: string): Seeds {
  const match = /^(\d{1,16})\.\.(\d{1,16})$/.exec(value);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (!(first <= last && last <= MAX_SEED)) throw new UsageError("is not a range of seeds; write 1..1000");
  return { first, last };
}

function oneJob(value: string): number {
  const jobs = integer(1, 1024)(value);
  if (jobs > 1) throw new UsageError(`is more than 1: runs at once are ${NOT_YET}; start several commands instead`);
  return jobs;
}

/** Turns a refusal of the simulator's own into one of the command line. */
function usage<Value>(parse: Parse<Value>): Parse<Value> {
  return (value) => {
    try {
      return parse(value);
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError(`does not do: ${error.message}`);
      throw error;
    }
  };
}
