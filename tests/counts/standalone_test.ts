/** What a command costs a server that is alone. */
import { beforeAll, expect, test } from "vitest";
import { CountedCluster } from "./counted_cluster.ts";

let server: CountedCluster;

beforeAll(async () => {
  server = await CountedCluster.start("none", 1);
});

test.each([1, 1000])("%i commands of one turn cost one append, one write and one sync", async (count) => {
  const counts = await server.costOf(Array.from({ length: count }, (_, i) => server.put(0, `key ${i}`)));
  expect([counts.appends, counts.writes, counts.syncs]).toEqual([[1], [1], [1]]);
});

test("what comes while a sync is under way goes out with the next one", async () => {
  await server.calm();
  const { simulation } = server;
  simulation.nodes[0]!.disk.slow_us = 20_000;
  const operations = Array.from({ length: 100 }, (_, i) => server.put(0, `key ${i}`));
  let ended = 0;
  for (const [i, begin] of operations.entries()) simulation.clock.after(i / 10, () => begin(() => void ended++));
  await server.until(() => ended === operations.length, "all have ended");
  simulation.nodes[0]!.disk.slow_us = 0;
  // The first alone, and the 99 that came in the 20 ms that its sync took.
  expect(server.take().syncs).toEqual([2]);
});

test("reads cost no record", async () => {
  const counts = await server.costOf(Array.from({ length: 1000 }, () => server.read(0)));
  expect([counts.appends, counts.writes, counts.syncs]).toEqual([[0], [0], [0]]);
});
