// Runs redis-benchmark against the built kvserver and against redis-server with appendfsync always, in turn, round
// after round, and prints the medians and the median of the per-round ratios.
// usage: node bench/beside_redis.mjs [--rounds 5] [--requests 200000] [--clients 64] [--size 256]
// Needs redis-server and redis-tools. Both servers keep their data on the disk that holds ./.bench.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "200000" },
    clients: { type: "string", default: "64" },
    size: { type: "string", default: "256" },
  },
});
const root = new URL("..", import.meta.url).pathname;
const folder = join(root, ".bench", "beside_redis");
const CASES = [["set", 1], ["get", 1], ["set", 16], ["get", 16]];

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function waitFor(port) {
  for (let attempt = 0; attempt < 500; attempt++) {
    const up = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (up) return;
    await new Promise((wait) => setTimeout(wait, 20));
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function withServer(name, use) {
  const data = join(folder, name);
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const [command, args] = name === "redis"
    ? ["redis-server", [
      "--port",
      `${port}`,
      "--dir",
      data,
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--save",
      "",
    ]]
    : [join(root, "dist", "kvserver"), ["--port", `${port}`, "--http-port", "0", "--data-dir", data]];
  const server = spawn(command, args, { stdio: "ignore" });
  const exited = new Promise((resolve) => server.once("exit", resolve));
  try {
    await waitFor(port);
    return use(port);
  } finally {
    server.kill("SIGTERM");
    await exited;
    rmSync(data, { recursive: true, force: true });
  }
}

function measure(port, test, pipeline) {
  const requests = Number(values.requests) * (pipeline > 1 ? 4 : 1);
  const { stdout, stderr, status } = spawnSync("redis-benchmark", [
    ...["-p", `${port}`, "-t", test, "-c", values.clients, "-P", `${pipeline}`, "-d", values.size],
    ...["-n", `${requests}`, "-r", "10000", "--csv"],
  ], { encoding: "utf8" });
  const line = stdout.split("\n").find((each) => each.toLowerCase().startsWith(`"${test}"`));
  if (status !== 0 || line === undefined) throw new Error(`redis-benchmark failed: ${stdout}${stderr}`);
  return Number(line.split(",")[1].replaceAll('"', ""));
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const results = new Map(CASES.map((each) => [each.join(" -P "), { kvpaxos: [], redis: [], ratios: [] }]));
for (let round = 0; round < Number(values.rounds); round++) {
  const rates = { kvpaxos: new Map(), redis: new Map() };
  for (const name of round % 2 === 0 ? ["kvpaxos", "redis"] : ["redis", "kvpaxos"]) {
    await withServer(name, (port) => {
      for (const [test, pipeline] of CASES) rates[name].set(`${test} -P ${pipeline}`, measure(port, test, pipeline));
    });
  }
  for (const [name, result] of results) {
    result.kvpaxos.push(rates.kvpaxos.get(name));
    result.redis.push(rates.redis.get(name));
    result.ratios.push(rates.kvpaxos.get(name) / rates.redis.get(name));
  }
}
console.log(`${values.clients} connections, ${values.size}-byte values, ${values.rounds} rounds, medians`);
console.log("| | kvpaxos/s | redis appendfsync always/s | ratio (min–max) |\n|---|---|---|---|");
for (const [name, { kvpaxos, redis, ratios }] of results) {
  const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  const rounded = [kvpaxos, redis].map((rates) => Math.round(median(rates)).toLocaleString("en"));
  console.log(`| ${name.toUpperCase()} | ${rounded[0]} | ${rounded[1]} | ${median(ratios).toFixed(2)} (${range}) |`);
}
