/**
 * The built kvserver as processes of their own, alone or as replicas of one another, with their data on the disk that
 * holds the repository; and what they say of themselves.
 *
 * BENCH_KVSERVER in the environment names another program in its place: a build to compare with, or one that profiles.
 *
 * Invariant: what was started is ended by its own process id, and its data removed, whatever happens in between.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { StatusPage } from "../../src/server/status_page.ts";
import { freePorts } from "../../tests/support/free_ports.ts";

const root = resolve(import.meta.dirname, "../..");
/** How long servers may take to be ready, and to stop. */
const START_MS = 30_000;
const STOP_MS = 10_000;
const POLL_MS = 20;
/** What `/proc` counts processor time in, on every Linux that kvpaxos runs on. */
const TICK_US = 10_000;
/** Where a server takes HTTP, above its main port. */
const HTTP_PORT_OFFSET = 1000;

/** Servers under measurement. */
export interface RunningServers {
  /** Their main ports. */
  readonly ports: readonly number[];
  /** Their figures. */
  status(): Promise<StatusPage[]>;
  /** The processor time that they have used together, in microseconds; null where the system does not say. */
  processorTime_us(): number | null;
  /** Where each keeps its data. */
  readonly directories: readonly string[];
  /** The process of one of them. */
  pid(index: number): number;
  /** Ends one of them in good order. */
  stop(index: number): Promise<void>;
  /** Starts one that was stopped, and waits until it is ready: how long that took, in milliseconds. */
  start(index: number): Promise<number>;
}

/** Starts so many servers, uses them, and ends them. */
export async function withServers<Result>(
  { replicas, flags = [] }: { readonly replicas: number; readonly flags?: readonly string[] },
  use: (servers: RunningServers) => Promise<Result>,
): Promise<Result> {
  mkdirSync(join(root, ".bench"), { recursive: true });
  const folder = mkdtempSync(join(root, ".bench", "servers-"));
  const ports = await freePorts(replicas);
  const peers = ports.map((port) => `127.0.0.1:${port}`).join(",");
  const directories = ports.map((port) => join(folder, `${port}`));
  const children: ChildProcess[] = [];
  const launch = (index: number): void => {
    const port = ports[index]!;
    const args = ["--port", `${port}`, "--data-dir", directories[index]!, "--log-level", "error"];
    if (replicas > 1) args.push("--peers", peers);
    const program = process.env.BENCH_KVSERVER ?? join(root, "dist", "kvserver");
    children[index] = spawn(program, [...args, ...flags], { stdio: ["ignore", "ignore", "inherit"] });
  };
  const end = (): void => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", end);
  try {
    for (let index = 0; index < replicas; index++) launch(index);
    await Promise.all(ports.map((port, i) => untilReady(port, children[i]!)));
    return await use({
      ports,
      status: () => Promise.all(ports.map((port) => statusOf(port))),
      processorTime_us: () => processorTime_us(children),
      directories,
      pid: (index) => children[index]!.pid!,
      stop: (index) => stop(children[index]!),
      start: async (index) => {
        const begun = performance.now();
        launch(index);
        await untilReady(ports[index]!, children[index]!);
        return performance.now() - begun;
      },
    });
  } finally {
    await Promise.all(children.map(stop));
    process.off("exit", end);
    end();
  }
}

async function untilReady(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`kvserver on port ${port} ended with exit code ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port + HTTP_PORT_OFFSET}/readyz`).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    if (performance.now() > deadline) throw new Error(`kvserver on port ${port} is not ready after ${START_MS} ms`);
    await new Promise((wait) => setTimeout(wait, POLL_MS));
  }
}

async function statusOf(port: number): Promise<StatusPage> {
  const response = await fetch(`http://127.0.0.1:${port + HTTP_PORT_OFFSET}/v1/status`);
  return await response.json() as StatusPage;
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.once("exit", () => {
      clearTimeout(timer);
      done();
    });
    child.kill("SIGTERM");
  });
}

function processorTime_us(children: readonly ChildProcess[]): number | null {
  let ticks = 0;
  for (const { pid } of children) {
    let line: string;
    try {
      line = readFileSync(`/proc/${pid}/stat`, "utf8");
    } catch {
      // Not Linux.
      return null;
    }
    // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_US;
}
