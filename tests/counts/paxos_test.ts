/**
 * What an operation costs under Paxos: messages, frames, records, writes and syncs. Nothing here takes a time, so that
 * a loss of batching is seen on any machine, however busy. What is not the essence is bounded from above only.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { PaxosCluster } from "../support/paxos_cluster.ts";
import { byName, CountedCluster, type Counts, type Operation, putCommand, ways } from "./counted_cluster.ts";

const REPLICAS = 5;
const ONE_EACH = Array.from({ length: REPLICAS }, () => 1);
const NOTHING_EACH = Array.from({ length: REPLICAS }, () => 0);
const MANY = 1000;

let cluster: CountedCluster;
let leader: number;
let follower: number;

beforeAll(async () => {
  cluster = await CountedCluster.start("paxos", REPLICAS);
  leader = cluster.leader;
  follower = (leader + 1) % REPLICAS;
});

function puts(at: number, count: number): Operation[] {
  return Array.from({ length: count }, (_, i) => cluster.put(at, `key ${i}`));
}

function reads(at: number, count: number): Operation[] {
  return Array.from({ length: count }, () => cluster.read(at));
}

/** One on every way from the leader to the others, and one on every way back. */
function fromLeader(): Record<string, number> {
  return Object.fromEntries(cluster.others(leader).map((to) => [`${leader}>${to}`, 1]));
}
function toLeader(): Record<string, number> {
  return Object.fromEntries(cluster.others(leader).map((from) => [`${from}>${leader}`, 1]));
}

/** What is chosen is told in a message of its own when there is no other to carry it: once to each follower, or not. */
function expectFewNotices(counts: Counts, slots = 1): void {
  for (const count of Object.values(ways(counts, "chosen"))) expect(count).toBeLessThanOrEqual(slots);
}

/** Whatever is sent is one of these. */
function expectOnly(counts: Counts, ...names: string[]): void {
  expect(names).toEqual(expect.arrayContaining(Object.keys(byName(counts))));
}

describe("a cluster at rest", () => {
  test("says nothing and writes nothing between two signs of life", async () => {
    const counts = await cluster.costOf([]);
    expect(counts.frames.size).toBe(0);
    expect([counts.appends, counts.writes, counts.syncs]).toEqual([NOTHING_EACH, NOTHING_EACH, NOTHING_EACH]);
  });

  test("has one message to each follower and one answer for a sign of life", async () => {
    await cluster.calm();
    await cluster.pass(100);
    const counts = cluster.take();
    expectOnly(counts, "heartbeat", "heartbeatReply");
    expect(ways(counts, "heartbeat")).toEqual(fromLeader());
    expect(ways(counts, "heartbeatReply")).toEqual(toLeader());
  });
});

describe.each([1, MANY])("%i commands that come in one turn", (count) => {
  test("cost one append, one write and one sync on each replica, and one frame to each follower and back", async () => {
    const counts = await cluster.costOf(puts(leader, count));
    expectOnly(counts, "accept", "accepted", "chosen");
    expect(ways(counts, "accept")).toEqual(fromLeader());
    expect(ways(counts, "accepted")).toEqual(toLeader());
    expectFewNotices(counts);
    expect([counts.appends, counts.writes, counts.syncs]).toEqual([ONE_EACH, ONE_EACH, ONE_EACH]);
  });

  test("cost one frame to the leader more at a follower", async () => {
    const counts = await cluster.costOf(puts(follower, count));
    expectOnly(counts, "forward", "accept", "accepted", "chosen");
    expect(ways(counts, "forward")).toEqual({ [`${follower}>${leader}`]: 1 });
    expect(ways(counts, "accept")).toEqual(fromLeader());
    expect(ways(counts, "accepted")).toEqual(toLeader());
    expectFewNotices(counts);
    expect([counts.appends, counts.writes, counts.syncs]).toEqual([ONE_EACH, ONE_EACH, ONE_EACH]);
  });

  test("travel and are stored as they came, with a few bytes around each and around all", async () => {
    const commands_bytes = Array.from({ length: count }, (_, i) => putCommand(`key ${i}`, 64).length)
      .reduce((sum, bytes) => sum + bytes, 0);
    const once_bytes = commands_bytes + 2 * count;
    const counts = await cluster.costOf(puts(leader, count));
    expect(counts.frame_bytes).toBeLessThanOrEqual((REPLICAS - 1) * (once_bytes + 150));
    for (const written_bytes of counts.written_bytes) expect(written_bytes).toBeLessThanOrEqual(once_bytes + 150);
  });
});

describe("commands that come at all replicas in one turn", () => {
  test("cost no more slots than there are replicas, and no more syncs than slots", async () => {
    const counts = await cluster.costOf(
      Array.from({ length: MANY }, (_, i) => cluster.put(i % REPLICAS, `key ${i}`)),
    );
    const slots = Math.max(...Object.values(ways(counts, "accept")));
    expect(slots).toBeLessThanOrEqual(REPLICAS);
    expect(byName(counts)["forward"]).toBe(REPLICAS - 1);
    expect(Math.max(...counts.appends)).toBeLessThanOrEqual(slots);
    expect(Math.max(...counts.syncs)).toBeLessThanOrEqual(slots);
    expect(counts.writes).toEqual(counts.syncs);
    expectFewNotices(counts, slots);
  });
});

test("batches of several replicas that reach the leader in one turn share a slot", () => {
  const held = new PaxosCluster(REPLICAS);
  const { id, log } = held.leader();
  held.put(id, "warm up");
  for (const { id: at } of held.replicas) if (at !== id) held.propose(at, `through ${at}`);
  held.clock.run();
  held.frames = held.frames.filter(({ name }) => name === "forward");
  expect(held.frames.length).toBe(REPLICAS - 1);
  const before = log.lastPosition;
  for (const frame of [...held.frames]) held.deliver(frame);
  // Less than what lets an accept be sent again.
  held.clock.advance(20);
  const accepts = held.frames.filter(({ name }) => name === "accept");
  expect(accepts.map(({ to }) => to)).toEqual(held.replicas.map((each) => each.id).filter((each) => each !== id));
  expect(log.lastPosition).toBe(before + 1);
});

describe("a follower whose disk is slow", () => {
  const SLOTS = 50;

  test("answers with one frame for all slots that a sync has made durable", async () => {
    const slow = cluster.simulation.nodes[follower]!;
    await cluster.calm();
    slow.disk.slow_us = 40_000;
    try {
      // Each is a slot of its own.
      for (let i = 0; i < SLOTS; i++) {
        await cluster.finish([cluster.put(leader, `key ${i}`)]);
      }
      await cluster.pass(200);
    } finally {
      slow.disk.slow_us = 0;
    }
    const counts = cluster.take();
    const others = cluster.others(leader).filter((id) => id !== follower);
    expect(counts.appends).toEqual(Array(REPLICAS).fill(SLOTS));
    // The slow disk lets everything of 40 ms through together.
    expect(counts.syncs[follower]).toBeLessThan(SLOTS / 4);
    expect(ways(counts, "accepted")[`${follower}>${leader}`]).toBeLessThanOrEqual(counts.syncs[follower]!);
    for (const id of others) expect(ways(counts, "accepted")[`${id}>${leader}`]).toBeLessThanOrEqual(SLOTS);
    for (const id of cluster.others(leader)) expect(ways(counts, "accept")[`${leader}>${id}`]).toBe(SLOTS);
  });
});

describe("a crowd of reads that come in one turn", () => {
  test("costs one round of confirmation at the leader, and no record", async () => {
    const counts = await cluster.costOf(reads(leader, MANY));
    expectOnly(counts, "heartbeat", "heartbeatReply");
    expect(ways(counts, "heartbeat")).toEqual(fromLeader());
    expect(ways(counts, "heartbeatReply")).toEqual(toLeader());
    expect([counts.appends, counts.writes, counts.syncs]).toEqual([NOTHING_EACH, NOTHING_EACH, NOTHING_EACH]);
  });

  test("costs a request and a reply more at a follower", async () => {
    const counts = await cluster.costOf(reads(follower, MANY));
    expectOnly(counts, "readRequest", "readReply", "heartbeat", "heartbeatReply");
    expect(ways(counts, "readRequest")).toEqual({ [`${follower}>${leader}`]: 1 });
    expect(ways(counts, "readReply")).toEqual({ [`${leader}>${follower}`]: 1 });
    expect(ways(counts, "heartbeat")).toEqual(fromLeader());
    expect(ways(counts, "heartbeatReply")).toEqual(toLeader());
    expect(counts.appends).toEqual(NOTHING_EACH);
  });

  test("costs a request at each follower, and two rounds for all of them", async () => {
    const all = Array.from({ length: MANY }, (_, i) => cluster.read(i % REPLICAS));
    const counts = await cluster.costOf(all);
    const names = byName(counts);
    expect([names["readRequest"], names["readReply"]]).toEqual([REPLICAS - 1, REPLICAS - 1]);
    for (const rounds of Object.values(ways(counts, "heartbeat"))) expect(rounds).toBeLessThanOrEqual(2);
  });
});
