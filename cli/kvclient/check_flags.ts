/**
 * The flags of `check`, as data.
 *
 * @module
 */
import { KINDS } from "../../src/sim/live/kinds/all.ts";
import type { Mix } from "../../src/sim/live/kind.ts";
import type { WorkloadName } from "../../src/sim/sim.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../exit_code.ts";
import { type Flag, switchFlag, text, valueFlag } from "../flags.ts";
import { FLAGS } from "./flags.ts";
import { SIMULATE_FLAGS } from "./simulate_flags.ts";

const CHECK = "Check";
/** The workloads that can be checked from outside. */
const NAMES: readonly string[] = [...KINDS.map(({ name }) => name), "watch"];
const KEYS = 10;
const SEED = 1;

/** The flags of `check`. */
export const CHECK_FLAGS: {
  readonly workload: Flag<readonly WorkloadName[]>;
  readonly mix: Flag<Mix | undefined>;
  readonly clients: Flag<number>;
  readonly keys: Flag<number | undefined>;
  readonly duration: Flag<number>;
  readonly seed: Flag<number | undefined>;
  readonly staleReads: Flag<boolean>;
  readonly readFrom: Flag<string | undefined>;
  readonly plain: Flag<boolean>;
  readonly history: Flag<string | undefined>;
  readonly picture: Flag<string | undefined>;
  readonly progress: Flag<boolean>;
} = {
  workload: SIMULATE_FLAGS.workload,
  mix: valueFlag({
    name: "mix",
    placeholder: "LIST",
    group: CHECK,
    summary: "how often each operation is done, as weights: read=4,write=3,cas=2,delete=1",
    parse: parseMix,
    shownDefault: "the workload's",
  }),
  clients: FLAGS.clients,
  keys: FLAGS.keys,
  duration: FLAGS.duration,
  seed: SIMULATE_FLAGS.seed,
  staleReads: switchFlag({
    name: "stale-reads",
    group: CHECK,
    summary: "read what the server that is asked happens to know, to see the violation that this makes",
  }),
  readFrom: valueFlag({
    name: "read-from",
    placeholder: "HOST:PORT,…",
    group: CHECK,
    summary: "servers that reads are asked of, such as the replicas of a Redis",
    parse: text,
    shownDefault: "all",
  }),
  plain: switchFlag({
    name: "plain",
    group: CHECK,
    summary: "speak to servers of ours as to any other RESP server, too: without sessions and retries",
  }),
  history: valueFlag({
    name: "history",
    placeholder: "FILE",
    group: CHECK,
    summary: "write everything that was asked and answered, as JSON lines that verify reads",
    parse: text,
    completes: "file",
  }),
  picture: valueFlag({
    name: "picture",
    placeholder: "FILE",
    group: CHECK,
    summary: "draw a violation, as a page",
    parse: text,
    completes: "file",
  }),
  progress: FLAGS.progress,
};

/** The workload, the keys and the seed of a check, with its own defaults. */
export function loadOf(line: CommandLine): { readonly workload: string; readonly keys: number; readonly seed: number } {
  const given = line.get(CHECK_FLAGS.workload);
  const chosen = line.source(CHECK_FLAGS.workload) === "default" ? NAMES.slice(0, 1) : given;
  const [workload] = chosen;
  if (workload === undefined || chosen.length > 1 || !NAMES.includes(workload)) {
    throw new UsageError(`--workload: check takes one of ${NAMES.join(", ")}, not ${given.join(",")}`);
  }
  return { workload, keys: line.get(CHECK_FLAGS.keys) ?? KEYS, seed: line.get(CHECK_FLAGS.seed) ?? SEED };
}

function parseMix(value: string): Mix {
  const pairs = value.split(",").map((part) => /^([a-z]+)=(\d+(?:\.\d+)?)$/.exec(part.trim()));
  const mix: Record<string, number> = {};
  for (const pair of pairs) {
    if (pair === null) throw new UsageError("is not a list of weights; write read=4,write=3");
    if (Object.hasOwn(mix, pair[1]!)) throw new UsageError(`names ${pair[1]} twice`);
    mix[pair[1]!] = Number(pair[2]);
  }
  if (!Object.values(mix).some((weight) => weight > 0)) throw new UsageError("gives nothing a weight above 0");
  return mix;
}

/** The mix of a workload, with the weights that were given in the place of its own; one not named counts as 0. */
export function mixOf(name: string, own: Mix, given: Mix | undefined): Mix {
  const unknown = Object.keys(given ?? {}).find((each) => !Object.hasOwn(own, each));
  if (unknown === undefined) return given ?? own;
  throw new UsageError(`--mix: ${name} has no operation "${unknown}"; it has ${Object.keys(own).join(", ")}`);
}
