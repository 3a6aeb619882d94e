/**
 * Ends every replica at every point around its appends, syncs, sends and applies, and looks whether anything that was
 * acknowledged is lost. `KVPAXOS_CRASH_POINTS=all` visits all, a number so many, names those, otherwise one;
 * `KVPAXOS_CRASH_REPORT` takes what came of it.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { type TestedOptions, TestedReplicas } from "./tested_replicas.ts";
import { Writers } from "./writers.ts";

const WANTED = process.env.KVPAXOS_CRASH_POINTS;
/** A torn write, which every kind of replication passes at once. */
const USUAL = "within-write-segment";
const VALUE_BYTES = 1000;
/** Small enough that snapshots are taken all the time, and that whoever was away needs one. */
const FLAGS = ["--snapshot-every", "100kb", "--log-level", "warning"];
const CLIENTS = 8;
/** How long the replicas are waited for to come to a point. */
const REACH_MS = 5000;

/** Everything that replicas do: the last one is behind, all begin anew, elect, write, take and transfer snapshots. */
async function exercise(
  replicas: TestedReplicas,
  writers: Writers,
  env: Readonly<Record<string, string>>,
  isOver: () => boolean,
): Promise<void> {
  const { replication } = replicas.options;
  if (replication === "paxos") {
    await replicas.signal(replicas.ids.at(-1)!, "SIGKILL");
    await writers.more(1000, CLIENTS);
  }
  await Promise.all(replicas.ids.map((id) => replicas.signal(id, "SIGKILL")));
  for (const id of replicas.ids) replicas.spawn(id, env);
  writers.start(CLIENTS);
  const until = performance.now() + REACH_MS;
  let isStopped = false;
  while (!isOver() && performance.now() < until) {
    await sleep(10);
    // One is stopped in good order, late: there are points on that way, too.
    if (isStopped || performance.now() < until - REACH_MS / 3) continue;
    isStopped = true;
    await replicas.signal(0, "SIGTERM");
    replicas.spawn(0, env);
  }
  await writers.stop();
}

/** The points that are passed when nobody dies. */
async function pointsOf(replicas: TestedReplicas, writers: Writers): Promise<string[]> {
  const seenFile = join(replicas.folder, "points");
  const began = performance.now();
  await exercise(replicas, writers, { KVPAXOS_CRASH_SEEN: seenFile }, () => performance.now() - began > REACH_MS);
  await replicas.ready();
  await Promise.all(replicas.ids.map((id) => replicas.signal(id, "SIGTERM")));
  for (const id of replicas.ids) replicas.spawn(id);
  await replicas.ready();
  return [...new Set(readFileSync(seenFile, "utf8").trim().split("\n"))].sort();
}

/** As many of the points as are wanted, evenly from all; the usual one unless something is. */
function chosen(points: readonly string[]): readonly string[] {
  if (WANTED === undefined) return [USUAL];
  if (WANTED === "all") return points;
  if (!/^\d+$/.test(WANTED)) return WANTED.split(",").filter((name) => points.includes(name));
  const count = Math.min(Number(WANTED), points.length);
  return Array.from({ length: count }, (_, index) => points[Math.floor(index * points.length / count)]!);
}

const CASES: readonly TestedOptions[] = [
  { replication: "paxos", replicas: 3, runtime: "executable", flags: FLAGS },
  { replication: "2pc", replicas: 3, runtime: "executable", flags: FLAGS },
  { replication: "none", replicas: 1, runtime: "executable", flags: FLAGS },
];

describe("a crash at any point", () => {
  test.each(CASES)("loses nothing that was acknowledged: $replication", async (options) => {
    const replicas = await TestedReplicas.start(options);
    onTestFinished(() => replicas.close());
    const writers = new Writers(replicas.ports, VALUE_BYTES);
    onTestFinished(() => writers.stop());
    const points = await pointsOf(replicas, writers);
    expect(points.length).toBeGreaterThanOrEqual(25);
    const notReached: string[] = [];
    for (const point of chosen(points)) {
      const seenFile = join(replicas.folder, `points-at-${point}`);
      const env = { KVPAXOS_CRASH_AT: point, KVPAXOS_CRASH_SEEN: seenFile };
      await exercise(replicas, writers, env, () => replicas.ids.every((id) => !replicas.isThere(id)));
      // Whoever passes a point says so before it dies there.
      if (!readFileSync(seenFile, "utf8").split("\n").includes(point)) notReached.push(point);
      await Promise.all(replicas.ids.map((id) => replicas.signal(id, "SIGKILL")));
      for (const id of replicas.ids) replicas.spawn(id);
      await replicas.ready();
      expect(await writers.lost(), `after ${point}`).toEqual([]);
    }
    const visited = chosen(points).length - notReached.length;
    const report = `${options.replication}: ${points.length} points, ${visited} of ${chosen(points).length} visited, ` +
      `${writers.acknowledged} writes acknowledged, none lost; not reached: ${notReached.join(", ") || "none"}`;
    console.log(report);
    const file = process.env.KVPAXOS_CRASH_REPORT;
    if (file !== undefined) appendFileSync(file, `${existsSync(file) ? "" : "# crash points\n"}${report}\n`);
    // Some are passed only when messages cross in a certain way.
    expect(visited).toBeGreaterThanOrEqual(Math.ceil(0.8 * chosen(points).length));
  }, WANTED === "all" ? 1_800_000 : 120_000);
});
