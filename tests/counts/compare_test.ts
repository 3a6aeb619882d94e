/** What `kvclient compare` says of a write that has the cluster to itself is what is counted here. */
import { expect, test } from "vitest";
import { compareProtocols } from "../../src/sim/run/compare.ts";
import { CountedCluster, type Counts } from "./counted_cluster.ts";

const REPLICAS = 5;

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0);

/** The mean over a write at each replica. */
async function loneWrite(protocol: "paxos" | "2pc"): Promise<{ messages: number; syncs: number }> {
  const cluster = await CountedCluster.start(protocol, REPLICAS);
  const all: Counts[] = [];
  for (const { id } of cluster.simulation.nodes) all.push(await cluster.costOf([cluster.put(id, `key ${id}`)]));
  return {
    messages: sum(all.map(({ frames }) => sum(frames.values()))) / REPLICAS,
    syncs: sum(all.map(({ syncs }) => sum(syncs))) / REPLICAS,
  };
}

test("a lone write costs at most 13 messages and 5 syncs under Paxos, and 16 and 11 under two-phase commit", async () => {
  const paxos = await loneWrite("paxos");
  const twoPhase = await loneWrite("2pc");
  // Through the leader itself it is one less.
  expect(paxos.messages).toBeLessThanOrEqual(13);
  expect(paxos.syncs).toBe(5);
  expect(twoPhase).toEqual({ messages: 16, syncs: 11 });

  const printed = await compareProtocols({ seed: 7, ops: 100, failure: "none" });
  // There signs of life are counted, too, and acceptors whose votes are not awaited let several writes share a sync.
  expect(Math.abs(printed.paxos.price.messages - paxos.messages)).toBeLessThan(1);
  expect(printed.paxos.price.syncs).toBeLessThanOrEqual(5);
  expect(printed.paxos.price.syncs).toBeGreaterThanOrEqual(3);
  expect(Math.abs(printed.twoPhase.price.messages - twoPhase.messages)).toBeLessThan(0.5);
  expect(printed.twoPhase.price.syncs).toBeCloseTo(11, 1);
});
