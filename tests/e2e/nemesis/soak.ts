/**
 * `npm run soak -- --minutes 60 --replication paxos --replicas 5 --runtime executable --seed 1`: load, nemesis and check in
 * a loop, a line a round, and a summary. Stops by itself and leaves nothing running; exit 1 when something was wrong.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { FAULTS, faultsFor } from "./faults.ts";
import { availability, during, type ProcessFigures, processFigures, type Window } from "./figures.ts";
import type { Deed } from "./nemesis.ts";
import { type RuntimeName, TestedReplicas } from "./tested_replicas.ts";
import { type RoundResult, runRound } from "./round.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    replication: { type: "string", default: "paxos" },
    replicas: { type: "string" },
    runtime: { type: "string", default: "executable" },
    seed: { type: "string", default: "1" },
    round: { type: "string", default: "30" },
    clients: { type: "string", default: "10" },
    faults: { type: "string" },
    roles: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    report: { type: "string" },
  },
});

const RUNTIMES: readonly string[] = ["executable", "bun", "node", "deno"] satisfies RuntimeName[];
const REPLICATIONS: readonly string[] = ["none", "2pc", "paxos"];
const WORKLOADS = ["register", "counter", "append", "bank", "watch"] as const;
const PROTOCOLS = ["tcp", "http", "udp", "rpc"] as const;

function fail(message: string): never {
  console.error(`soak: ${message}`);
  process.exit(2);
}

function oneOf<Name extends string>(name: string, value: string, known: readonly string[]): Name {
  if (!known.includes(value)) fail(`--${name} is "${value}"; known are ${known.join(", ")}`);
  return value as Name;
}

const replication = oneOf<"none" | "2pc" | "paxos">("replication", values.replication, REPLICATIONS);
const runtime = oneOf<RuntimeName>("runtime", values.runtime, RUNTIMES);
const replicaCount = replication === "none" ? 1 : Number(values.replicas ?? "5");
const minutes = Number(values.minutes);
const clients = Number(values.clients);
if (!Number.isSafeInteger(clients) || clients < 1) fail(`--clients is "${values.clients}"; give a number from 1 on`);
if (!(minutes > 0)) fail(`--minutes is "${values.minutes}"; give a number above 0`);
const wanted = values.faults?.split(",");
for (const name of wanted ?? []) oneOf("faults", name, FAULTS.map((kind) => kind.name));
const kinds = faultsFor(replication).filter(({ name }) => wanted === undefined || wanted.includes(name));

const roleFlags = values.roles
  ? ["--fail", "acceptor,proposer,learner", "--fail-every", "5s..20s", "--fail-for", "500ms..2s"]
  : [];
const flags = ["--log-level", "info", "--snapshot-every", "4mb", ...roleFlags];
const replicas = await TestedReplicas.start({ replicas: replicaCount, replication, runtime, flags });
const until_ms = Date.now() + minutes * 60_000;
const results: RoundResult[] = [];
const figures: ProcessFigures[][] = replicas.ids.map(() => []);
const wrongs: string[] = [];
let isInterrupted = false;
process.once("SIGINT", () => (isInterrupted = true));

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

function tell(deed: Deed): void {
  if (values.verbose) {
    console.log(`    ${new Date(deed.begun_ms).toISOString().slice(11, 23)} ${deed.kind}: ${deed.text}`);
  }
}

function measure(): string {
  const now = replicas.ids.map((id) => replicas.isThere(id) ? processFigures(replicas.pidOf(id)) : null);
  for (const [id, each] of now.entries()) if (each !== null) figures[id]!.push(each);
  const known = now.filter((each) => each !== null);
  if (known.length === 0) return "";
  const resident = Math.max(...known.map((each) => each.resident_bytes));
  return `, ${mib(resident)} MiB, ${Math.max(...known.map((each) => each.handles))} handles`;
}

console.log(
  `soak: ${minutes} minutes, ${replication}, ${replicaCount} replicas, ${runtime}, seed ${values.seed}; ` +
    `faults: ${kinds.map(({ name }) => name).join(", ")}; data in ${replicas.folder}`,
);
try {
  for (let round = 0; Date.now() < until_ms && !isInterrupted && wrongs.length === 0; round++) {
    const workload = WORKLOADS[round % WORKLOADS.length]!;
    const protocol = PROTOCOLS[Math.floor(round / WORKLOADS.length) % PROTOCOLS.length]!;
    const seed = Number(values.seed) * 1000 + round;
    const seconds = Math.min(Number(values.round), Math.max(5, (until_ms - Date.now()) / 1000));
    const result = await runRound(replicas, { seconds, workload, protocol, seed, kinds, clients, onDeed: tell });
    results.push(result);
    const { verdict, ok, refused, unknown, longestGap_ms, deeds, windows, complaint, difference } = result;
    console.log(
      `round ${
        round + 1
      }: ${workload} over ${protocol}: ${verdict}; ${ok} ok, ${refused} refused, ${unknown} unknown; ` +
        `${(100 * availability(windows)).toFixed(0)} % of seconds, longest gap ${(longestGap_ms / 1000).toFixed(1)} s` +
        `${measure()}; ${deeds.map(({ kind }) => kind).join(", ")}`,
    );
    if (complaint !== null && verdict !== "undecided") wrongs.push(`round ${round + 1}: ${complaint}`);
    if (difference !== null) wrongs.push(`round ${round + 1}: the replicas differ: ${difference}`);
  }
} catch (error) {
  wrongs.push(error instanceof Error ? error.stack ?? error.message : String(error));
} finally {
  await replicas.close(wrongs.length > 0);
}

const deeds = results.flatMap((result) => result.deeds);
const windows: readonly Window[] = results.flatMap((result) => result.windows);
const fatal = new Set(kinds.filter(({ takesMajority = false }) => takesMajority).map(({ name }) => name));
const without = windows.filter((window) =>
  !deeds.some((deed) => fatal.has(deed.kind) && during([window], deed.begun_ms, deed.healed_ms).length > 0)
);
const sum = (value: (result: RoundResult) => number): number => results.reduce((total, each) => total + value(each), 0);
const lines = [
  `rounds ${results.length}; operations ${sum((each) => each.ok)} ok, ${sum((each) => each.refused)} refused, ` +
  `${sum((each) => each.unknown)} unknown; undecided rounds ${
    results.filter((each) => each.verdict === "undecided").length
  }`,
  `seconds with a success: ${(100 * availability(windows)).toFixed(1)} % of ${windows.length}; ` +
  `${(100 * availability(without)).toFixed(1)} % of the ${without.length} with a majority`,
  ...kinds.map(({ name }) => {
    const own = deeds.filter((deed) => deed.kind === name);
    const seconds = own.flatMap((deed) => during(windows, deed.begun_ms, deed.healed_ms));
    return `  ${name.padEnd(16)} ${String(own.length).padStart(4)} times, ${
      (100 * availability(seconds)).toFixed(1)
    } % of ` +
      `${seconds.length} seconds`;
  }),
  ...figures.map((own, id) => {
    const resident = own.map((each) => each.resident_bytes);
    const tenth = resident.slice(0, Math.max(1, Math.floor(resident.length / 10)));
    return `  replica ${id + 1}: memory ${mib(Math.max(...tenth))} MiB at first, ${
      mib(Math.max(...resident))
    } at most, ` +
      `${mib(resident.at(-1) ?? 0)} in the end; at most ${Math.max(...own.map((each) => each.handles))} handles, ` +
      `${Math.max(...own.map((each) => each.sockets))} sockets`;
  }),
  wrongs.length === 0 ? "nothing wrong" : `WRONG:\n${wrongs.join("\n")}\ndata and logs are kept in ${replicas.folder}`,
];
console.log(lines.join("\n"));
if (values.report !== undefined) writeFileSync(values.report, `${lines.join("\n")}\n`);
process.exit(wrongs.length === 0 ? 0 : 1);
