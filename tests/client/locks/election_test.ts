import { describe, expect, test } from "vitest";
import { Compacted } from "../../../src/core/errors.ts";
import type { Leader } from "../../../src/client/locks/election.ts";
import { LockWorld } from "./world.ts";

const TTL_MS = 300;

/** Follows an election: the values of its leaders, a dash for none. */
function follow(
  leaders: AsyncIterable<Leader<string> | null>,
): { readonly seen: string[]; readonly over: Promise<void> } {
  const seen: string[] = [];
  const over = (async () => {
    for await (const leader of leaders) seen.push(leader?.value ?? "-");
  })();
  return { seen, over };
}

describe("an election", () => {
  test("has one leader at a time, whose value the others see, and each change of it once", async () => {
    const world = new LockWorld();
    const [a, b, watcher] = [0, 1, 2].map((server) => world.clientOf(server));
    const controller = new AbortController();
    const { seen, over } = follow(watcher!.observe("jobs", { signal: controller.signal }));
    await world.pass(20);
    const first = await world.until(a!.elect("jobs", { value: "a", ttl_ms: TTL_MS }));
    const next = b!.elect("jobs", { value: "b", ttl_ms: TTL_MS });
    await world.pass(3 * TTL_MS);
    await world.until(first.proclaim("a2"));
    expect(await world.until(first.resign())).toBe(true);
    const second = await world.until(next);
    await world.pass(20);
    expect(second.token).toBeGreaterThan(first.token);
    expect(seen).toEqual(["-", "a", "a2", "b"]);
    expect((await world.failure(first.proclaim("a3"))).code).toBe("LOCK_LOST");
    await world.until(second.resign());
    await world.pass(20);
    expect(seen).toEqual(["-", "a", "a2", "b", "-"]);
    controller.abort();
    await world.until(over);
  });

  test("is followed from whoever leads already, over watches that break", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    const leadership = await world.until(a.elect("jobs", { value: "a" }));
    const leaders = b.observe("jobs");
    expect((await world.until(leaders.next())).value).toEqual({
      value: "a",
      token: leadership.token,
      key: leadership.key,
    });
    const next = leaders.next();
    await world.pass(20);
    for (const connection of world.servers[1]!.open) connection.endWatches(new Compacted("gone", 1));
    await world.pass(200);
    await world.until(leadership.proclaim("a2"));
    expect((await world.until(next)).value).toMatchObject({ value: "a2", token: leadership.token });
    await world.until(leaders.return(undefined));
    expect(b.status().watches).toBe(0);
  });

  test("is lost with its value: a leader that is cut off cannot tell anything any more", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    const old = await world.until(a.elect("jobs", { value: "a", ttl_ms: TTL_MS }));
    world.servers[0]!.mode = "silent";
    await world.until(b.elect("jobs", { value: "b", ttl_ms: TTL_MS }));
    expect((await world.failure(old.proclaim("a2"))).code).toBe("LOCK_LOST");
  });
});
