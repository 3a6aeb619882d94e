/** How many buffers a command costs: what a follower takes is not taken apart before it is applied. */
import { expect, test } from "vitest";
import type { ProtocolName } from "../../src/sim/run/run_options.ts";
import { type Frame, PaxosCluster } from "../support/paxos_cluster.ts";
import { CountedCluster } from "./counted_cluster.ts";
import { countMemory, type MemoryCounts } from "./memory_counter.ts";

test("the counter sees every way to make a buffer or a view", async () => {
  const counts = await countMemory(() => {
    const made = new Uint8Array(10);
    made.slice(0, 5);
    made.subarray(1);
    new Uint8Array(made.buffer, 2, 3);
    Uint8Array.from([1, 2]);
  });
  expect(counts).toEqual({ buffers: 3, bytes: 17, views: 2 });
  expect((await countMemory(() => {})).buffers).toBe(0);
});

/** What it costs a follower to take a slot of so many commands into its log. */
async function acceptance(commands: number): Promise<{ counts: MemoryCounts; frame_bytes: number }> {
  const cluster = new PaxosCluster(3);
  const leader = cluster.leader();
  cluster.put(leader.id, "warm up");
  for (let i = 0; i < commands; i++) cluster.propose(leader.id, "x".repeat(100));
  cluster.clock.run();
  const accepts = cluster.frames.filter(({ name }: Frame) => name === "accept");
  expect(accepts.length).toBe(2);
  const { to, from, bytes } = accepts[0]!;
  const { listener } = cluster.replicas[to]!;
  return { counts: await countMemory(() => listener!.onMessage(from, bytes)), frame_bytes: bytes.length };
}

test("a slot of 1,000 commands costs a follower as many buffers until it is applied as a slot of one", async () => {
  const one = await acceptance(1);
  const many = await acceptance(1000);
  expect(many.counts.buffers).toBe(one.counts.buffers);
  expect(many.counts.views).toBe(one.counts.views);
  // The frame is copied into the log and into the cache, and not once more.
  expect(many.counts.bytes).toBeLessThan(2.1 * many.frame_bytes);
});

/** Buffers and views that a put costs, everything on all replicas together. */
const MOST: readonly [ProtocolName, replicas: number, buffers: number, views: number][] = [
  ["none", 1, 7, 4],
  ["paxos", 5, 15, 12],
  ["2pc", 5, 80, 55],
];

test.each(MOST)(
  "a put under %s, on %i replicas, costs at most %i buffers and %i views",
  async (name, replicas, ...most) => {
    const cluster = await CountedCluster.start(name, replicas);
    const cost = async (count: number): Promise<MemoryCounts> => {
      await cluster.calm();
      const operations = Array.from({ length: count }, (_, i) => cluster.put(0, `key ${i}`, 256));
      return await countMemory(async () => {
        await cluster.finish(operations);
        // Who has not applied them yet does so now.
        await cluster.pass(40);
      });
    };
    // Every key is there already.
    await cost(600);
    const few = await cost(100);
    const many = await cost(600);
    expect((many.buffers - few.buffers) / 500).toBeLessThanOrEqual(most[0]);
    expect((many.views - few.views) / 500).toBeLessThanOrEqual(most[1]);
  },
);
