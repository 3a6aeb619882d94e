import { describe, expect, test } from "vitest";
import { op } from "../../../src/client/txn_builder.ts";
import type { Lock } from "../../../src/client/locks/lock.ts";
import { KvError } from "../../../src/core/errors.ts";
import { LockWorld, StoppableClock } from "./world.ts";

const TTL_MS = 300;

describe("a lock", () => {
  test("goes from one to the next in the order in which they asked, with rising tokens", async () => {
    const world = new LockWorld();
    const [a, b, c] = [0, 1, 2].map((server) => world.clientOf(server));
    const first = await world.until(a!.lock("x", { ttl_ms: TTL_MS }));
    const order: string[] = [];
    const note = (name: string) => (lock: Lock): Lock => {
      order.push(name);
      return lock;
    };
    const second = b!.lock("x", { ttl_ms: TTL_MS }).then(note("b"));
    await world.pass(10);
    const third = c!.lock("x", { ttl_ms: TTL_MS }).then(note("c"));
    await world.pass(3 * TTL_MS);
    expect(order).toEqual([]);
    expect([first.isHeld, first.signal.aborted]).toEqual([true, false]);
    expect(await world.until(first.release())).toBe(true);
    const held = await world.until(second);
    await world.pass(3 * TTL_MS);
    expect(order).toEqual(["b"]);
    await world.until(held.release());
    const last = await world.until(third);
    expect(order).toEqual(["b", "c"]);
    expect(first.token).toBeLessThan(held.token);
    expect(held.token).toBeLessThan(last.token);
    await world.until(last.release());
    expect(world.keys).toBe(0);
  });

  test("wakes one waiter when it is released, however many there are", async () => {
    const world = new LockWorld(1);
    const held = await world.until(world.clientOf(0).lock("x", { ttl_ms: 60_000 }));
    const waiting = Array.from({ length: 8 }, () => world.clientOf(0).lock("x", { ttl_ms: 60_000 }));
    await world.pass(50);
    const before = world.commands("range").length;
    await world.until(held.release());
    await world.until(waiting[0]!);
    await world.pass(50);
    expect(world.commands("range").length - before).toBe(1);
  });

  test("is held for as long as its holder refreshes it, also while servers fail in between", async () => {
    const world = new LockWorld(1);
    const client = world.clientOf(0);
    const lock = await world.until(client.lock("x", { ttl_ms: TTL_MS }));
    for (let round = 0; round < 20; round++) {
      await world.pass(TTL_MS);
      world.breakAll();
      world.fate = () => "UNAVAILABLE";
      await world.pass(60);
      world.fate = () => "serve";
    }
    expect([lock.isHeld, lock.signal.aborted]).toEqual([true, false]);
    expect((await world.until(client.txn({ compare: [lock.fence], then: [op.put("d", "1")] }))).succeeded).toBe(true);
    expect(await world.until(lock.release())).toBe(true);
    expect(lock.isHeld).toBe(false);
    expect(lock.signal.aborted).toBe(false);
  });

  test("is lost by a holder that is cut off, before another gets it; and its old token writes nothing", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    const old = await world.until(a.lock("x", { ttl_ms: TTL_MS }));
    let lostAt_ms = 0;
    old.signal.addEventListener("abort", () => lostAt_ms = world.clock.monotonic());
    world.servers[0]!.mode = "silent";
    const present = await world.until(b.lock("x", { ttl_ms: TTL_MS }));
    expect(lostAt_ms).toBeGreaterThan(0);
    expect(lostAt_ms).toBeLessThan(world.clock.monotonic());
    expect(old.isHeld).toBe(false);
    expect(old.signal.reason).toMatchObject({ code: "LOCK_LOST" });
    expect(present.token).toBeGreaterThan(old.token);
    world.servers[0]!.mode = "up";
    world.breakAll(0);
    const stale = await world.until(a.txn({ compare: [old.fence], then: [op.put("d", "old")] }));
    expect(stale.succeeded).toBe(false);
    const fresh = await world.until(b.txn({ compare: [present.fence], then: [op.put("d", "new")] }));
    expect(fresh.succeeded).toBe(true);
    expect(await world.until(old.release())).toBe(false);
    expect(present.isHeld).toBe(true);
  });

  test("is lost by a holder that stood still, and the holder knows as soon as it asks", async () => {
    const world = new LockWorld();
    const clock = new StoppableClock(world.clock);
    const [a, b] = [world.clientOf(0, clock), world.clientOf(1)];
    const old = await world.until(a.lock("x", { ttl_ms: TTL_MS }));
    clock.stop();
    const present = await world.until(b.lock("x", { ttl_ms: TTL_MS }));
    expect(old.signal.aborted).toBe(false);
    // Nothing of it has run yet.
    expect(old.isHeld).toBe(false);
    expect(old.signal.aborted).toBe(true);
    clock.go();
    await world.pass(TTL_MS);
    expect([old.isHeld, present.isHeld]).toEqual([false, true]);
  });

  test("is lost when its key is removed, or its client is closed", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    const removed = await world.until(a.lock("x", { ttl_ms: TTL_MS }));
    await world.until(b.delete(removed.key));
    await world.pass(TTL_MS / 2);
    expect(removed.signal.reason).toMatchObject({ code: "LOCK_LOST" });
    expect(String(removed.signal.reason)).toContain("somebody has removed it");
    expect(await world.until(removed.release())).toBe(false);
    const closed = await world.until(a.lock("x", { ttl_ms: TTL_MS }));
    await a.close();
    await world.pass(TTL_MS / 2);
    expect(String(closed.signal.reason)).toContain("its client was closed");
    // Nobody could remove its key, but for the time that passes.
    expect((await world.until(b.lock("x"))).token).toBeGreaterThan(closed.token);
  });

  test("goes past a waiter that is gone", async () => {
    const world = new LockWorld();
    const [a, b, c] = [0, 1, 2].map((server) => world.clientOf(server));
    const held = await world.until(a!.lock("x", { ttl_ms: TTL_MS }));
    const lonely = b!.lock("x", { ttl_ms: TTL_MS }).catch((error: unknown) => error);
    await world.pass(10);
    const next = c!.lock("x", { ttl_ms: TTL_MS });
    await world.pass(10);
    world.servers[1]!.mode = "silent";
    await world.pass(3 * TTL_MS);
    await world.until(held.release());
    expect((await world.until(next)).isHeld).toBe(true);
    expect(await world.until(lonely)).toBeInstanceOf(KvError);
  });

  test("is waited for from the end of the queue by a waiter whose place is gone", async () => {
    const world = new LockWorld();
    const clock = new StoppableClock(world.clock);
    const [a, b, c] = [world.clientOf(0), world.clientOf(1, clock), world.clientOf(2)];
    const held = await world.until(a.lock("x", { ttl_ms: TTL_MS }));
    const stopped = b.lock("x", { ttl_ms: TTL_MS });
    await world.pass(10);
    const next = c.lock("x", { ttl_ms: TTL_MS });
    await world.pass(10);
    clock.stop();
    await world.pass(2 * TTL_MS);
    clock.go();
    await world.pass(50);
    await world.until(held.release());
    const second = await world.until(next);
    await world.until(second.release());
    expect((await world.until(stopped)).token).toBeGreaterThan(second.token);
  });

  test("is given up for by whoever does not want to wait any more, and leaves no place behind", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    const held = await world.until(a.lock("x"));
    const late = await world.failure(b.lock("x", { wait_ms: 500 }));
    expect(late).toMatchObject({ code: "LOCK_HELD", retryable: true });
    expect(late.message).toContain("500 ms");
    const controller = new AbortController();
    const aborted = b.lock("x", { signal: controller.signal });
    await world.pass(20);
    expect(world.keys).toBe(2);
    controller.abort("enough");
    expect(await world.failure(aborted)).toMatchObject({ code: "ABORTED", cause: "enough" });
    await world.pass(20);
    expect(world.keys).toBe(1);
    expect(await world.failure(b.lock("x", { signal: controller.signal }))).toMatchObject({ code: "ABORTED" });
    await world.until(held.release());
    expect(world.keys).toBe(0);
  });

  test("is tried without a wait: null while somebody holds it", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    const held = await world.until(a.tryLock("x"));
    expect(held?.isHeld).toBe(true);
    expect(await world.until(b.tryLock("x"))).toBeNull();
    expect(world.keys).toBe(1);
    expect(await world.failure(b.lock("x", { wait_ms: 0 }))).toMatchObject({ code: "LOCK_HELD" });
    await world.until(held!.release());
    await world.until((await world.until(b.lock("x", { wait_ms: 0 }))).release());
    const [one, other] = await world.until(Promise.all([a.tryLock("x"), b.tryLock("x")]));
    expect(one !== null && other !== null).toBe(false);
  });

  test("has nothing to do with locks of longer names, or with data below its name", async () => {
    const world = new LockWorld();
    const [a, b] = [world.clientOf(0), world.clientOf(1)];
    await world.until(a.put("x/data", "1"));
    await world.until(a.put("x/y/0123456789abcdef", "1"));
    expect((await world.until(a.lock("x/y"))).isHeld).toBe(true);
    expect((await world.until(b.lock("x"))).isHeld).toBe(true);
    expect(await world.until(a.tryLock("x"))).toBeNull();
    expect((await world.until(a.tryLock("x/z")))?.isHeld).toBe(true);
  });

  test("is one key, also when the request for it has to be sent again", async () => {
    const world = new LockWorld(1);
    const client = world.clientOf(0);
    let breaks = 2;
    world.fate = (command) => command.type === "once" && breaks-- > 0 ? "breakAfter" : "serve";
    const lock = await world.until(client.lock("x"));
    expect(world.keys).toBe(1);
    expect((await world.until(client.get(lock.key)))?.createRevision).toBe(lock.token);
  });

  test("is released where its scope ends", async () => {
    const world = new LockWorld();
    const client = world.clientOf(0);
    const work = async (): Promise<number> => {
      await using lock = await client.lock("x");
      return lock.token;
    };
    expect(await world.until(work())).toBeGreaterThan(0);
    expect(world.keys).toBe(0);
  });

  test("tells within the deadline when no server is there", async () => {
    const world = new LockWorld();
    world.servers[0]!.mode = "down";
    expect(await world.failure(world.clientOf(0).lock("x"))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("is refused with arguments that make no sense", async () => {
    const client = new LockWorld().clientOf(0);
    for (
      const [name, options] of [["", {}], ["x", { ttl_ms: 99 }], ["x", { ttl_ms: 1000.5 }], ["x", {
        wait_ms: -1,
      }]] as const
    ) {
      await expect(client.lock(name, options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });
});
