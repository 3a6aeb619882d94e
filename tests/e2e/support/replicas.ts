/**
 * What tests want to know of a replica that was away: whether it is back, and what it holds.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Cluster } from "./cluster.ts";

/** Waits until a replica can serve and has applied all that any running replica knew to be chosen when this was called. */
export async function settle(cluster: Cluster, id: number): Promise<void> {
  const others = cluster.running.filter((other) => other !== id);
  const places = await Promise.all(others.map((other) => cluster.place(other)));
  const target = Math.max(...places.map(({ chosenSlot }) => chosenSlot));
  await cluster.until(`replica ${id} has applied slot ${target}`, async () => {
    const { appliedSlot, unready } = await cluster.place(id);
    return unready === null && appliedSlot >= target;
  });
}

/** A hash of all keys and values that a replica holds, by its own state, without asking the others. */
export async function stateOf(cluster: Cluster, id: number): Promise<string> {
  const hash = createHash("sha256");
  let keys = 0;
  for await (const { key, value, modRevision } of cluster.client([id]).range({ consistency: "stale" })) {
    hash.update(JSON.stringify([key, value, modRevision]));
    keys++;
  }
  return `${keys} keys, ${hash.digest("hex")}`;
}
