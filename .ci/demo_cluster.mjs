// Five replicas on this machine with their data on disk, for the demos: started, killed, used through kvclient, stopped.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const REPLICAS = 5;
const root = new URL("..", import.meta.url).pathname;
const kvserver = join(root, "dist", "kvserver");
const kvclient = join(root, "dist", "kvclient");

export function say(text) {
  console.log(`\n== ${text}`);
}

export function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

export async function until(what, holds) {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited for 20 s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** The first of five ports in a row that are free, with those 1000 above them (HTTP). */
async function freePorts() {
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = attempt === 0 ? 32_000 : 11_000 + Math.floor(Math.random() * 18_000);
    const ports = Array.from({ length: REPLICAS }, (_, index) => first + index);
    const free = await Promise.all([...ports, ...ports.map((port) => port + 1000)].map(isFree));
    if (free.every(Boolean)) return ports;
  }
  throw new Error("no five free ports in a row found, with those 1000 above them");
}

/** The replicas of a demo, counted from 0. */
class DemoCluster {
  #flags;
  #folder;
  #processes = [];

  constructor(ports, flags, folder) {
    this.ports = ports;
    this.addresses = ports.map((port) => `127.0.0.1:${port}`);
    this.ids = ports.map((_, index) => index);
    this.#flags = flags;
    this.#folder = folder;
  }

  /** Runs kvclient, which must succeed; returns what it printed. */
  client(server, ...args) {
    const { status, stdout, stderr } = spawnSync(kvclient, ["--server", server, ...args], {
      encoding: "utf8",
      timeout: 30_000,
      env: { ...process.env, XDG_CONFIG_HOME: this.#folder, XDG_STATE_HOME: this.#folder },
    });
    if (status !== 0) throw new Error(`kvclient ${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  /** The same, with its output shown. */
  show(server, ...args) {
    process.stdout.write(this.client(server, ...args));
  }

  start(index) {
    const port = this.ports[index];
    const flags = ["--port", String(port), "--data-dir", join(this.#folder, `kvserver-${port}`), ...this.#flags];
    const child = spawn(kvserver, [...flags, "--peers", this.addresses.join(","), "--log-level", "error"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    child.exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    this.#processes[index] = child;
  }

  async ready(index) {
    const port = this.ports[index];
    await until(`the replica at port ${port} was ready`, async () => {
      if (this.#processes[index].exitCode !== null) throw new Error(`the replica at port ${port} ended`);
      const answer = await fetch(`http://127.0.0.1:${port + 1000}/readyz`).catch(() => null);
      return answer?.status === 200;
    });
  }

  async status(index) {
    return await (await fetch(`http://127.0.0.1:${this.ports[index] + 1000}/v1/status`)).json();
  }

  /** kill -9. */
  async kill(index) {
    this.#processes[index].kill("SIGKILL");
    await this.#processes[index].exited;
  }

  /** SIGTERM to all. */
  async stop() {
    for (const child of this.#processes) child.kill("SIGTERM");
    const codes = await Promise.all(this.#processes.map((child) => child.exited));
    if (codes.some((each) => each !== 0)) throw new Error(`the replicas ended with ${codes.join(", ")}`);
  }

  /** Starts all, and shows what they say of themselves; the acts that both demos begin with. */
  async begin(agreed) {
    say(`Starting ${REPLICAS} replicas, each a process with its data on disk: ${this.addresses.join(", ")}`);
    const since = performance.now();
    for (const index of this.ids) this.start(index);
    await Promise.all(this.ids.map((index) => this.ready(index)));
    console.log(`Ready after ${seconds(since)}. ${agreed}\n`);
    this.show(this.addresses[0], "status");

    say("5 PUTs, 5 GETs and 5 DELETEs, each phase through another replica, every reply verified");
    this.show(this.addresses.join(","), "demo", "--spread");

    say("The same over UDP, HTTP and RPC (only the last line of each)");
    for (const [index, protocol] of ["UDP", "HTTP", "RPC"].entries()) {
      const lines = this.client(this.addresses[index + 2], "demo", "--protocol", protocol).trimEnd().split("\n");
      console.log(`${protocol.padEnd(4)} through ${this.addresses[index + 2]}: ${lines.at(-1)}`);
    }
  }

  async end() {
    for (const child of this.#processes) if (child?.exitCode === null) child.kill("SIGKILL");
    await Promise.all(this.#processes.map((child) => child?.exited));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs a demo on replicas that are started with `flags`, and ends this process with 0 when it passes. */
export async function runDemo(flags, story) {
  const started = performance.now();
  const cluster = new DemoCluster(await freePorts(), flags, mkdtempSync(join(tmpdir(), "kvpaxos-demo-")));
  let code = 0;
  try {
    await story(cluster);
    say("Stopping all replicas with SIGTERM");
    await cluster.stop();
    console.log(`\nThe demo passed in ${seconds(started)}.`);
  } catch (error) {
    console.error(`\nThe demo FAILED: ${error.message}`);
    code = 1;
  } finally {
    await cluster.end();
  }
  process.exit(code);
}
