import { describe, expect, test } from "vitest";
import { codecs } from "../../src/client/codecs.ts";
import type { RangeOptions } from "../../src/client/range_query.ts";
import { op, when } from "../../src/client/txn_builder.ts";
import { KvError } from "../../src/core/errors.ts";
import { FakeNetwork } from "../support/fake_network.ts";

function texts(network = new FakeNetwork()) {
  return { network, client: network.client().as(codecs.string) };
}

describe("KVClient", () => {
  test("puts, gets and deletes", async () => {
    const { network, client } = texts();
    expect(await network.until(client.put("a", "1"))).toEqual({ written: true, revision: 1, previous: null });
    expect(await network.until(client.get("a"))).toEqual({
      value: "1",
      version: 1,
      createRevision: 1,
      modRevision: 1,
      expiresAt_ms: null,
    });
    expect(await network.until(client.get("b"))).toBeNull();
    const second = await network.until(client.put("a", "2", { returnPrevious: true }));
    expect(second.previous?.value).toBe("1");
    const gone = await network.until(client.delete("a", { returnPrevious: true }));
    expect([gone.deleted, gone.previous?.value]).toEqual([1, "2"]);
    expect((await network.until(client.delete("a"))).deleted).toBe(0);
  });

  test("keeps to the conditions of a put", async () => {
    const { network, client } = texts();
    expect((await network.until(client.put("a", "1", { ifPresent: true }))).written).toBe(false);
    expect((await network.until(client.put("a", "1", { ifAbsent: true }))).written).toBe(true);
    expect((await network.until(client.put("a", "2", { ifAbsent: true }))).written).toBe(false);
    const error = await network.failure(client.put("a", "2", { ifAbsent: true, ifPresent: true }));
    expect(error.code).toBe("INVALID_ARGUMENT");
  });

  test("sets, keeps and removes expiries", async () => {
    const { network, client } = texts();
    await network.until(client.put("a", "1", { ttl_ms: 1000 }));
    expect(await network.until(client.ttl("a"))).toBeGreaterThan(900);
    await network.until(client.put("a", "2", { keepTtl: true }));
    expect(await network.until(client.ttl("a"))).toBeGreaterThan(800);
    expect(await network.until(client.persist("a"))).toBe(true);
    expect(await network.until(client.persist("a"))).toBe(false);
    expect(await network.until(client.ttl("a"))).toBeNull();
    expect(await network.until(client.ttl("b"))).toBeUndefined();
    expect(await network.until(client.expire("a", { expiresAt_ms: network.clock.now() + 5000 }))).toBe(true);
    expect((await network.until(client.get("a")))?.expiresAt_ms).toBeGreaterThan(network.clock.now());
    expect(await network.until(client.expire("b", { ttl_ms: 5 }))).toBe(false);
    for (const wrong of [{}, { ttl_ms: 0 }, { ttl_ms: 1, expiresAt_ms: 1 }, { ttl_ms: 1.5 }]) {
      expect((await network.failure(client.expire("a", wrong))).code).toBe("INVALID_ARGUMENT");
    }
  });

  test("counts, increments and appends", async () => {
    const { network, client } = texts();
    expect(await network.until(client.increment("n"))).toBe(1n);
    expect(await network.until(client.increment("n", -5))).toBe(-4n);
    expect(await network.until(client.append("t", "ab"))).toBe(2);
    expect(await network.until(client.append("t", "c"))).toBe(3);
    expect(await network.until(client.count())).toBe(2);
    expect(await network.until(client.count({ prefix: "t" }))).toBe(1);
    expect((await network.failure(client.increment("t"))).code).toBe("NOT_AN_INTEGER");
    expect((await network.failure(client.increment("n", 0.5))).code).toBe("INVALID_ARGUMENT");
    expect((await network.failure(client.increment("n", 2n ** 63n))).code).toBe("OUT_OF_RANGE");
  });

  test("reads several keys at one revision", async () => {
    const { network, client } = texts();
    await network.until(client.put("a", "1"));
    const entries = await network.until(client.getMany(["b", "a"]));
    expect(entries.map((entry) => entry?.value)).toEqual([undefined, "1"]);
  });

  test("pages through a range in either direction, up to its limit", async () => {
    const { network, client } = texts();
    const keys = Array.from({ length: 25 }, (_, i) => `k${String(i).padStart(2, "0")}`);
    await network.until(Promise.all(keys.map((key) => client.put(key, key.toUpperCase()))));
    const read = async (options: RangeOptions): Promise<string[]> =>
      (await network.until(client.range({ ...options, pageSize: 4 }).toArray())).map(({ key }) => key);
    expect(await read({ prefix: "k" })).toEqual(keys);
    expect(await read({ prefix: "k", reverse: true })).toEqual(keys.toReversed());
    expect(await read({ start: "k03", end: "k09" })).toEqual(keys.slice(3, 9));
    expect(await read({ start: "k03", limit: 9 })).toEqual(keys.slice(3, 12));
    expect(await read({ end: "k20", limit: 9, reverse: true })).toEqual(keys.slice(11, 20).toReversed());
    const only = await network.until(client.range({ keysOnly: true, limit: 1 }).toArray());
    expect(only).toEqual([{ key: "k00", keyBytes: new TextEncoder().encode("k00") }]);
    expect((await network.until(client.deleteRange({ prefix: "k0" }))).deleted).toBe(10);
  });

  test("reads smaller pages when one does not fit a reply", async () => {
    const { network, client } = texts();
    await network.until(Promise.all(["a", "b", "c", "d", "e"].map((key) => client.put(key, key))));
    network.fate = (command) => command.type === "range" && command.limit > 2 ? "MESSAGE_TOO_LARGE" : "serve";
    expect((await network.until(client.range().toArray())).length).toBe(5);
    network.fate = (command) => command.type === "range" ? "MESSAGE_TOO_LARGE" : "serve";
    expect((await network.failure(client.range().toArray())).code).toBe("MESSAGE_TOO_LARGE");
  });

  test("does a transaction, with each operation's own result", async () => {
    const { network, client } = texts();
    const input = {
      compare: [when.absent("lock")],
      then: [op.put("lock", "me"), op.increment("n", 2), op.increment("lock"), op.get("lock"), op.range({})],
      else: [op.get("lock"), op.delete("lock", { returnPrevious: true })],
    };
    const won = await network.until(client.txn(input));
    expect(won.succeeded).toBe(true);
    expect(won.results.map(({ type }) => type)).toEqual(["put", "integer", "error", "get", "range"]);
    expect(won.results[2]).toMatchObject({ error: { code: "NOT_AN_INTEGER" } });
    const lost = await network.until(client.txn(input));
    expect(lost.succeeded).toBe(false);
    expect(lost.results[1]).toMatchObject({ type: "delete", deleted: 1, previous: { value: "me" } });
  });

  test("compares and sets by revision, by value and by absence", async () => {
    const { network, client } = texts();
    const first = await network.until(client.compareAndSet("a", null, "1"));
    expect(first).toMatchObject({ swapped: true, entry: null });
    const late = await network.until(client.compareAndSet("a", null, "2"));
    expect(late).toMatchObject({ swapped: false, entry: { value: "1" } });
    const { modRevision } = late.entry!;
    expect((await network.until(client.compareAndSet("a", { modRevision }, "2"))).swapped).toBe(true);
    expect((await network.until(client.compareAndSet("a", { modRevision }, "3"))).swapped).toBe(false);
    expect((await network.until(client.compareAndSet("a", { value: "2" }, "3"))).swapped).toBe(true);
    expect((await network.until(client.compareAndSet("a", { value: "2" }, "4"))).swapped).toBe(false);
  });

  test("has values of the type that the codec gives them", async () => {
    const network = new FakeNetwork();
    const bytes = network.client();
    const json = bytes.as(codecs.json<{ n: number }>());
    await network.until(json.put("j", { n: 1 }));
    expect((await network.until(json.get("j")))?.value.n).toBe(1);
    expect((await network.until(bytes.get("j")))?.value).toEqual(new TextEncoder().encode('{"n":1}'));
    await network.until(bytes.put(new Uint8Array([0, 255]), new Uint8Array([254])));
    expect((await network.failure(bytes.as(codecs.string).get(new Uint8Array([0, 255])))).code).toBe(
      "INVALID_ARGUMENT",
    );
    expect((await network.failure(json.get(new Uint8Array([0, 255])))).code).toBe("INVALID_ARGUMENT");
    expect((await network.failure(bytes.put("k", "text" as never))).code).toBe("INVALID_ARGUMENT");
  });

  test("copies the bytes that it is given", async () => {
    const network = new FakeNetwork();
    const client = network.client();
    const value = new Uint8Array([1]);
    const put = client.put("a", value);
    value[0] = 2;
    await network.until(put);
    expect((await network.until(client.get("a")))?.value).toEqual(new Uint8Array([1]));
  });

  test("refuses what breaks a limit before it is sent", async () => {
    const { network, client } = texts();
    expect((await network.failure(client.put("k".repeat(4097), ""))).code).toBe("LIMIT_EXCEEDED");
    expect((await network.failure(client.put("", ""))).code).toBe("INVALID_ARGUMENT");
    expect((await network.failure(client.put("\ud800", ""))).code).toBe("INVALID_ARGUMENT");
    expect((await network.failure(client.get("a", { deadline_ms: 0 }))).code).toBe("INVALID_ARGUMENT");
    expect(network.seen).toEqual([]);
    expect(() => network.client({ maxPending: 0 })).toThrow(KvError);
    expect(() => network.client({ deadline_ms: Number.NaN })).toThrow(KvError);
  });

  test("tells where it stands, and how long a read takes", async () => {
    const { network, client } = texts();
    expect(client.status()).toMatchObject({ connected: false, pending: 0 });
    const ping = client.ping();
    expect(client.status().pending).toBe(1);
    expect(await network.until(ping)).toMatchObject({ revision: 0 });
    expect(client.status()).toMatchObject({ connected: true, pending: 0, server: { port: 1 } });
  });
});
