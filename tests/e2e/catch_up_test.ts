/**
 * Built replicas that were away for long: they catch up from the logs of the others, or by a snapshot when the logs do
 * not go back so far, and the others serve all the while. `KVPAXOS_MISSED_WRITES=100000` misses as many writes as the
 * acceptance list asks for; the default keeps CI short.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { Load } from "./support/load.ts";
import { settle, stateOf } from "./support/replicas.ts";

const MISSED = Number(process.env["KVPAXOS_MISSED_WRITES"] ?? 10_000);
const MIB = 1024 * 1024;
/** How long the latencies before are measured. */
const BEFORE_MS = 3000;

/** Writes until `enough`, so many at a time: each `write` gets the number of the write. */
async function writeMany(
  atOnce: number,
  write: (index: number) => Promise<unknown>,
  enough: (index: number) => boolean,
) {
  let next = 0;
  const one = async (): Promise<void> => {
    while (!enough(next)) await write(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return next;
}

/** Restarts a replica that misses a lot while a load goes on through the others, and tells how they served. */
async function comeBack(cluster: Cluster, id: number, missed: string): Promise<void> {
  const others = cluster.ids.filter((other) => other !== id);
  const load = new Load(cluster, { through: others });
  await load.resumed(performance.now());
  const before_ms = performance.now();
  await sleep(BEFORE_MS);
  const restarted_ms = performance.now();
  await cluster.spawn(id);
  await settle(cluster, id);
  const caughtUp_ms = performance.now();
  console.log(
    `a replica that missed ${missed} had caught up ${(caughtUp_ms - restarted_ms).toFixed(0)} ms after its start\n` +
      `  the others before: ${load.latencies(before_ms, restarted_ms)}\n` +
      `  and during:        ${load.latencies(restarted_ms, caughtUp_ms)}`,
  );
  await load.stop();
  await load.verify(cluster.ids);
  await cluster.caughtUp();
  expect(new Set(await Promise.all(cluster.ids.map((each) => stateOf(cluster, each)))).size).toBe(1);
}

test(
  `a replica that was away for ${MISSED} writes catches up from the logs of the others while they serve`,
  async () => {
    const cluster = await startCluster();
    const away = (await cluster.leader() + 1) % cluster.ids.length;
    await cluster.stop(away);
    const client = cluster.client(cluster.running);
    await writeMany(
      200,
      (index) => client.put(`missed/${index % 20_000}`, `value ${index}`),
      (index) => index >= MISSED,
    );
    await comeBack(cluster, away, `${MISSED} writes`);
    expect((await cluster.place(away)).snapshotsInstalled).toBe(0);
  },
  180_000,
);

test(
  "a replica that was away until its slots were truncated catches up by a snapshot while the others serve",
  async () => {
    const cluster = await startCluster({ flags: ["--snapshot-every=32MiB"] });
    const away = (await cluster.leader() + 1) % cluster.ids.length;
    await cluster.stop(away);
    const client = cluster.client(cluster.running);
    const value = "v".repeat(MIB);
    // Logs go back to the last snapshot but one: after two of them, what the replica needs is gone everywhere.
    let isTruncated = false;
    const look = async (): Promise<void> => {
      const statuses = await Promise.all(cluster.running.map((id) => cluster.status(id)));
      isTruncated = statuses.every(({ replication, log }) => replication.snapshots >= 2 && log!.firstPosition > 1);
    };
    const written = await writeMany(8, async (index) => {
      await client.put(`large/${index % 16}`, value);
      if (index % 16 === 0) await look();
    }, (index) => isTruncated || index >= 2000);
    expect(isTruncated, `after ${written} writes of 1 MiB`).toBe(true);
    await comeBack(cluster, away, `${written} writes of 1 MiB, which no log has any more,`);
    expect((await cluster.place(away)).snapshotsInstalled).toBeGreaterThan(0);
  },
  180_000,
);
