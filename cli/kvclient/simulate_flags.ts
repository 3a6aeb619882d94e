/**
 * The flags of `simulate`, as data.
 *
 * @module
 */
import {
  EXTRA_WORKLOADS,
  type FaultProfile,
  parseFaultProfile,
  parseShrunk,
  parseWorkloads,
  type ProtocolName,
  PROTOCOLS,
  type Shrunk,
  type WorkloadName,
  WORKLOADS,
} from "../../src/sim/sim.ts";
import { CLOCK_DRIFT } from "../../src/core/paxos/lease.ts";
import { UsageError } from "../exit_code.ts";
import { defaultedFlag, type Flag, integer, oneOf, type Parse, switchFlag, valueFlag } from "../flags.ts";
import { FLAGS } from "./flags.ts";

const WORLD = "World";
const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** Seeds from the first to the last, both included. */
export interface Seeds {
  readonly first: number;
  readonly last: number;
}

/** The flags of `simulate`. */
export const SIMULATE_FLAGS: {
  readonly replication: Flag<ProtocolName>;
  readonly replicas: Flag<number | undefined>;
  readonly seed: Flag<number | undefined>;
  readonly seeds: Flag<Seeds | undefined>;
  readonly ops: Flag<number | undefined>;
  readonly workload: Flag<readonly WorkloadName[]>;
  readonly faults: Flag<FaultProfile>;
  readonly leaseReads: Flag<boolean>;
  readonly clockDrift: Flag<number | undefined>;
  readonly jobs: Flag<number | undefined>;
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
  // How many a protocol can have is for the simulator to say: it knows the protocol.
  replicas: valueFlag({
    name: "replicas",
    placeholder: "N",
    group: WORLD,
    summary: "how many servers; without replication 1",
    parse: integer(1, 99),
    shownDefault: "as many as the protocol is made for",
  }),
  seed: valueFlag({
    name: "seed",
    placeholder: "N",
    group: WORLD,
    summary: "run this seed; for check it decides what each client does next",
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
  ops: valueFlag({
    name: "ops",
    placeholder: "N",
    group: WORLD,
    summary: "how many operations clients do in each run",
    parse: integer(0, 10_000_000),
    shownDefault: "500; compare: 4000",
  }),
  workload: defaultedFlag<readonly WorkloadName[]>({
    name: "workload",
    placeholder: "LIST",
    group: WORLD,
    summary: `what clients do: all, or a list of ${WORKLOADS.join(", ")} and, not among all, ${
      EXTRA_WORKLOADS.join(", ")
    }; for check one of them`,
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
  leaseReads: switchFlag({
    name: "lease-reads",
    group: WORLD,
    summary: "leaders of paxos answer reads within a lease, as with kvserver --lease-reads",
  }),
  clockDrift: valueFlag({
    name: "clock-drift",
    placeholder: "PERCENT",
    group: WORLD,
    summary: "by how much the servers' monotonic clocks go at different rates",
    parse: integer(0, 99),
    shownDefault: `${100 * CLOCK_DRIFT} with --lease-reads, else 0`,
  }),
  jobs: valueFlag({
    name: "jobs",
    placeholder: "N",
    group: WORLD,
    summary: "how many runs at once, each in a thread of its own; what is found does not depend on it",
    parse: integer(1, 1024),
    shownDefault: "one for each processor core",
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

function parseSeeds(value: string): Seeds {
  const match = /^(\d{1,16})\.\.(\d{1,16})$/.exec(value);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (!(first <= last && last <= MAX_SEED)) throw new UsageError("is not a range of seeds; write 1..1000");
  return { first, last };
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
