/**
 * Makes a failing run small: fewer workloads, replicas, faults, clients and operations and a shorter storm, as long as it
 * still fails the same check. The result is a line that replays it.
 *
 * @module
 */
import { FAULT_KINDS, type FaultIntensities, intensitiesOf, parseFaultProfile } from "../world/faults.ts";
import { type Protocol, PROTOCOL_TABLE, replicasOf } from "./protocols.ts";
import { EXTRA_WORKLOADS, type RunOptions, type RunReport, WORKLOADS } from "./run_options.ts";
import { runProtocol } from "./run_seed.ts";

/** The parts of a run that shrinking changes. */
export type Shrunk = Pick<RunOptions, "replicas" | "ops" | "clients" | "horizon_ms" | "workloads" | "faults">;

/** How many runs shrinking may take. */
const MAX_RUNS = 120;

/** A failing run made small, and what it gives. */
export interface ShrinkResult {
  /** What to run to see it again. */
  readonly options: RunOptions;
  /** What that gives. */
  readonly report: RunReport;
  /** How many runs it took. */
  readonly runs: number;
}

/** Shrinks a run that has failed. `onRun` is called before each try. */
export function shrink(
  failed: RunOptions,
  report: RunReport,
  onRun: () => Promise<void> = () => Promise.resolve(),
): Promise<ShrinkResult> {
  return shrinkProtocol(failed, report, PROTOCOL_TABLE[failed.replication ?? "none"], onRun);
}

/** Shrinks a run of a protocol of the caller's. */
export async function shrinkProtocol(
  failed: RunOptions,
  report: RunReport,
  protocol: Protocol,
  onRun: () => Promise<void> = () => Promise.resolve(),
): Promise<ShrinkResult> {
  const check = report.violations[0]?.check;
  if (check === undefined) throw new RangeError(`seed ${failed.seed} has not failed`);
  let options = failed;
  let best = report;
  let runs = 0;
  const attempt = async (change: Shrunk): Promise<boolean> => {
    if (runs >= MAX_RUNS) return false;
    runs++;
    await onRun();
    const candidate = { ...options, ...change };
    const tried = await runProtocol(candidate, protocol);
    if (!tried.violations.some((violation) => violation.check === check)) return false;
    options = candidate;
    best = tried;
    return true;
  };
  for (const workload of options.workloads ?? WORKLOADS) if (await attempt({ workloads: [workload] })) break;
  const replicas = replicasOf(protocol, options.replicas);
  for (const fewer of protocol.replicas.toSorted((a, b) => a - b)) {
    if (fewer < replicas && await attempt({ replicas: fewer })) break;
  }
  await shrinkNumber(options.ops ?? 500, 1, (ops) => attempt({ ops }));
  for (const kind of FAULT_KINDS) {
    const faults: FaultIntensities = intensitiesOf(options.faults ?? "heavy");
    if ((faults[kind] ?? 0) > 0) await attempt({ faults: { ...faults, [kind]: 0 } });
  }
  for (const clients of [1, 2, 3]) if (await attempt({ clients })) break;
  await shrinkNumber(best.ops, 1, (ops) => attempt({ ops }));
  await shrinkNumber(
    Math.min(options.horizon_ms ?? 60_000, best.simulatedMs),
    100,
    (horizon_ms) => attempt({ horizon_ms }),
  );
  return { options, report: best, runs };
}

/** Halves a number as long as that works, then takes smaller and smaller steps. */
async function shrinkNumber(from: number, least: number, works: (value: number) => Promise<boolean>): Promise<void> {
  let value = from;
  for (let step = Math.floor(value / 2); step >= Math.max(1, Math.floor(from / 50)); step = Math.floor(step / 2)) {
    while (value - step >= least && await works(value - step)) value -= step;
  }
}

/** What was shrunk, as `--shrunk` takes it. */
export function formatShrunk(options: RunOptions): string {
  const parts: string[] = [];
  if (options.replicas !== undefined) parts.push(`replicas=${options.replicas}`);
  if (options.ops !== undefined) parts.push(`ops=${options.ops}`);
  if (options.clients !== undefined) parts.push(`clients=${options.clients}`);
  if (options.horizon_ms !== undefined) parts.push(`horizon=${options.horizon_ms}`);
  if (options.workloads !== undefined) parts.push(`workload=${options.workloads.join(",")}`);
  if (options.faults !== undefined) parts.push(`faults=${formatFaults(options.faults)}`);
  return parts.join(" ");
}

function formatFaults(faults: NonNullable<RunOptions["faults"]>): string {
  if (typeof faults === "string") return faults;
  const present = FAULT_KINDS.filter((kind) => (faults[kind] ?? 0) > 0);
  return present.length === 0 ? "none" : present.map((kind) => `${kind}=${faults[kind]}`).join(",");
}

/**
 * Reads what {@link formatShrunk} wrote.
 *
 * @throws {RangeError} when it is not of that form
 */
export function parseShrunk(text: string): Shrunk {
  const shrunk: { -readonly [name in keyof Shrunk]: Shrunk[name] } = {};
  for (const part of text.trim().split(/\s+/)) {
    const at = part.indexOf("=");
    const name = part.slice(0, at);
    const value = part.slice(at + 1);
    if (name === "replicas") shrunk.replicas = wholeNumber(name, value);
    else if (name === "ops") shrunk.ops = wholeNumber(name, value);
    else if (name === "clients") shrunk.clients = wholeNumber(name, value);
    else if (name === "horizon") shrunk.horizon_ms = wholeNumber(name, value);
    else if (name === "workload") shrunk.workloads = parseWorkloads(value);
    else if (name === "faults") shrunk.faults = parseFaultProfile(value);
    else {throw new RangeError(
        `"${part}" is none of replicas=N, ops=N, clients=N, horizon=MS, workload=LIST and faults=LIST`,
      );}
  }
  return shrunk;
}

const KNOWN = [...WORKLOADS, ...EXTRA_WORKLOADS];

/**
 * Reads a list of workloads: `all`, or names with commas between them.
 *
 * @throws {RangeError} when there is no such workload
 */
export function parseWorkloads(text: string): NonNullable<RunOptions["workloads"]> {
  if (text === "all") return WORKLOADS;
  return text.split(",").map((name) => {
    const workload = KNOWN.find((known) => known === name);
    if (workload === undefined) {
      throw new RangeError(`there is no workload "${name}"; there is all, or a list of ${KNOWN.join(", ")}`);
    }
    return workload;
  });
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new RangeError(`${name} is "${value}"; it is a whole number below 10^9`);
  return Number(value);
}
