/** How many buffers a command costs: what a follower takes is not taken apart before it is applied. */
import { expect, test } from "vitest";
import { keyFromText } from "../../src/codec/bytes.ts";
import { BatchBuilder, readBatch } from "../../src/core/batch.ts";
import { NO_EXPIRY } from "../../src/core/kv/command.ts";
import { encodeCommand } from "../../src/core/kv/command_codec.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
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

test("a plain put over a key that is there makes nothing where nobody waits for its result", async () => {
  const store = new KVStore();
  // The events of four rounds are in one piece of the history.
  const puts = Array.from({ length: 40 }, (_, i) =>
    encodeCommand({
      type: "put",
      key: keyFromText(`${"key ".repeat(16)}${i}`),
      value: new Uint8Array(256).fill(i),
      expiry: NO_EXPIRY,
      condition: "always",
      returnPrevious: false,
    }));
  const batch = new BatchBuilder();
  for (const put of puts) batch.add(put);
  const bytes = batch.seal(1);
  const apply = (): void =>
    readBatch(bytes, 0, bytes.length, (start, end, time) => void store.applyFrom(bytes, start, end, time, false));
  apply();
  expect(await countMemory(apply)).toEqual({ buffers: 0, bytes: 0, views: 0 });
  expect(store.revision).toBe(80);
  // While a snapshot is written, that holds from the second time on.
  const snapshot = store.snapshot();
  expect((await countMemory(apply)).buffers).toBeGreaterThanOrEqual(40);
  expect(await countMemory(apply)).toEqual({ buffers: 0, bytes: 0, views: 0 });
  snapshot.close();
});

/** Buffers and views that a put costs, everything on all replicas together. */
const MOST: readonly [ProtocolName, replicas: number, buffers: number, views: number][] = [
  ["none", 1, 6, 2],
  ["paxos", 5, 6, 2],
  ["2pc", 5, 10, 18],
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
