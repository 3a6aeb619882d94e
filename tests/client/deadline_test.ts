import { describe, expect, test } from "vitest";
import { type KvError, OutcomeUnknown } from "../../src/core/errors.ts";
import { FakeNetwork } from "../support/fake_network.ts";

describe("the deadline", () => {
  test("of an operation without a server says that nothing was changed, and why", async () => {
    const network = new FakeNetwork();
    network.servers[0]!.mode = "down";
    const client = network.client();
    const start = network.clock.monotonic();
    const error = await network.failure(client.increment("n"));
    expect(network.clock.monotonic() - start).toBeGreaterThanOrEqual(5000);
    expect(network.clock.monotonic() - start).toBeLessThan(5010);
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", retryable: true });
    expect(error.message).toContain('increment "n"');
    expect(error.message).toContain("ECONNREFUSED");
  });

  test("of an operation whose connection is never made says that nothing was changed", async () => {
    const network = new FakeNetwork();
    network.servers[0]!.mode = "silent";
    const client = network.client({ connectTimeout_ms: 60_000 });
    expect((await network.failure(client.get("n"))).code).toBe("DEADLINE_EXCEEDED");
    expect((await network.failure(client.increment("n"))).code).toBe("DEADLINE_EXCEEDED");
  });

  test("of a write that waits for its session says that nothing was changed", async () => {
    const network = new FakeNetwork();
    network.fate = () => "swallow";
    const error = await network.failure(network.client().increment("n"));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    expect(network.commands("once")).toEqual([]);
  });

  test("of a write that was sent is unknown, and of a read is not", async () => {
    const network = new FakeNetwork();
    const client = network.client({ silence_ms: 60_000 });
    await network.until(client.increment("n"));
    network.fate = () => "mute";
    const [write, read] = await Promise.all([network.failure(client.increment("n")), network.failure(client.get("n"))]);
    expect(write).toBeInstanceOf(OutcomeUnknown);
    expect(write).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(read.code).toBe("DEADLINE_EXCEEDED");
    network.fate = () => "serve";
    expect(await network.until(client.increment("n"))).toBe(3n);
  });

  test("of a write that was sent before the connection broke is unknown", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.increment("n"));
    network.fate = () => {
      network.servers[0]!.mode = "down";
      return "breakBefore";
    };
    expect(await network.failure(client.increment("n"))).toBeInstanceOf(OutcomeUnknown);
  });

  test("of a write that was refused each time says that nothing was changed", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    await network.until(client.increment("n"));
    network.fate = () => "UNAVAILABLE";
    const error = await network.failure(client.increment("n"));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", cause: { code: "UNAVAILABLE" } });
    expect(network.commands("once").length).toBeGreaterThan(3);
  });

  test("of a write that was refused over datagrams is unknown: a copy may have fared better", async () => {
    const network = new FakeNetwork();
    network.reliable = false;
    const client = network.client();
    await network.until(client.increment("n"));
    network.fate = () => "UNAVAILABLE";
    expect(await network.failure(client.increment("n"))).toBeInstanceOf(OutcomeUnknown);
  });

  test("is each operation's own where one is given", async () => {
    const network = new FakeNetwork();
    network.servers[0]!.mode = "down";
    const client = network.client();
    const order: number[] = [];
    const waits = [300, 50, 120, 50, 2000].map((deadline_ms) =>
      client.get("a", { deadline_ms }).catch((error: KvError) => {
        expect(error.message).toContain(`${deadline_ms} ms`);
        order.push(deadline_ms);
      })
    );
    await network.until(Promise.all(waits));
    expect(order).toEqual([50, 50, 120, 300, 2000]);
  });

  test("holds although a reply comes late, and the reply is dropped", async () => {
    const network = new FakeNetwork();
    network.reliable = false;
    network.weather.maxDelay_ms = 400;
    const client = network.client({ resend_ms: 10_000 });
    const outcomes = await network.until(
      Promise.all(Array.from({ length: 50 }, () => client.get("a", { deadline_ms: 200 }).then(() => 1, () => 0))),
    );
    await network.pass(1000);
    expect(new Set(outcomes)).toEqual(new Set([0, 1]));
    expect(client.status()).toMatchObject({ pending: 0, inFlight: 0 });
  });
});

describe("a signal", () => {
  test("that was aborted before keeps the operation from beginning", async () => {
    const network = new FakeNetwork();
    const reason = new Error("never mind");
    const error = await network.failure(network.client().increment("n", 1, { signal: AbortSignal.abort(reason) }));
    expect(error).toMatchObject({ code: "ABORTED", cause: reason });
    expect(network.seen).toEqual([]);
  });

  test("aborts what was not sent, and reads", async () => {
    const network = new FakeNetwork();
    const client = network.client({ silence_ms: 60_000 });
    await network.until(client.increment("n"));
    network.fate = () => "swallow";
    const controller = new AbortController();
    const read = client.get("n", { signal: controller.signal });
    await network.tick();
    network.breakAll();
    network.servers[0]!.mode = "down";
    const write = client.increment("n", 1, { signal: controller.signal });
    await network.pass(100);
    const reason = new Error("never mind");
    controller.abort(reason);
    for (const error of await Promise.all([network.failure(read, 5), network.failure(write, 5)])) {
      expect(error).toMatchObject({ code: "ABORTED", cause: reason });
    }
  });

  test("makes a write that was sent unknown", async () => {
    const network = new FakeNetwork();
    const client = network.client({ silence_ms: 60_000 });
    await network.until(client.increment("n"));
    network.fate = () => "mute";
    const controller = new AbortController();
    const write = client.increment("n", 1, { signal: controller.signal });
    await network.pass(10);
    const reason = new Error("never mind");
    controller.abort(reason);
    const error = await network.failure(write, 5);
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error.cause).toBe(reason);
  });

  test("is let go of once the operation has ended", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const controller = new AbortController();
    expect(await network.until(client.increment("n", 1, { signal: controller.signal }))).toBe(1n);
    controller.abort();
    expect(await network.until(client.increment("n"))).toBe(2n);
  });
});

describe("closing", () => {
  test("settles everything, and tells a sent write from the rest", async () => {
    const network = new FakeNetwork();
    const client = network.client({ silence_ms: 60_000 });
    await network.until(client.increment("n"));
    network.fate = () => "swallow";
    const sent = client.increment("n");
    const read = client.get("n");
    await network.pass(5);
    const watch = client.watch();
    const next = watch.next();
    await client.close();
    expect(await network.failure(sent, 5)).toBeInstanceOf(OutcomeUnknown);
    expect((await network.failure(read, 5)).code).toBe("CLOSED");
    expect((await network.failure(client.get("n"), 5)).code).toBe("CLOSED");
    expect(await network.until(next)).toEqual({ done: true, value: undefined });
    await client.close();
    expect(network.servers[0]!.open.size).toBe(0);
  });

  test("before anything was connected settles what waits", async () => {
    const network = new FakeNetwork();
    network.servers[0]!.mode = "down";
    const client = network.client();
    const write = client.increment("n");
    await network.pass(50);
    await client.close();
    expect((await network.failure(write, 5)).code).toBe("CLOSED");
    const { connections } = network.servers[0]!;
    await network.pass(5000);
    expect(network.servers[0]!.connections).toBe(connections);
  });

  test("by disposal lets what is under way finish, and ends the session", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const write = client.increment("n");
    const closed = client[Symbol.asyncDispose]();
    expect(await network.until(write)).toBe(1n);
    await network.until(closed);
    await network.tick();
    expect(client.status()).toMatchObject({ pending: 0 });
    await client[Symbol.asyncDispose]();
  });
});

describe("the bound on operations under way", () => {
  test("refuses one more, at once and retryably", async () => {
    const network = new FakeNetwork();
    network.servers[0]!.mode = "down";
    const client = network.client({ maxPending: 3, deadline_ms: 100 });
    const waiting = [1, 2, 3].map(() => network.failure(client.get("a")));
    const error = await network.failure(client.get("a"), 1);
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    await Promise.all(waiting);
    network.servers[0]!.mode = "up";
    expect(await network.until(client.get("a"))).toBeNull();
  });
});
