/**
 * A quick look at how fast the built servers are here and now: one alone and five replicas, as a table. What takes no
 * time stands beside it: processor time, frames, socket writes and syncs for each operation, which other work on the
 * machine changes little.
 *
 * usage: node bench/quick.ts [--replicas 1,5] [--clients 1,64] [--pipeline 1,16] [--operations set,get]
 *          [--duration 1000] [--size 256] [--keys 10000] [--generator redis-benchmark|kvclient]
 *          [--replication paxos|2pc] [--rate 1000,2000] [--json FILE]
 *
 * With --rate so many operations a second are issued whether they are answered or not (an open loop, kvclient makes it),
 * and latencies are from when each was due; there is no pipeline then. At a rate that is far past what servers can do,
 * operations run into their deadline, and this ends with that error; the rows before are in the file.
 *
 * With --json the rows are added to a file, one JSON object a line, which bench/curves.ts draws.
 *
 * @module
 */
import { appendFileSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import type { StatusPage } from "../src/server/status_page.ts";
import { findGenerator, type Generator, type Load, type Measured } from "./support/loads.ts";
import { type RunningServers, withServers } from "./support/servers.ts";
import { markdownTable, shown } from "./support/table.ts";

/** What one load on one set of servers gave. */
interface Row extends Load, Measured {
  readonly replicas: number;
  readonly replication: string;
  readonly generator: string;
  /** Of all servers together, for each operation; null where the system does not say. */
  readonly processor_us: number | null;
  readonly frames: number;
  readonly writes: number;
  readonly syncs: number;
  /** Commands in a record of the log of the first server. */
  readonly commandsInRecord: number;
  /** The machine's load in the last minute when it was over. */
  readonly machineLoad: number;
}

/** What servers count of themselves. */
interface Counts {
  readonly frames: number;
  readonly writes: number;
  readonly syncs: number;
  readonly appends: number;
}

/** Every key that is read is there: so many times the number of keys are written first. */
const FILL_MS = 500;

const { values } = parseArgs({
  options: {
    replicas: { type: "string", default: "1,5" },
    clients: { type: "string", default: "1,64" },
    pipeline: { type: "string", default: "1,16" },
    operations: { type: "string", default: "set,get" },
    duration: { type: "string", default: "1000" },
    size: { type: "string", default: "256" },
    keys: { type: "string", default: "10000" },
    generator: { type: "string" },
    replication: { type: "string", default: "paxos" },
    rate: { type: "string" },
    json: { type: "string" },
  },
});

const numbers = (text: string): number[] => text.split(",").map(Number);

/** One client with a pipeline says nothing that many do not. */
function loads(): Load[] {
  const common = { value_bytes: Number(values.size), keys: Number(values.keys), duration_ms: Number(values.duration) };
  const operations = values.operations.split(",") as Load["operation"][];
  if (values.rate !== undefined) {
    const rates = numbers(values.rate);
    return operations.flatMap((operation) =>
      numbers(values.clients).filter((clients) => clients > 1).flatMap((clients) =>
        rates.map((offered_per_s) => ({ ...common, operation, pipeline: 0, offered_per_s, clients }))
      )
    );
  }
  return operations.flatMap((operation) =>
    numbers(values.pipeline).flatMap((pipeline) =>
      numbers(values.clients).filter((clients) => pipeline === 1 || clients > 1).map((clients) => ({
        ...common,
        operation,
        pipeline,
        offered_per_s: null,
        clients,
      }))
    )
  );
}

function countsOf(pages: readonly StatusPage[]): Counts {
  const sum = (of: (page: StatusPage) => number): number => pages.reduce((all, page) => all + of(page), 0);
  const links = (of: (link: { readonly sentFrames: number; readonly writes: number }) => number): number =>
    sum(({ cluster }) => (cluster?.peers ?? []).reduce((all, { link }) => all + (link === null ? 0 : of(link)), 0));
  return {
    frames: links(({ sentFrames }) => sentFrames),
    writes: links(({ writes }) => writes) + sum(({ stats }) => stats.replyWrites),
    syncs: sum(({ log }) => log?.syncs ?? 0),
    appends: pages[0]?.log?.appends ?? 0,
  };
}

async function measure(servers: RunningServers, generator: Generator, load: Load): Promise<Row> {
  const [before, before_us] = [countsOf(await servers.status()), servers.processorTime_us()];
  const begun = await commandsOf(servers);
  const measured = await generator.run(servers.ports, load);
  const [after, after_us] = [countsOf(await servers.status()), servers.processorTime_us()];
  // A generator may do more than what it reports, to find out how much to do: the servers have counted all of it.
  const commands = await commandsOf(servers) - begun;
  // kvclient writes its keys first and removes them afterwards: what servers count is not of one operation then.
  const isPure = generator.name === "redis-benchmark";
  const each = (name: keyof Counts): number => isPure ? (after[name] - before[name]) / commands : Number.NaN;
  const processor_us = before_us === null || after_us === null || !isPure ? null : (after_us - before_us) / commands;
  return {
    ...load,
    ...measured,
    replicas: servers.ports.length,
    replication: servers.ports.length === 1 ? "none" : values.replication,
    generator: generator.name,
    processor_us,
    frames: each("frames"),
    writes: each("writes"),
    syncs: each("syncs"),
    commandsInRecord: after.appends === before.appends ? 0 : 1 / each("appends"),
    machineLoad: loadavg()[0]!,
  };
}

async function commandsOf(servers: RunningServers): Promise<number> {
  return (await servers.status()).reduce((all, { stats }) => all + stats.commands, 0);
}

const generator = findGenerator(values.rate === undefined ? values.generator : "kvclient");
const rows: Row[] = [];
for (const replicas of numbers(values.replicas)) {
  const flags = replicas > 1 ? ["--replication", values.replication] : [];
  await withServers({ replicas, flags }, async (servers) => {
    const [first] = loads();
    await generator.run(servers.ports, {
      ...first!,
      operation: "set",
      clients: 64,
      pipeline: 16,
      offered_per_s: null,
      duration_ms: FILL_MS,
    });
    for (const load of loads()) {
      const row = await measure(servers, generator, load);
      rows.push(row);
      if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(row)}\n`);
    }
  });
}

const given = values.rate === undefined ? "pipeline" : "offered/s";
const headings = ["servers", "operation", "clients", given, "ops/s", "p50 ms", "p99 ms", "CPU µs/op"];
const counted = ["frames/op", "writes/op", "syncs/op", "ops/record"];
console.log(
  `${generator.name}, ${values.size}-byte values, ${values.keys} keys; load of the machine ${loadavg()[0]!.toFixed(1)}`,
);
console.log(markdownTable(
  [...headings, ...counted],
  rows.map((row) => [
    row.replicas === 1 ? "1" : `${row.replicas} (${row.replication})`,
    row.operation.toUpperCase(),
    `${row.clients}`,
    row.offered_per_s === null ? `${row.pipeline}` : shown(row.offered_per_s),
    shown(Math.round(row.rate_per_s)),
    shown(row.p50_ms),
    shown(row.p99_ms),
    row.processor_us === null ? "–" : shown(row.processor_us),
    shown(row.frames),
    shown(row.writes),
    shown(row.syncs),
    shown(row.commandsInRecord),
  ]),
));
