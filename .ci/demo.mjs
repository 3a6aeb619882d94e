// npm run demo: five replicas on this machine with their data on disk, used through each of them; the leader is killed.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const REPLICAS = 5;
const root = new URL("..", import.meta.url).pathname;
const kvserver = join(root, "dist", "kvserver");
const kvclient = join(root, "dist", "kvclient");
const folder = mkdtempSync(join(tmpdir(), "kvpaxos-demo-"));
const started = performance.now();
/** The replicas' processes, in the order of their ports. */
const processes = [];

function say(text) {
  console.log(`\n== ${text}`);
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

/** Runs kvclient; returns what it printed. */
function client(server, ...args) {
  const { status, stdout, stderr } = spawnSync(kvclient, ["--server", server, ...args], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder },
  });
  if (status !== 0) throw new Error(`kvclient ${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** The same, with its output shown. */
function show(server, ...args) {
  process.stdout.write(client(server, ...args));
}

function startReplica(index) {
  const flags = ["--port", String(ports[index]), "--data-dir", join(folder, `kvserver-${ports[index]}`)];
  const child = spawn(kvserver, [...flags, "--peers", addresses.join(","), "--log-level", "error"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  child.exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  processes[index] = child;
}

async function until(what, holds) {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited for 20 s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ready(index) {
  await until(`the replica at port ${ports[index]} was ready`, async () => {
    if (processes[index].exitCode !== null) throw new Error(`the replica at port ${ports[index]} ended`);
    const answer = await fetch(`http://127.0.0.1:${ports[index] + 1000}/readyz`).catch(() => null);
    return answer?.status === 200;
  });
}

async function place(index) {
  const status = await (await fetch(`http://127.0.0.1:${ports[index] + 1000}/v1/status`)).json();
  return status.replication.cluster;
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

const ports = await freePorts();
const addresses = ports.map((port) => `127.0.0.1:${port}`);
let code = 0;
try {
  say(`Starting ${REPLICAS} replicas, each a process with its data on disk: ${addresses.join(", ")}`);
  const since = performance.now();
  for (let index = 0; index < REPLICAS; index++) startReplica(index);
  await Promise.all(ports.map((_, index) => ready(index)));
  console.log(`Ready after ${seconds(since)}. They have agreed on a leader; clients may talk to any of them:\n`);
  show(addresses[0], "status");

  say("5 PUTs, 5 GETs and 5 DELETEs, each phase through another replica, every reply verified");
  show(addresses.join(","), "demo", "--spread");

  say("The same over UDP, HTTP and RPC (only the last line of each)");
  for (const [index, protocol] of ["UDP", "HTTP", "RPC"].entries()) {
    const lines = client(addresses[index + 2], "demo", "--protocol", protocol).trimEnd().split("\n");
    console.log(`${protocol.padEnd(4)} through ${addresses[index + 2]}: ${lines.at(-1)}`);
  }

  let leader = null;
  await until("there was a leader", async () => {
    leader = (await place(0)).leader;
    return leader !== null;
  });
  const others = ports.map((_, index) => index).filter((index) => index !== leader);
  say(`A write through the leader (${addresses[leader]}), then kill -9 of it: what was acknowledged must not be lost`);
  show(addresses[leader], "put", "survivor", "still here");
  processes[leader].kill("SIGKILL");
  await processes[leader].exited;
  const killed = performance.now();
  show(addresses[others[0]], "put", "after", "written without the old leader");
  console.log(`The others chose a new leader and took that write ${seconds(killed)} after the kill.`);
  for (const index of others) {
    const values = ["survivor", "after"].map((key) => client(addresses[index], "get", key));
    console.log(`${addresses[index]} reads: ${values.map((value) => JSON.stringify(value)).join(", ")}`);
    if (values.join() !== "still here,written without the old leader") throw new Error("a write was lost");
  }

  say(`Starting ${addresses[leader]} again: it reads its log and catches up with the others`);
  startReplica(leader);
  await ready(leader);
  await until("it has caught up", async () => {
    const [its, theirs] = [await place(leader), await place(others[0])];
    return its.appliedSlot >= theirs.chosenSlot;
  });
  const value = client(addresses[leader], "get", "after");
  console.log(`${addresses[leader]} reads: ${JSON.stringify(value)}\n`);
  if (value !== "written without the old leader") throw new Error("the restarted replica did not catch up");
  show(addresses[leader], "status");

  say("Stopping all replicas with SIGTERM");
  for (const child of processes) child.kill("SIGTERM");
  const codes = await Promise.all(processes.map((child) => child.exited));
  if (codes.some((each) => each !== 0)) throw new Error(`the replicas ended with ${codes.join(", ")}`);
  console.log(`\nThe demo passed in ${seconds(started)}.`);
} catch (error) {
  console.error(`\nThe demo FAILED: ${error.message}`);
  code = 1;
} finally {
  for (const child of processes) if (child?.exitCode === null) child.kill("SIGKILL");
  await Promise.all(processes.map((child) => child?.exited));
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);
