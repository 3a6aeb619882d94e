// Runs KVClient in Bun, 64 callers on one client, and redis-benchmark against the same built kvserver, in turn, round
// after round, and prints the medians and the median of the per-round ratios. redis-benchmark comes in two forms: 64
// connections without pipelining, and one connection with 64 commands at a time.
// usage: node bench/client_beside_redis_benchmark.mjs [--rounds 5] [--duration 2000] [--clients 64] [--size 256]
//          [--operations set,get] [--library dist/client.js]
// Needs redis-tools. The server keeps its data on the disk that holds ./.bench.
import { spawn, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { withServers } from "./support/servers.ts";
import { median } from "./support/table.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    duration: { type: "string", default: "2000" },
    clients: { type: "string", default: "64" },
    size: { type: "string", default: "256" },
    operations: { type: "string", default: "set,get" },
    library: { type: "string", default: "dist/client.js" },
  },
});
const root = resolve(import.meta.dirname, "..");
const KEYS = 10_000;
const duration_ms = Number(values.duration);

function outputOf(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => output += chunk);
    child.once("error", fail);
    child.once("close", (code) => code === 0 ? done(output) : fail(new Error(`${command} ended with ${code}`)));
  });
}

/** Operations per second of redis-benchmark, from as many of them as take about the time that is wanted. */
async function redisBenchmark(port, operation, clients, pipeline, estimate = 40_000) {
  const args = ["-p", `${port}`, "-t", operation, "-c", `${clients}`, "-P", `${pipeline}`, "-d", values.size];
  const count = Math.round(estimate * duration_ms / 1000);
  const output = await outputOf("redis-benchmark", [...args, "-r", `${KEYS}`, "-n", `${count}`, "--csv"]);
  const line = output.split("\n").find((each) => each.toLowerCase().startsWith(`"${operation}"`));
  return Number(line.split(",")[1].replaceAll('"', ""));
}

/** Operations per second of the client, after a warm-up; and its processor time for each. */
async function client(port, operation) {
  const args = [join(root, "bench/support/client_load.mjs"), resolve(root, values.library), `${port}`, operation];
  return JSON.parse(await outputOf("bun", [...args, values.clients, values.size, `${KEYS}`, `${duration_ms}`]));
}

if (spawnSync("redis-benchmark", ["--version"], { stdio: "ignore" }).status !== 0) {
  throw new Error("there is no redis-benchmark: install Debian's redis-tools");
}
const rows = values.operations.split(",").map((operation) => ({ operation, rounds: [] }));
await withServers({ replicas: 1 }, async ({ ports: [port] }) => {
  const count = Number(values.clients);
  for (const { operation } of [{ operation: "set" }, ...rows]) await redisBenchmark(port, operation, count, 16);
  for (const row of rows) {
    const { operation } = row;
    let [single, piped] = [20_000, 100_000];
    for (let round = 0; round < Number(values.rounds); round++) {
      const figures = {};
      const steps = [
        async () => figures.client = await client(port, operation),
        async () => figures.single = single = await redisBenchmark(port, operation, count, 1, single),
        async () => figures.piped = piped = await redisBenchmark(port, operation, 1, count, piped),
      ];
      for (const step of round % 2 === 0 ? steps : steps.toReversed()) await step();
      row.rounds.push(figures);
    }
  }
});

const many = (rates) => Math.round(median(rates)).toLocaleString("en");
const ratio = (ratios) =>
  `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`;
const names = [`-c ${values.clients} -P 1`, `-c 1 -P ${values.clients}`];
console.log(`one server, ${values.size}-byte values, ${values.rounds} rounds, medians; operations a second`);
console.log(`| | KVClient, ${values.clients} callers | its CPU µs/op | ${names[0]} | ratio | ${names[1]} | ratio |`);
console.log("|---|---:|---:|---:|---:|---:|---:|");
for (const { operation, rounds } of rows) {
  const cells = [
    operation.toUpperCase(),
    many(rounds.map((each) => each.client.rate_per_s)),
    median(rounds.map((each) => each.client.processor_us)).toFixed(1),
    many(rounds.map((each) => each.single)),
    ratio(rounds.map((each) => each.client.rate_per_s / each.single)),
    many(rounds.map((each) => each.piped)),
    ratio(rounds.map((each) => each.client.rate_per_s / each.piped)),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
