/**
 * Load on servers from programs of their own: redis-benchmark where there is one, which nobody here wrote, or else
 * `kvclient bench`.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** What to do to servers. */
export interface Load {
  readonly operation: "set" | "get";
  /** How many connections, dealt over the servers. */
  readonly clients: number;
  /** How many commands each connection has under way; 0 where their rate is given. */
  readonly pipeline: number;
  /** How many operations a second are issued, answered or not; null for as many as are answered. */
  readonly offered_per_s: number | null;
  readonly value_bytes: number;
  readonly keys: number;
  /** About how long. */
  readonly duration_ms: number;
}

/** What came of it. */
export interface Measured {
  readonly operations: number;
  readonly rate_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** A program that makes load. */
export interface Generator {
  readonly name: string;
  run(ports: readonly number[], load: Load): Promise<Measured>;
}

/** redis-benchmark, or what there is. */
export function findGenerator(wanted: string | undefined): Generator {
  const hasRedis = spawnSync("redis-benchmark", ["--version"], { stdio: "ignore" }).status === 0;
  if (wanted === "kvclient" || wanted === undefined && !hasRedis) return { name: "kvclient bench", run: runKvclient };
  if (!hasRedis) throw new Error("there is no redis-benchmark: install Debian's redis-tools, or choose kvclient");
  return { name: "redis-benchmark", run: runRedisBenchmark };
}

/** How many requests one connection makes at least, and how many are made to learn the rate. */
const LEAST_EACH = 20;
const PROBE_OPERATIONS = 2000;

async function runRedisBenchmark(ports: readonly number[], load: Load): Promise<Measured> {
  const least = LEAST_EACH * load.clients * load.pipeline;
  const probe = await redisBenchmarks(ports, load, Math.max(PROBE_OPERATIONS, least));
  const operations = Math.max(least, Math.round(probe.rate_per_s * load.duration_ms / 1000));
  return await redisBenchmarks(ports, load, operations);
}

/** One process for each server, all at once: their rates add up, and the worst of the slowest stands for all. */
async function redisBenchmarks(all: readonly number[], load: Load, operations: number): Promise<Measured> {
  const ports = all.slice(0, load.clients);
  const each = Math.ceil(operations / ports.length);
  const parts = await Promise.all(ports.map(async (port, i) => {
    const clients = Math.floor(load.clients / ports.length) + (i < load.clients % ports.length ? 1 : 0);
    const output = await outputOf("redis-benchmark", [
      ...["-p", `${port}`, "-t", load.operation, "-c", `${clients}`, "-P", `${load.pipeline}`],
      ...["-d", `${load.value_bytes}`, "-r", `${load.keys}`, "-n", `${each}`, "--csv"],
    ]);
    const [headings, figures] = output.split("\n").filter((line) => line.startsWith('"')).map((line) =>
      line.split(",").map((cell) => cell.replaceAll('"', ""))
    );
    const figure = (name: string): number => Number(figures?.[headings!.indexOf(name)]);
    return { rate: figure("rps"), p50: figure("p50_latency_ms"), p99: figure("p99_latency_ms"), clients };
  }));
  const sum = (of: (part: typeof parts[number]) => number): number => parts.reduce((all, part) => all + of(part), 0);
  return {
    operations: each * ports.length,
    rate_per_s: sum(({ rate }) => rate),
    p50_ms: sum(({ p50, clients }) => p50 * clients) / load.clients,
    p99_ms: Math.max(...parts.map(({ p99 }) => p99)),
  };
}

async function runKvclient(ports: readonly number[], load: Load): Promise<Measured> {
  const output = await outputOf(join(root, "dist", "kvclient"), [
    ...["bench", "--server", ports.map((port) => `127.0.0.1:${port}`).join(",")],
    ...["--clients", `${load.clients}`, "--value-size", `${load.value_bytes}`],
    ...(load.offered_per_s === null ? ["--pipeline", `${load.pipeline}`] : ["--rate", `${load.offered_per_s}`]),
    ...["--keys", `${load.keys}`, "--read-share", load.operation === "get" ? "1" : "0"],
    ...["--duration", `${load.duration_ms}ms`, "--no-progress", "-o", "json"],
  ]);
  const { total } = JSON.parse(output) as {
    readonly total: {
      readonly operations: number;
      readonly ops_per_s: number;
      readonly p50_us: number;
      readonly p99_us: number;
    };
  };
  return {
    operations: total.operations,
    rate_per_s: total.ops_per_s,
    p50_ms: total.p50_us / 1000,
    p99_ms: total.p99_us / 1000,
  };
}

function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => errors += new TextDecoder().decode(chunk));
    child.once("error", fail);
    child.once("close", (code) => {
      if (code === 0) done(output);
      else fail(new Error(`${program} ${args.join(" ")} ended with exit code ${code}: ${output}${errors}`));
    });
  });
}
