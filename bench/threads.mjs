// One server with 1, 2 and 4 threads, alone on the machine: TCP by redis-benchmark and HTTP by wrk, in turn, round after
// round; prints medians, and the medians of the per-round ratios to one thread.
// usage: node bench/threads.mjs [--rounds 5] [--seconds 2] [--requests 100000] [--doors tcp,http] [--threads 1,2,4]
//        [--clients 64,256] [--pipeline 1,16] [--kvserver dist/kvserver]
// Needs wrk and redis-tools. Data is on the disk that holds ./.bench.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort, median, redisBenchmark, withProcess, wrk } from "./support/load.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    requests: { type: "string", default: "100000" },
    doors: { type: "string", default: "tcp,http" },
    threads: { type: "string", default: "1,2,4" },
    clients: { type: "string", default: "64,256" },
    pipeline: { type: "string", default: "1,16" },
    kvserver: { type: "string", default: "dist/kvserver" },
  },
});
const list = (text) => text.split(",");
const root = new URL("..", import.meta.url).pathname;
const folder = join(root, ".bench", "threads");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const script = join(folder, "put.lua");
writeFileSync(
  script,
  `request = function()
  return wrk.format("PUT", "/v1/kv/" .. math.random(10000), nil, string.rep("x", 256))
end
`,
);

async function measure(threads) {
  const [port, httpPort] = [await freePort(), await freePort()];
  const data = join(folder, "data");
  rmSync(data, { recursive: true, force: true });
  const command = [
    ...values.kvserver.split(" "),
    ...["--port", `${port}`, "--http-port", `${httpPort}`, "--data-dir", data, "--threads", threads],
    ...["--log-level", "error"],
  ];
  const url = `http://127.0.0.1:${httpPort}`;
  return await withProcess(command, `${url}/readyz`, async (pid) => {
    const rows = new Map();
    if (list(values.doors).includes("http")) {
      const args = ["-t2", "-c64"];
      await fetch(`${url}/v1/kv/k`, { method: "PUT", body: "x".repeat(256) });
      wrk(pid, ["-d1s", ...args, `${url}/v1/kv/k`]);
      rows.set("HTTP GET, 64 clients", wrk(pid, [`-d${values.seconds}s`, ...args, `${url}/v1/kv/k`]));
      rows.set("HTTP PUT, 64 clients", wrk(pid, [`-d${values.seconds}s`, ...args, "-s", script, url]));
    }
    if (!list(values.doors).includes("tcp")) return rows;
    redisBenchmark(pid, port, "set", 64, 1, 30_000);
    for (const clients of list(values.clients)) {
      for (const pipeline of list(values.pipeline)) {
        for (const test of ["get", "set"]) {
          const requests = Number(values.requests) * (pipeline === "1" ? 1 : 4);
          const name = `TCP ${test.toUpperCase()}, ${clients} clients, pipeline ${pipeline}`;
          rows.set(name, redisBenchmark(pid, port, test, clients, pipeline, requests));
        }
      }
    }
    return rows;
  });
}

const counts = list(values.threads);
const all = counts.map(() => []);
for (let round = 0; round < Number(values.rounds); round++) {
  const order = counts.map((_, index) => (index + round) % counts.length);
  for (const index of order) all[index].push(await measure(counts[index]));
}
console.log("| | threads | requests/s | CPU µs/request | to 1 thread (min–max) |\n|---|---|---|---|---|");
for (const name of all[0][0].keys()) {
  for (const [index, threads] of counts.entries()) {
    const rows = all[index].map((round) => round.get(name));
    const ratios = rows.map(({ rate }, round) => rate / all[0][round].get(name).rate);
    const rate = Math.round(median(rows.map((row) => row.rate))).toLocaleString("en");
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    const cpu = median(rows.map((row) => row.cpu_us)).toFixed(1);
    console.log(`| ${name} | ${threads} | ${rate} | ${cpu} | ${median(ratios).toFixed(2)} (${range}) |`);
  }
}
