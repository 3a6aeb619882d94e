/** What a transaction costs under two-phase commit, and how little more many of them do. */
import { beforeAll, expect, test } from "vitest";
import { byName, CountedCluster, type Operation } from "./counted_cluster.ts";

const REPLICAS = 5;
const COORDINATOR = 2;
const MANY = 1000;
/** Once with the prepare and once with the decision; once with the vote and once with the acknowledgement. */
const FRAMES_EACH_WAY = 2;
/** A vote and a commit on every replica; the decision about the transaction and its end where it is coordinated. */
const RECORDS = [2, 2, 4, 2, 2];
/** Where it is coordinated the vote shares the sync of the decision. */
const SYNCS = [2, 2, 3, 2, 2];

let cluster: CountedCluster;

beforeAll(async () => {
  cluster = await CountedCluster.start("2pc", REPLICAS);
});

function puts(count: number): Operation[] {
  return Array.from({ length: count }, (_, i) => cluster.put(COORDINATOR, `key ${i}`));
}

test.each([1, MANY])("%i commands of one turn cost as much as one: they are one transaction", async (count) => {
  const counts = await cluster.costOf(puts(count));
  const others = REPLICAS - 1;
  expect(byName(counts)).toEqual({ acknowledge: others, go: others, prepare: others, vote: others });
  const frames = Object.fromEntries(
    cluster.others(COORDINATOR).flatMap((id) => [[`${id}>${COORDINATOR}`, FRAMES_EACH_WAY], [
      `${COORDINATOR}>${id}`,
      FRAMES_EACH_WAY,
    ]]),
  );
  expect(Object.fromEntries(counts.frames)).toEqual(frames);
  expect(counts.syncs).toEqual(SYNCS);
  expect(counts.writes).toEqual(SYNCS);
  expect(counts.appends).toEqual(RECORDS);
});

test("transactions that come at all replicas in one turn share frames and syncs", async () => {
  const counts = await cluster.costOf(
    Array.from({ length: MANY }, (_, i) => cluster.put(i % REPLICAS, `key ${i}`)),
  );
  // Each replica is a coordinator of some and a participant in others: both kinds of frames on every way.
  expect(counts.frames.size).toBe(REPLICAS * (REPLICAS - 1));
  for (const frames of counts.frames.values()) expect(frames).toBeLessThanOrEqual(2 * FRAMES_EACH_WAY);
  for (const syncs of counts.syncs) expect(syncs).toBeLessThanOrEqual(12);
});

test("reads of keys that nobody writes cost no message and no record", async () => {
  const counts = await cluster.costOf(Array.from({ length: MANY }, (_, i) => cluster.read(i % REPLICAS)));
  expect(counts.frames.size).toBe(0);
  expect(counts.appends).toEqual(Array(REPLICAS).fill(0));
});

test("the bytes of a transaction are its command and little else, on the wire and in the log", async () => {
  const one = await cluster.costOf(puts(100));
  const more = await cluster.costOf(puts(1100));
  const each = (a: number, b: number): number => (b - a) / 1000;
  // A command of 74 bytes to each of four.
  expect(each(one.frame_bytes, more.frame_bytes)).toBeLessThan(4 * (74 + 10));
  for (const id of cluster.others(COORDINATOR)) {
    expect(each(one.written_bytes[id]!, more.written_bytes[id]!)).toBeLessThan(74 + 10);
  }
});
