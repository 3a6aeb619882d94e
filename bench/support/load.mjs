// What the scripts beside share: a process that serves, wrk and redis-benchmark at it, and medians.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/** So many microseconds is a tick of /proc. */
const TICK_US = 10_000;

export function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Runs `command` until `use` is done; `url` is asked until it answers. */
export async function withProcess(command, url, use) {
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  try {
    for (let attempt = 0; (await fetch(url).catch(() => null)) === null; attempt++) {
      if (attempt > 500 || child.exitCode !== null) throw new Error(`nothing answers at ${url}`);
      await new Promise((wait) => setTimeout(wait, 20));
    }
    return await use(child.pid);
  } finally {
    child.kill("SIGTERM");
    await exited;
  }
}

/** The processor time of a process, all threads together. */
export function processorTime_us(pid) {
  const line = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Requests a second by wrk, and the processor time of each. */
export function wrk(pid, args) {
  const before_us = processorTime_us(pid);
  const { stdout, stderr, status } = spawnSync("wrk", args, { encoding: "utf8" });
  const used_us = processorTime_us(pid) - before_us;
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  const count = /(\d+) requests in/.exec(stdout)?.[1];
  if (status !== 0 || rate === undefined || /Non-2xx/.test(stdout)) throw new Error(`wrk failed: ${stdout}${stderr}`);
  return { rate: Number(rate), cpu_us: used_us / Number(count) };
}

/** Requests a second by redis-benchmark, and the processor time of each. */
export function redisBenchmark(pid, port, test, clients, pipeline, requests) {
  const before_us = processorTime_us(pid);
  const { stdout, stderr, status } = spawnSync("redis-benchmark", [
    ...["-p", `${port}`, "-t", test, "-c", `${clients}`, "-P", `${pipeline}`, "-d", "256"],
    ...["-n", `${requests}`, "-r", "10000", "--threads", "2", "--csv"],
  ], { encoding: "utf8" });
  const used_us = processorTime_us(pid) - before_us;
  const line = stdout.split("\n").find((each) => each.toLowerCase().startsWith(`"${test}"`));
  if (status !== 0 || line === undefined) throw new Error(`redis-benchmark failed: ${stdout}${stderr}`);
  return { rate: Number(line.split(",")[1].replaceAll('"', "")), cpu_us: used_us / requests };
}

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
