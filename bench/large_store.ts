/**
 * What a large store and large values cost five replicas: memory, restart, snapshots under load, catch-up, bandwidth.
 *
 * usage: node bench/large_store.ts memory|restart|snapshots|catchup|values|queues
 *          [--keys 1000000] [--size 256] [--clients 64] [--seconds 60] [--rounds 3] [--replicas 5] [--flags "…"]
 *
 * - memory: resident memory of every replica after loading, after a restart and after a catch-up by snapshot, beside
 *   Redis (redis-server, if there is one) with the same data.
 * - restart: how long one server alone, and one replica of five, take from their start to ready; and processor time.
 * - snapshots: p99 of writes while some replica writes a snapshot, and while none does.
 * - catchup: a replica that was down since before the first key comes back while the others serve.
 * - values: bytes a second of 1 MiB values, beside what as many processes write and sync at once.
 * - queues: the most memory that replicas take while many clients write 1 MiB values.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "../tests/support/free_ports.ts";
import { diskRate, writeSequentially } from "./support/disk_rate.ts";
import { type RunningServers, withServers } from "./support/servers.ts";
import { markdownTable, shown } from "./support/table.ts";
import { fill, percentile, startWriters, type Write } from "./support/writers.ts";

const MIB = 1024 * 1024;
/** Few, so that the log is what is measured, and not the snapshots of all that is stored. */
const LARGE_KEYS = 16;
const root = resolve(import.meta.dirname, "..");

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: "string", default: "1000000" },
    size: { type: "string", default: "256" },
    clients: { type: "string", default: "64" },
    seconds: { type: "string", default: "60" },
    rounds: { type: "string", default: "3" },
    replicas: { type: "string", default: "5" },
    flags: { type: "string", default: "" },
  },
});
const written = { keys: Number(flags.keys), value_bytes: Number(flags.size) };
const replicas = Number(flags.replicas);
const clients = Number(flags.clients);
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const serverFlags = flags.flags.split(" ").filter((flag) => flag !== "");

const pause = (ms: number): Promise<void> => new Promise((wait) => setTimeout(wait, ms));

/** A figure of /proc/PID/status in MiB. */
function memoryOf(pid: number, name: "VmRSS" | "VmHWM"): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").split("\n").find((each) => each.startsWith(name));
  return Number(line?.replaceAll(/\D/g, "")) / 1024;
}

function residents(servers: RunningServers, name: "VmRSS" | "VmHWM" = "VmRSS"): number[] {
  return servers.ports.map((_, index) => memoryOf(servers.pid(index), name));
}

function processorTime_s(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const listed = (figures: readonly number[]): string => figures.map((figure) => Math.round(figure)).join(", ");

/** Waits until all replicas have applied the same, and none writes a snapshot. */
async function settled(servers: RunningServers, within_ms = 30_000): Promise<void> {
  const deadline = performance.now() + within_ms;
  for (;;) {
    const pages = await servers.status();
    const revisions = new Set(pages.map(({ store }) => store.revision));
    if (revisions.size === 1 && !servers.directories.some(isWritingSnapshot)) return;
    if (performance.now() > deadline) throw new Error(`the replicas differ: revisions ${[...revisions].join(", ")}`);
    await pause(50);
  }
}

/** A snapshot has this name until it is whole. */
function isWritingSnapshot(directory: string): boolean {
  return readdirSync(directory).some((name) => name.startsWith("snapshot-") && name.endsWith(".tmp"));
}

async function withRedis<Result>(use: (port: number, pid: number) => Promise<Result>): Promise<Result | null> {
  if (spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status !== 0) return null;
  mkdirSync(join(root, ".bench"), { recursive: true });
  const folder = mkdtempSync(join(root, ".bench", "redis-"));
  const [port] = await freePorts(1);
  const child = spawn("redis-server", ["--port", `${port}`, "--dir", folder, "--appendonly", "yes", "--save", ""], {
    stdio: "ignore",
  });
  const exited = new Promise((done) => child.once("exit", done));
  try {
    await pause(500);
    return await use(port!, child.pid!);
  } finally {
    child.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A replica that does not lead. */
async function follower(servers: RunningServers): Promise<number> {
  const pages = await servers.status();
  const found = pages.findLastIndex(({ replication }) => replication.cluster?.role === "follower");
  return found;
}

interface CaughtUp {
  readonly ready_ms: number;
  readonly caughtUp_ms: number;
  readonly snapshots: number;
}

/** Starts a replica, and waits until it has applied all that another had applied when it began. */
async function catchUp(servers: RunningServers, index: number, least_keys: number): Promise<CaughtUp> {
  const begun = performance.now();
  const other = (index + 1) % servers.ports.length;
  const ready_ms = await servers.start(index);
  for (;;) {
    const pages = await servers.status();
    const { replication, store } = pages[index]!;
    const lag = pages[other]!.replication.cluster!.appliedSlot - replication.cluster!.appliedSlot;
    if (store.keys >= least_keys && lag < 100) {
      const snapshots = replication.cluster!.snapshotsInstalled;
      return { ready_ms, caughtUp_ms: performance.now() - begun, snapshots };
    }
    if (performance.now() - begun > 120_000) throw new Error(`not caught up after 120 s: ${lag} slots behind`);
    await pause(50);
  }
}

/** Latencies of writes, as cells. */
function latencies(writes: readonly Write[]): string[] {
  const taken = writes.filter(({ error }) => error === null).map(({ took_ms }) => took_ms);
  const cells = [
    percentile(taken, 0.5),
    percentile(taken, 0.99),
    percentile(taken, 0.999),
    Math.max(0, ...tail(taken)),
  ];
  return [`${taken.length}`, ...cells.map(shown), `${writes.length - taken.length}`];
}

/** The largest ones: `Math.max` takes only so many arguments. */
function tail(figures: readonly number[]): number[] {
  return figures.toSorted((a, b) => b - a).slice(0, 1);
}
const LATENCY_HEADINGS = ["writes", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "errors"];

/** The texts of errors, each once whatever numbers are in it. */
function told(writes: readonly Write[]): void {
  const counts = new Map<string, number>();
  for (const { error } of writes) {
    const text = error?.replaceAll(/\d+/g, "N");
    if (text !== undefined) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  for (const [text, count] of counts) console.log(`${count} errors: ${text}`);
}

async function memory(): Promise<void> {
  const redis = await withRedis(async (port, pid) => {
    await fill([port], written);
    return memoryOf(pid, "VmRSS");
  });
  const rows: string[][] = [];
  const add = (when: string, figures: readonly number[]): void => {
    const ratio = redis === null ? "–" : shown(Math.max(...figures) / redis);
    rows.push([when, listed(figures), ratio]);
  };
  await withServers({ replicas, flags: serverFlags }, async (servers) => {
    const away = await follower(servers);
    await servers.stop(away);
    const there = servers.ports.filter((_, index) => index !== away);
    console.log(`loaded in ${shown(await fill(there, written) / 1000)} s`);
    await pause(2000);
    add("four after loading", there.map((port) => memoryOf(servers.pid(servers.ports.indexOf(port)), "VmRSS")));
    await catchUp(servers, away, written.keys);
    await settled(servers);
    add(`after a catch-up by ${away + 1}`, residents(servers));
    await pause(10_000);
    add("10 s later", residents(servers));
    for (const index of servers.ports.keys()) {
      await servers.stop(index);
      await servers.start(index);
    }
    await settled(servers);
    add("after a restart of each", residents(servers));
    const writers = startWriters(servers.ports, clients, written);
    await pause(20_000);
    await writers.stop();
    await settled(servers);
    add("after 20 s of overwriting", residents(servers));
  });
  console.log(`Redis: ${redis === null ? "not there" : `${Math.round(redis)} MiB`}`);
  console.log(markdownTable(["resident memory of each replica", "MiB", "largest beside Redis"], rows));
}

async function restart(): Promise<void> {
  const rows: string[][] = [];
  for (const count of [1, replicas]) {
    await withServers({ replicas: count, flags: serverFlags }, async (servers) => {
      await fill(servers.ports, written);
      if (count > 1) await settled(servers);
      for (let round = 0; round < rounds; round++) {
        const index = count === 1 ? 0 : await follower(servers);
        await servers.stop(index);
        const took_ms = await servers.start(index);
        const time_s = processorTime_s(servers.pid(index));
        const keys = (await servers.status())[index]!.store.keys;
        rows.push([count === 1 ? "one server" : `one of ${count}`, shown(took_ms / 1000), shown(time_s), `${keys}`]);
      }
    });
  }
  console.log(markdownTable(["restart", "s to ready", "processor s", "keys"], rows));
}

async function snapshots(): Promise<void> {
  await withServers({ replicas, flags: serverFlags }, async (servers) => {
    await fill(servers.ports, written);
    await settled(servers);
    const taken = async (): Promise<number[]> => (await servers.status()).map((page) => page.replication.snapshots);
    const before = await taken();
    const spans: { from: number; to: number }[] = [];
    let since: number | null = null;
    const timer = setInterval(() => {
      const isWriting = servers.directories.some(isWritingSnapshot);
      if (isWriting) since ??= performance.now();
      else if (since !== null) {
        spans.push({ from: since, to: performance.now() });
        since = null;
      }
    }, 10);
    const writers = startWriters(servers.ports, clients, written);
    await pause(5000);
    const begun = performance.now();
    await pause(seconds * 1000);
    await writers.stop();
    clearInterval(timer);
    if (since !== null) spans.push({ from: since, to: performance.now() });
    const writes = writers.writes.filter((write) => write.begun >= begun);
    const isDuring = (write: Write): boolean =>
      spans.some(({ from, to }) => write.begun < to && write.begun + write.took_ms > from);
    const [during, usual] = [writes.filter(isDuring), writes.filter((write) => !isDuring(write))];
    const after = await taken();
    told(writes);
    console.log(`snapshots written: ${after.map((count, index) => count - before[index]!).join(", ")}`);
    console.log(`times: ${spans.map(({ from, to }) => shown((to - from) / 1000)).join(", ")} s`);
    console.log(markdownTable(["", ...LATENCY_HEADINGS], [
      ["usual", ...latencies(usual)],
      ["during a snapshot", ...latencies(during)],
    ]));
    const p99 = (of: readonly Write[]): number => percentile(of.map(({ took_ms }) => took_ms), 0.99);
    console.log(`p99 beside the usual: ${shown(p99(during) / p99(usual))}`);
  });
}

async function catchup(): Promise<void> {
  await withServers({ replicas, flags: serverFlags }, async (servers) => {
    const away = await follower(servers);
    await servers.stop(away);
    const there = servers.ports.filter((_, index) => index !== away);
    console.log(`loaded in ${shown(await fill(there, written) / 1000)} s`);
    // Once two snapshots are stored the log does not reach back to the first key any more.
    while (servers.directories.some(isWritingSnapshot)) await pause(100);
    // Alone one after the other at each replica, and many: what hinders one write shows better in the first.
    const lone = there.map((port) => startWriters([port], 1, written));
    const many = startWriters(there, Number(flags.clients), written);
    const own = startWriters([servers.ports[away]!], 1, written);
    const rows: string[][] = [];
    await pause(5000);
    const begun = performance.now();
    const result = await catchUp(servers, away, written.keys);
    const end = performance.now();
    await pause(6000);
    for (const writers of [...lone, many, own]) await writers.stop();
    const loneWrites = lone.flatMap(({ writes }) => writes);
    const ownWrites = own.writes.filter(({ error }) => error !== "the connection ended");
    const isDuring = ({ begun: at, took_ms }: Write): boolean => at < end && at + took_ms > begun;
    const warm = begun - 4000;
    const pick = (writes: readonly Write[], during: boolean): Write[] =>
      writes.filter((write) => write.begun > warm && write.begun < begun + 60_000 && isDuring(write) === during);
    rows.push(["one at each of the others, usual", ...latencies(pick(loneWrites, false))]);
    rows.push(["one at each of the others, during", ...latencies(pick(loneWrites, true))]);
    rows.push([`${clients} at the others, usual`, ...latencies(pick(many.writes, false))]);
    rows.push([`${clients} at the others, during`, ...latencies(pick(many.writes, true))]);
    rows.push(["one at the replica that comes back", ...latencies(ownWrites)]);
    told([...loneWrites, ...many.writes, ...ownWrites]);
    console.log(
      `ready after ${shown(result.ready_ms / 1000)} s, caught up after ${shown(result.caughtUp_ms / 1000)} s ` +
        `by ${result.snapshots} snapshots`,
    );
    console.log(markdownTable(["clients", ...LATENCY_HEADINGS], rows));
  });
}

async function largeValues(): Promise<void> {
  mkdirSync(join(root, ".bench"), { recursive: true });
  const rows: string[][] = [];
  for (let round = 0; round < rounds; round++) {
    const disk = await diskRate(replicas, import.meta.filename, join(root, ".bench"));
    await withServers({ replicas, flags: serverFlags }, async (servers) => {
      const writers = startWriters(servers.ports, clients, { keys: LARGE_KEYS, value_bytes: MIB });
      await pause(3000);
      const [begun, before_us] = [performance.now(), servers.processorTime_us()];
      await pause(seconds * 1000);
      const end = performance.now();
      const [after_us, most] = [servers.processorTime_us(), Math.max(...residents(servers, "VmHWM"))];
      await writers.stop();
      told(writers.writes);
      const done = writers.writes.filter((write) => {
        const at = write.begun + write.took_ms;
        return write.error === null && at >= begun && at < end;
      });
      const rate = done.length * MIB / (end - begun) * 1000;
      const errors = writers.writes.filter(({ error }) => error !== null).length;
      rows.push([
        `${round + 1}`,
        ...[rate / MIB, disk / MIB, rate / disk].map(shown),
        shown((after_us! - before_us!) / done.length / 1000),
        shown(percentile(done.map(({ took_ms }) => took_ms), 0.99)),
        `${Math.round(most)}`,
        `${errors}`,
      ]);
    });
  }
  const headings = [
    "MiB/s",
    "each of five at the disk",
    "ratio",
    "CPU ms each",
    "p99 ms",
    "most MiB resident",
    "errors",
  ];
  console.log(markdownTable(["round", ...headings], rows));
}

/** The most resident memory of each replica while many clients write large values, in each of four parts of the time. */
async function queues(): Promise<void> {
  await withServers({ replicas, flags: serverFlags }, async (servers) => {
    const writers = startWriters(servers.ports, clients, { keys: LARGE_KEYS, value_bytes: MIB });
    const rows: string[][] = [];
    let done = 0;
    for (let part = 1; part <= 4; part++) {
      const most = servers.ports.map(() => 0);
      const end = performance.now() + seconds * 1000 / 4;
      while (performance.now() < end) {
        for (const [index, resident] of residents(servers).entries()) most[index] = Math.max(most[index]!, resident);
        await pause(100);
      }
      rows.push([`${part}`, listed(most), `${writers.writes.length - done}`]);
      done = writers.writes.length;
    }
    await writers.stop();
    told(writers.writes);
    await pause(15_000);
    rows.push(["15 s later", listed(residents(servers)), "0"]);
    console.log(markdownTable([`quarter of ${seconds} s`, "most MiB of each replica", "writes"], rows));
  });
}

const commands: Readonly<Record<string, () => Promise<void> | void>> = {
  memory,
  restart,
  snapshots,
  catchup,
  values: largeValues,
  queues,
  disk: () => writeSequentially(positionals[1]!),
};
const command = commands[positionals[0] ?? ""];
if (command === undefined) {
  console.error(`usage: node bench/large_store.ts ${Object.keys(commands).join("|")} [flags]`);
  process.exitCode = 2;
} else {
  await command();
  if (positionals[0] !== "disk") console.log(`load of the machine ${loadavg()[0]!.toFixed(1)}`);
}
