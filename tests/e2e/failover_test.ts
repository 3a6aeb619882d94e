/**
 * Built replicas under load while their leaders are killed: no acknowledged write is lost, and every history has an
 * order. `KVPAXOS_KILLS=10` kills as many leaders as the acceptance list asks for; the default keeps CI short.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { SocketClient } from "../support/resp_client.ts";
import { startCluster } from "./support/cluster.ts";
import { Load, summaryText } from "./support/load.ts";
import { settle, stateOf } from "./support/replicas.ts";

const KILLS = Number(process.env["KVPAXOS_KILLS"] ?? 2);
/** How long the survivors serve alone after each kill, and all together after each restart. */
const WITHOUT_MS = 500;
const TOGETHER_MS = 1000;
/** How often all are killed, and how long three of them hang before. */
const ROUNDS = 2;
const HANGING_MS = 200;
/** For a kill, the restart, and what is between them. */
const KILL_MS = 60_000;

const ms = (duration: number): string => `${duration.toFixed(0)} ms`;

test.each(["tcp", "http"])(
  `over %s, kill -9 of the leader ${KILLS} times in a row loses no acknowledged write, and the history is linearizable`,
  async (way) => {
    const cluster = await startCluster({ flags: [`--transport=${way}`] });
    const load = new Load(cluster);
    await load.resumed(performance.now());
    const gaps: number[] = [];
    for (let kill = 1; kill <= KILLS; kill++) {
      const leader = await cluster.leader();
      const killed_ms = performance.now();
      await cluster.kill(leader);
      await load.resumed(killed_ms);
      const first_ms = load.firstWrite_ms(killed_ms)!;
      // A while without the old leader, whose clients have found others.
      await sleep(WITHOUT_MS);
      const restarted_ms = performance.now();
      // Answers that were on their way come after a kill, too, and a first write may be followed by another pause.
      const longest_ms = load.gap_ms(killed_ms, restarted_ms);
      gaps.push(Math.max(first_ms, longest_ms));
      await cluster.spawn(leader);
      await settle(cluster, leader);
      const caughtUp_ms = performance.now();
      await sleep(TOGETHER_MS);
      const pause = ms(load.gap_ms(restarted_ms, caughtUp_ms));
      console.log(
        `over ${way}, kill ${kill}, of replica ${leader}: a write was acknowledged after ${ms(first_ms)}, ` +
          `and ${ms(longest_ms)} was the longest time without one; started again, it had caught up after ` +
          `${ms(caughtUp_ms - restarted_ms)}, in which the longest time without one was ${pause}`,
      );
    }
    const summary = await load.stop();
    console.log(`over ${way}: ${summaryText(summary)}; the gaps: ${gaps.map(ms).join(", ")}`);
    await load.verify(cluster.ids);
    await cluster.caughtUp();
    expect(new Set(await Promise.all(cluster.ids.map((id) => stateOf(cluster, id)))).size).toBe(1);
  },
  KILLS * KILL_MS + 120_000,
);

test(
  "what a majority has not stored is not acknowledged: nothing is lost when three hang and then all are killed",
  async () => {
    const cluster = await startCluster();
    const load = new Load(cluster);
    for (let round = 1; round <= ROUNDS; round++) {
      await load.resumed(performance.now());
      const leader = await cluster.leader();
      const [, ...hanging] = cluster.ids.filter((id) => id !== leader);
      for (const id of hanging) cluster.pause(id);
      // What the leader sends now reaches these three no more: it is in the buffers of their sockets and goes with them.
      await sleep(HANGING_MS);
      await Promise.all(cluster.ids.map((id) => cluster.kill(id)));
      const restarted_ms = performance.now();
      await Promise.all(hanging.map((id) => cluster.spawn(id)));
      await load.resumed(restarted_ms);
      await cluster.startAll();
      for (const id of cluster.ids) await settle(cluster, id);
    }
    console.log(`${ROUNDS} times three hung and all were killed: ${summaryText(await load.stop())}`);
    await load.verify(cluster.ids);
  },
  120_000,
);

/** What a replica answers to a command, and after how many milliseconds. */
async function ask(port: number, ...command: string[]): Promise<{ readonly reply: string; readonly took_ms: number }> {
  const client = await SocketClient.connect(port);
  const since_ms = performance.now();
  const reply = await client.call(...command);
  client.close();
  return { reply: reply.trim(), took_ms: performance.now() - since_ms };
}

test(
  "with two of five killed a load goes on, with three it is refused, and with one of them back it goes on",
  async () => {
    const cluster = await startCluster();
    const load = new Load(cluster);
    await load.resumed(performance.now());
    const leader = await cluster.leader();
    const [second, third, ...left] = cluster.ids.filter((id) => id !== leader);
    for (const id of [leader, second!]) {
      await cluster.kill(id);
      await load.resumed(performance.now());
    }
    await cluster.client(left).put("k", "v");
    for (const id of left) await settle(cluster, id);

    const lost_ms = performance.now();
    await cluster.kill(third!);
    const ports = left.map((id) => cluster.ports[id]!);
    const both = (port: number) => [ask(port, "SET", "k", "w"), ask(port, "GET", "k")];
    const atOnce = await Promise.all(ports.flatMap(both));
    // Requests wait a little for a leader that may be elected yet; later ones are refused at once.
    for (const port of ports) {
      await cluster.until(`${port} refuses at once`, async () => (await ask(port, "GET", "k")).took_ms < 500);
    }
    const known_ms = performance.now() - lost_ms;
    const later = await Promise.all(ports.flatMap(both));
    // A write that was on its way when the majority was lost may have been chosen, or may be yet.
    const unsure = /^-(TRYAGAIN .*nothing was changed|UNKNOWN .*it may still take effect)/;
    for (const { reply } of atOnce) expect(reply).toMatch(unsure);
    for (const { reply } of later) expect(reply).toMatch(/^-TRYAGAIN no leader.*nothing was changed; try again$/);
    for (const id of left) {
      expect((await cluster.client([id]).get("k", { consistency: "stale" }))?.value).toMatch(/^[vw]$/);
    }
    const times = (answers: readonly { readonly took_ms: number }[]): string =>
      answers.map(({ took_ms }) => ms(took_ms)).join(", ");
    console.log(
      `without a majority: each replica refused a write and a read that came at once after ${times(atOnce)}; ` +
        `${ms(known_ms)} after it was lost, after ${times(later)}`,
    );

    const restarted_ms = performance.now();
    await cluster.spawn(third!);
    await load.resumed(restarted_ms);
    console.log(`with one back: a write was acknowledged ${ms(load.firstWrite_ms(restarted_ms)!)} after its start`);
    console.log(summaryText(await load.stop()));
    await load.verify(cluster.running);
  },
  120_000,
);
