/**
 * What it costs to be scraped: five replicas under full load, with and without a scrape of all five `/metrics` each
 * second, in turn, pair after pair; and the processor time of one scrape of a server that has nothing else to do.
 *
 * More often than each second makes a cost visible that is far below what runs differ by; the shares are then those of
 * one scrape a second, and of one in 15 s, as Prometheus has it.
 *
 * ```sh
 * node bench/scrape.ts [--pairs 9] [--seconds 3] [--clients 64] [--every 1]
 * ```
 *
 * Needs redis-benchmark and the built kvserver. The scraper runs on the same machine, so that what it takes itself counts.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { type RunningServers, withServers } from "./support/servers.ts";
import { markdownTable, median, shown } from "./support/table.ts";

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "9" },
    seconds: { type: "string", default: "3" },
    clients: { type: "string", default: "64" },
    every: { type: "string", default: "1" },
  },
});
const [pairs, seconds, clients, every_s] = [values.pairs, values.seconds, values.clients, values.every].map(Number) as [
  number,
  number,
  number,
  number,
];
const REPLICAS = 5;
const HTTP_PORT_OFFSET = 1000;
/** As often as Prometheus scrapes unless told otherwise. */
const PROMETHEUS_S = 15;
const IDLE_SCRAPES = 300;

async function scrape(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port + HTTP_PORT_OFFSET}/metrics`);
  const text = await response.text();
  if (!response.ok || !text.includes("kvpaxos_requests_total")) {
    throw new Error(`no metrics: ${response.status} ${text}`);
  }
  return text.length;
}

/** Requests a second of one redis-benchmark. */
function benchmark(port: number, test: string, share: number, requests: number): Promise<number> {
  const args = ["-p", port, "-t", test, "-c", share, "-d", 256, "-n", requests, "-r", 10_000, "--csv"].map(String);
  const child = spawn("redis-benchmark", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const line = output.split("\n").find((each) => each.toLowerCase().startsWith(`"${test}"`));
      if (code !== 0 || line === undefined) reject(new Error(`redis-benchmark ended with ${code}: ${output}`));
      else resolve(Number(line.split(",")[1]!.replaceAll('"', "")));
    });
  });
}

/** Requests a second of all replicas together. */
async function load({ ports }: RunningServers, test: string, requests: number): Promise<number> {
  const shares = ports.map((_, i) => Math.floor(clients / REPLICAS) + (i < clients % REPLICAS ? 1 : 0));
  const rates = await Promise.all(ports.map((port, i) => {
    return benchmark(port, test, shares[i]!, Math.round(requests * shares[i]! / clients));
  }));
  return rates.reduce((sum, rate) => sum + rate, 0);
}

/** The same, with scrapes. */
async function scraped(servers: RunningServers, test: string, requests: number): Promise<number> {
  const scrapes: Promise<unknown>[] = [];
  const all = (): void => void scrapes.push(...servers.ports.map(scrape));
  const timer = setInterval(all, every_s * 1000);
  all();
  try {
    return await load(servers, test, requests);
  } finally {
    clearInterval(timer);
    await Promise.all(scrapes);
  }
}

await withServers({ replicas: REPLICAS }, async (servers) => {
  const rows: string[][] = [];
  for (const test of ["set", "get"]) {
    // The first run warms up, and says how many requests take that long.
    const requests = Math.round(await load(servers, test, 50_000) * seconds);
    await load(servers, test, requests / 2);
    const without: number[] = [];
    const costs: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const rates = { without: 0, with: 0 };
      for (const which of pair % 2 === 0 ? ["without", "with"] as const : ["with", "without"] as const) {
        rates[which] = await (which === "with" ? scraped : load)(servers, test, requests);
      }
      without.push(rates.without);
      costs.push(1 - rates.with / rates.without);
    }
    const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
    const cost = median(costs);
    rows.push([
      test.toUpperCase(),
      shown(median(without)),
      percent(cost),
      `${percent(Math.min(...costs))} to ${percent(Math.max(...costs))}`,
      ...[1, PROMETHEUS_S].map((interval_s) => percent(cost * every_s / interval_s)),
    ]);
  }
  console.log(
    `${pairs} pairs of ${seconds} s, ${clients} clients, 256 bytes; a scrape of all replicas each ${every_s} s`,
  );
  const headings = ["", "requests/s", "cost, median", "of the pairs", "at one a second", `at one in ${PROMETHEUS_S} s`];
  console.log(markdownTable(headings, rows));

  const before = servers.processorTime_us();
  const began = performance.now();
  let bytes = 0;
  for (let i = 0; i < IDLE_SCRAPES; i++) bytes = await scrape(servers.ports[i % REPLICAS]!);
  const took_ms = performance.now() - began;
  const scraping_us = (servers.processorTime_us() ?? Number.NaN) - (before ?? Number.NaN);
  // Replicas that have nothing to do have heartbeats.
  const idle = servers.processorTime_us();
  await new Promise((wait) => setTimeout(wait, took_ms));
  const idle_us = (servers.processorTime_us() ?? Number.NaN) - (idle ?? Number.NaN);
  const each_ms = (scraping_us - idle_us) / IDLE_SCRAPES / 1000;
  console.log(`one scrape: ${bytes} bytes, ${each_ms.toFixed(2)} ms of a server's processor time`);
});
