/**
 * Built replicas under two-phase commit: all agree at once, one that is missing stops writes and nothing else, and what
 * a dead coordinator left open ends when it is back. `KVPAXOS_TWO_PHASE=10` makes the loads ten times as long.
 */
import { spawnSync } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { KVClient } from "../../src/client/kv_client.ts";
import type { Operation } from "../../src/core/kv/command.ts";
import { REGISTERS } from "../../src/sim/live/kinds/register.ts";
import { LiveCheck } from "../../src/sim/live/live_check.ts";
import type { LiveActor } from "../../src/sim/live/live_client.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { Load, summaryText } from "./support/load.ts";
import { stateOf } from "./support/replicas.ts";
import { KVCLIENT, TEST_KVSERVER } from "./support/server_process.ts";
import { ask, participant, settled } from "./support/two_phase.ts";

const TIMES = Number(process.env["KVPAXOS_TWO_PHASE"] ?? 1);
const CLIENTS = 64;
/** A kvserver that dies when its decision is durable, and nobody else knows of it. */
const WITHOUT_GO: readonly [string, ...string[]] = ["env", "KVPAXOS_CRASH_AT=before-send-go", TEST_KVSERVER];

const ms = (duration: number): string => `${duration.toFixed(0)} ms`;

async function start(...flags: string[]): Promise<Cluster> {
  return await startCluster({ flags: ["--replication=2pc", ...flags] });
}

async function expectAgreement(cluster: Cluster): Promise<void> {
  expect(new Set(await Promise.all(cluster.ids.map((id) => stateOf(cluster, id)))).size).toBe(1);
}

/** What kvclient shows of the cluster when it asks a replica. */
function statusOf(cluster: Cluster, id: number): string {
  const { stdout } = spawnSync(KVCLIENT, ["status", "--server", `127.0.0.1:${cluster.ports[id]}`], {
    encoding: "utf8",
    timeout: 20_000,
    env: { ...process.env, XDG_CONFIG_HOME: cluster.dataDir(id), NO_COLOR: "1" },
  });
  return stdout;
}

/** An actor that writes through one replica and reads through the next, which has what the first acknowledged. */
function actorOf(id: number, clients: readonly KVClient<string>[]): LiveActor {
  const [writer, reader] = [clients[id % clients.length]!, clients[(id + 1) % clients.length]!];
  const client = {
    write: (operation: Operation) => writer.execute(operation),
    read: (operation: Operation) => reader.execute(operation),
  };
  return { id, client, dice: new SeededRandom(id + 1) };
}

test.each([
  ["10 hot keys", 10, 50 * TIMES],
  ["10,000 cold keys", 10_000, 80 * TIMES],
])("64 clients write through all five replicas to %s: all finish, and all replicas agree", async (name, keys, each) => {
  const cluster = await start();
  const clients = cluster.ids.map((id) => cluster.client([id]));
  const start_ms = performance.now();
  const clock = { monotonic: (): number => performance.now() - start_ms };
  const mix = { read: 1, write: 1 };
  const check = new LiveCheck({
    kind: REGISTERS,
    mix,
    prefix: "",
    subjects: keys,
    lifetime: Infinity,
    clock,
    dice: new SeededRandom(0),
  });
  // The first write of a client opens its session, which locks every key.
  for (const client of clients) await client.put("begin", "x");
  const since_ms = performance.now();
  const ended = await Promise.all(Array.from({ length: CLIENTS }, async (_, id) => {
    const actor = actorOf(id, clients);
    const types: string[] = [];
    for (let count = 0; count < each; count++) types.push((await check.step(actor)).attempt.type);
    return types;
  }));
  const rate = CLIENTS * each / (performance.now() - since_ms) * 1000;
  expect(new Set(ended.flat())).toEqual(new Set(["ok"]));
  const seen = await Promise.all(clients.map(async (client) => {
    const entries = await client.range().toArray();
    return entries.map(({ key, value, modRevision }) => `${key}=${value}@${modRevision}`).join(" ");
  }));
  expect(new Set(seen).size).toBe(1);
  await settled(cluster);
  await expectAgreement(cluster);
  await check.finish();
  expect(check.found?.lines.join("\n") ?? "linearizable").toBe("linearizable");
  expect(check.undecided).toBe(0);
  console.log(`${CLIENTS} clients, ${name}: ${rate.toFixed(0)} operations a second, half of them writes`);
}, 60_000 + TIMES * 60_000);

test(
  "with a replica killed under load writes fail fast and name it, reads go on, and after its restart all agree",
  async () => {
    const cluster = await start();
    await cluster.client([0]).put("quiet", "still");
    const load = new Load(cluster);
    await load.resumed(performance.now());
    await sleep(500);
    const victim = 3;
    const others = cluster.ids.filter((id) => id !== victim);
    await cluster.kill(victim);
    const ports = others.map((id) => cluster.ports[id]!);
    const writes = await Promise.all(ports.map((port) => ask(port, "SET", "other", "x")));
    for (const { reply } of writes) expect(reply).toMatch(/^-TRYAGAIN .*\breplica 4\b.*nothing was changed/);
    const reads = await Promise.all(ports.map((port) => ask(port, "GET", "quiet")));
    for (const { reply } of reads) expect(reply).toBe("$5\r\nstill");
    console.log(
      `a replica is killed: writes refused after ${writes.map(({ took_ms }) => ms(took_ms)).join(", ")}, ` +
        `reads answered after ${reads.map(({ took_ms }) => ms(took_ms)).join(", ")}`,
    );
    for (const id of others) {
      await cluster.until(`replica ${id} says who is missing`, async () => {
        const { missing, unready } = await participant(cluster, id);
        return missing.join() === String(victim) && /\breplica 4\b/.test(unready ?? "");
      });
      expect((await fetch(`${cluster.process(id).url}/readyz`)).status).toBe(503);
      expect((await ask(cluster.ports[id]!, "GET", "quiet")).reply).toBe("$5\r\nstill");
    }
    expect(statusOf(cluster, 0)).toMatch(new RegExp(`participant +unready +127\\.0\\.0\\.1:${cluster.ports[victim]} `));
    const restarted_ms = performance.now();
    await cluster.spawn(victim);
    await load.resumed(restarted_ms);
    console.log(`a write was acknowledged ${ms(load.firstWrite_ms(restarted_ms)!)} after the restart`);
    await sleep(500);
    console.log(summaryText(await load.stop()));
    await settled(cluster);
    await load.verify(cluster.ids);
    await expectAgreement(cluster);
  },
  90_000,
);

/** What is to be seen while a transaction on the key "a" is in doubt on `witnesses`, whose coordinator is dead. */
async function expectDoubt(cluster: Cluster, coordinator: number, witnesses: readonly number[]): Promise<void> {
  await cluster.until("the others have voted, and nothing else is open", async () => {
    const pages = await Promise.all(witnesses.map((id) => participant(cluster, id)));
    return pages.every(({ inDoubt }) => inDoubt.length === 1 && inDoubt[0]!.age_ms > 100);
  });
  for (const id of witnesses) {
    expect((await participant(cluster, id)).inDoubt).toMatchObject([{ coordinator, keys: ["a"] }]);
    for (const protocol of ["tcp", "udp", "http", "rpc"] as const) {
      expect(await cluster.client([id], { protocol }).get("b")).toBeNull();
    }
  }
  const asked = witnesses[0]!;
  const [one, page] = await Promise.all([
    ask(cluster.ports[asked]!, "GET", "a"),
    fetch(`${cluster.process(asked).url}/v1/kv?prefix=`),
  ]);
  const decider = coordinator + 1;
  const waits = `the read waits for the outcome of transaction ${decider}\\.\\S+, which replica ${decider} decides`;
  expect(one.reply).toMatch(new RegExp(`^-TRYAGAIN ${waits}`));
  // A range is about every key.
  expect([page.status, await page.text()]).toEqual([503, expect.stringMatching(waits)]);
  expect(statusOf(cluster, asked)).toMatch(
    new RegExp(
      `in doubt for \\d+\\.\\d s: transaction ${decider}\\.\\S+, ` +
        `which 127\\.0\\.0\\.1:${cluster.ports[coordinator]} decides; key "a"`,
    ),
  );
}

test(
  "what a coordinator had not decided when it was killed is in doubt until it is back, and is then aborted",
  async () => {
    const cluster = await start();
    await cluster.client([0]).put("a", "before");
    await settled(cluster);
    const [coordinator, hanging] = [0, 4];
    const witnesses = cluster.ids.filter((id) => id !== coordinator && id !== hanging);
    // Without its vote nothing is decided.
    cluster.pause(hanging);
    const write = ask(cluster.ports[coordinator]!, "SET", "a", "after").catch(() => null);
    await cluster.until("the others have voted", async () => {
      const pages = await Promise.all(witnesses.map((id) => participant(cluster, id)));
      return pages.every(({ inDoubtCount }) => inDoubtCount === 1);
    });
    await cluster.kill(coordinator);
    expect(await write).toBeNull();
    cluster.resume(hanging);
    await expectDoubt(cluster, coordinator, witnesses);
    await cluster.start(coordinator);
    await settled(cluster);
    for (const id of cluster.ids) expect((await cluster.client([id]).get("a"))?.value).toBe("before");
    await expectAgreement(cluster);
  },
  60_000,
);

test(
  "what a coordinator had decided when it died is in doubt through restarts, and then committed everywhere",
  async () => {
    const cluster = await start();
    await cluster.client([0]).put("a", "before");
    const coordinator = 2;
    const witnesses = cluster.ids.filter((id) => id !== coordinator);
    await cluster.stop(coordinator);
    await (await cluster.spawn(coordinator, WITHOUT_GO)).ready();
    await settled(cluster);
    expect(await ask(cluster.ports[coordinator]!, "SET", "a", "after").catch(() => null)).toBeNull();
    await cluster.kill(coordinator);
    await expectDoubt(cluster, coordinator, witnesses);
    // A participant keeps its vote and its locks.
    const restarted = witnesses[0]!;
    await cluster.kill(restarted);
    await cluster.spawn(restarted);
    await cluster.until("it knows who is missing", async () => {
      return (await participant(cluster, restarted)).missing.join() === String(coordinator);
    });
    await expectDoubt(cluster, coordinator, witnesses);
    await cluster.until("somebody is told", () => {
      const told = /WARNING transaction 3\.\S+ is in doubt for \d+ ms, and a key is locked: replica 3 /;
      return Promise.resolve(told.test(cluster.output()));
    });
    await cluster.start(coordinator);
    await settled(cluster);
    for (const id of cluster.ids) expect((await cluster.client([id]).get("a"))?.value).toBe("after");
    expect(cluster.output()).toMatch(/transaction 3\.\S+ is in doubt no more after \d+ ms: it was committed/);
    await expectAgreement(cluster);
  },
  60_000,
);

test(
  "a replica that comes back without its data is refused, writes say what to do, and its data mends it",
  async () => {
    const cluster = await startCluster({ replicas: 3, flags: ["--replication=2pc"] });
    await cluster.client().put("k", "v");
    await settled(cluster);
    await cluster.kill(2);
    const aside = `${cluster.dataDir(2)}-aside`;
    renameSync(cluster.dataDir(2), aside);
    const process = await cluster.spawn(2);
    await cluster.until("it is refused", async () => /not the one/.test((await participant(cluster, 2)).unready ?? ""));
    expect((await participant(cluster, 2)).mayVote).toBe(false);
    expect(process.output).toMatch(/ERROR +replica \d \(127\.0\.0\.1:\d+\) remembers another log of this replica/);
    expect((await ask(cluster.ports[2]!, "GET", "k")).reply).toMatch(/^-TRYAGAIN .*bring its data directory back/);
    await cluster.until("the others say so, too", async () => {
      const { reply } = await ask(cluster.ports[0]!, "SET", "k", "w");
      return /^-TRYAGAIN replica 3 came with another log.*bring the data directory back/.test(reply);
    });
    expect((await ask(cluster.ports[0]!, "GET", "k")).reply).toBe("$1\r\nv");
    await cluster.kill(2);
    rmSync(cluster.dataDir(2), { recursive: true });
    renameSync(aside, cluster.dataDir(2));
    await cluster.start(2);
    await settled(cluster);
    await cluster.client([2]).put("k", "w");
    for (const id of cluster.ids) expect((await cluster.client([id]).get("k"))?.value).toBe("w");
  },
  60_000,
);
