import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codecs } from "../../src/client/codecs.ts";
import type { WatchStream } from "../../src/client/watch_stream.ts";
import { Compacted, KvError } from "../../src/core/errors.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import { FakeNetwork } from "../support/fake_network.ts";

/** Takes events until there are so many. */
async function take<Value>(network: FakeNetwork, watch: WatchStream<Value>, count: number): Promise<string[]> {
  const events: string[] = [];
  while (events.length < count) {
    const result = await network.until(watch.next());
    if (result.done === true) throw new Error("the watch has ended");
    const { type, key, revision, entry } = result.value;
    events.push(`${revision} ${type} ${key}=${String(entry.value)}`);
  }
  return events;
}

describe("a watch", () => {
  test("tells what happens to a key, a prefix, a range, or everything", async () => {
    const network = new FakeNetwork();
    const client = network.client().as(codecs.string);
    const watches = [{ key: "a" }, { prefix: "b" }, { start: "a", end: "b" }, {}].map((range) => client.watch(range));
    await network.until(Promise.all(watches.map((watch) => watch.ready)));
    for (const key of ["a", "aa", "b", "bb"]) await network.until(client.put(key, "1"));
    await network.until(client.delete("a"));
    const seen = await Promise.all([2, 2, 3, 5].map((count, i) => take(network, watches[i]!, count)));
    expect(seen[0]).toEqual(["1 put a=1", "5 delete a=1"]);
    expect(seen[1]).toEqual(["3 put b=1", "4 put bb=1"]);
    expect(seen[2]).toEqual(["1 put a=1", "2 put aa=1", "5 delete a=1"]);
    expect(seen[3]!.length).toBe(5);
    expect(() => client.watch({ key: "a", prefix: "a" })).toThrow(KvError);
    expect(() => client.watch({ prefix: "a", end: "b" })).toThrow(KvError);
    expect(() => client.watch({ fromRevision: -1 })).toThrow(KvError);
  });

  test("begins at a revision of the past", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    for (let i = 0; i < 5; i++) await network.until(client.increment("n"));
    const watch = client.watch({ key: "n", fromRevision: 3 });
    expect((await take(network, watch, 3)).map((event) => event.split(" ")[0])).toEqual(["3", "4", "5"]);
    expect(await watch.ready).toBe(2);
    expect(watch.nextRevision).toBe(6);
  });

  test("goes on from connection to connection: each event once, in order, none missed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.constantFrom("put", "delete", "txn", "break", "down", "end", "wait"), { maxLength: 60 }),
        async (seed, steps) => {
          const network = new FakeNetwork(2, seed);
          const client = network.client();
          const watch = client.watch({ prefix: "w" });
          await network.until(watch.ready);
          const expected: string[] = [];
          network.store.watch({ start: "w" as never, end: "x" as never, fromRevision: 0 }, {
            onEvents: (events) => {
              for (const event of events) expected.push(`${event.revision} ${event.type} ${event.key}`);
            },
            onEnd: () => expected.push("end"),
          });
          let n = 0;
          const apply = (command: Parameters<KVStore["execute"]>[0]): unknown =>
            network.store.execute(command, Math.floor(network.clock.now()));
          const put = (): Parameters<KVStore["execute"]>[0] & { readonly type: "put" } => ({
            type: "put",
            key: `w${n++ % 5}` as never,
            value: new Uint8Array([n]),
            expiry: { type: "none" },
            condition: "always",
            returnPrevious: false,
          });
          for (const step of steps) {
            if (step === "put") apply(put());
            else if (step === "delete") apply({ type: "delete", key: `w${n % 5}` as never, returnPrevious: false });
            else if (step === "txn") apply({ type: "txn", compare: [], then: [put(), put()], else: [] });
            else if (step === "break") { for (const server of [0, 1]) network.breakAll(server); }
            else if (step === "down") {
              for (const server of network.servers) server.mode = server.mode === "up" ? "down" : "up";
            } else if (step === "end") {
              for (const server of network.servers) {
                for (const connection of server.open) connection.endWatches(new KvError("UNAVAILABLE", "closing"));
              }
            } else await network.pass(Math.floor(network.random.next() * 40));
            if (network.random.next() < 0.5) await network.tick();
          }
          for (const server of network.servers) server.mode = "up";
          const seen: string[] = [];
          while (seen.length < expected.length) {
            const { value } = await network.until(watch.next());
            if (value === undefined) throw new Error("the watch has ended");
            seen.push(`${value.revision} ${value.type} ${value.key}`);
          }
          await network.pass(50);
          expect(seen).toEqual(expected);
          await watch.return();
          expect(client.status().watches).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("ends with Compacted when events that it needs are gone", async () => {
    const network = new FakeNetwork();
    network.store = new KVStore({ limits: { maxHistoryEvents: 2 } });
    const client = network.client();
    for (let i = 0; i < 5; i++) await network.until(client.increment("n"));
    const watch = client.watch({ key: "n", fromRevision: 1 });
    const error = await network.failure(watch.next());
    expect(error).toBeInstanceOf(Compacted);
    expect((error as Compacted).oldestRevision).toBeGreaterThan(1);
    expect(await network.until(watch.next())).toEqual({ done: true, value: undefined });
    await expect(watch.ready).rejects.toBe(error);
    expect(client.status().watches).toBe(0);
  });

  test("ends with an error when its consumer is too slow, after the events that wait", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const watch = client.watch({ key: "n", maxBufferedEvents: 3 });
    await network.until(watch.ready);
    for (let i = 0; i < 5; i++) await network.until(client.increment("n"));
    expect((await take(network, watch, 3)).map((event) => event.split(" ")[0])).toEqual(["1", "2", "3"]);
    const error = await network.failure(watch.next());
    expect(error).toMatchObject({ code: "WATCH_OVERFLOW", retryable: true });
    expect(watch.nextRevision).toBe(4);
    const again = client.watch({ key: "n", fromRevision: watch.nextRevision });
    expect((await take(network, again, 2)).map((event) => event.split(" ")[0])).toEqual(["4", "5"]);
  });

  test("is bounded in bytes too, but takes one large batch when nothing waits", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const watch = client.watch({ maxBufferedBytes: 10 });
    await network.until(watch.ready);
    await network.until(client.put("a", new Uint8Array(100)));
    await take(network, watch, 1);
    await network.until(client.put("a", new Uint8Array(1)));
    await network.until(client.put("a", new Uint8Array(100)));
    await take(network, watch, 1);
    expect((await network.failure(watch.next())).code).toBe("WATCH_OVERFLOW");
  });

  test("ends quietly when its signal aborts, its consumer leaves, or the client closes", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const controller = new AbortController();
    const aborted = client.watch({ signal: controller.signal });
    const next = aborted.next();
    controller.abort();
    expect((await network.until(next)).done).toBe(true);
    expect((await network.until(client.watch({ signal: controller.signal }).next())).done).toBe(true);
    const left = client.watch();
    await network.until(left.ready);
    await network.until(client.increment("n"));
    const leaving = (async () => {
      for await (const event of left) return event.revision;
      return 0;
    })();
    expect(await network.until(leaving)).toBe(1);
    expect(client.status().watches).toBe(0);
    const last = client.watch();
    await network.tick();
    await client.close();
    expect((await network.until(last.next())).done).toBe(true);
  });

  test("ends when a value is not what the codec reads", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const watch = client.as(codecs.string).watch();
    await network.until(watch.ready);
    await network.until(client.put("a", new Uint8Array([255])));
    expect((await network.failure(watch.next())).code).toBe("INVALID_ARGUMENT");
    expect((await network.until(watch.next())).done).toBe(true);
  });

  test("notices a server that has fallen silent while nothing happens", async () => {
    const network = new FakeNetwork(2);
    const client = network.client();
    const watch = client.watch();
    await network.until(watch.ready);
    const serving = network.servers.findIndex(({ open }) => open.size > 0);
    network.servers[serving]!.mode = "silent";
    await network.pass(13_000);
    expect(network.servers[1 - serving]!.open.size).toBe(1);
    network.store.execute({ type: "increment", key: "n" as never, delta: 1n }, 0);
    expect((await take(network, watch, 1)).length).toBe(1);
  });
});
