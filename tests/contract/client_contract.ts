/**
 * What a client does, whatever protocol it speaks: one suite, run against a real server over each.
 *
 * @module
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, type Protocol } from "../../src/adapters/connect.ts";
import { codecs } from "../../src/client/codecs.ts";
import type { KVClient } from "../../src/client/kv_client.ts";
import { op, when } from "../../src/client/txn_builder.ts";
import { Compacted, KvError } from "../../src/core/errors.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { createAuthority } from "../support/certificates.ts";

/** The code that a promise rejects with. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    return `no error, but ${String(await promise)}`;
  } catch (error) {
    return error instanceof KvError ? error.code : String(error);
  }
}

/** Runs the suite over `protocol`, in the clear or over TLS. */
export function clientContract(protocol: Protocol, isSecure: boolean = false): void {
  describe(`a client over ${protocol}${isSecure ? " and TLS" : ""}`, () => {
    const authority = createAuthority("the contract's");
    let server: RunningServer;
    let client: KVClient<string>;
    const clients: KVClient<string>[] = [];

    function open(): KVClient<string> {
      const { tcp, http } = server.addresses;
      const address = protocol === "tcp" || protocol === "udp" ? tcp : http!;
      const tls = isSecure && { ca: authority.certificate };
      const opened = connect({ servers: [address], protocol, tls, codec: codecs.string, deadline_ms: 20_000 });
      clients.push(opened);
      return opened;
    }

    beforeAll(async () => {
      const { certificate, key } = authority.issue({ names: ["127.0.0.1"] });
      const tls = isSecure ? { cert: certificate, key } : null;
      server = await startServer({ port: 0, httpPort: null, dataDir: null, limits: { maxHistoryEvents: 2000 }, tls });
      client = open();
    });
    afterAll(async () => {
      await Promise.all(clients.map((each) => each.close()));
      await server.close();
    });

    test("puts, gets and deletes, with the history of each entry", async () => {
      const put = await client.put("a", "1");
      expect(put).toMatchObject({ written: true, previous: null });
      expect(await client.get("a")).toEqual({
        value: "1",
        version: 1,
        createRevision: put.revision,
        modRevision: put.revision,
        expiresAt_ms: null,
      });
      const second = await client.put("a", "2", { returnPrevious: true });
      expect(second.previous).toMatchObject({ value: "1", version: 1 });
      expect(await client.get("a")).toMatchObject({ value: "2", version: 2, createRevision: put.revision });
      expect(await client.delete("a", { returnPrevious: true })).toMatchObject({
        deleted: 1,
        previous: { value: "2" },
      });
      expect(await client.delete("a")).toMatchObject({ deleted: 0, previous: null });
      expect(await client.get("a")).toBeNull();
    });

    test("carries any bytes as keys and values", async () => {
      const bytes = client.as(codecs.bytes);
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      for (const key of [".", "..", "%", "a/b?c#d&e=f+g", " ", "\0", "\r\n", "ключ", all, new Uint8Array([0xff])]) {
        await bytes.put(key, all);
        expect((await bytes.get(key))?.value).toEqual(all);
        await bytes.put(key, new Uint8Array());
        expect((await bytes.get(key))?.value).toEqual(new Uint8Array());
        expect((await bytes.delete(key)).deleted).toBe(1);
      }
    });

    test("keeps to conditions", async () => {
      expect((await client.put("c", "1", { ifPresent: true })).written).toBe(false);
      expect((await client.put("c", "1", { ifAbsent: true })).written).toBe(true);
      expect(await client.put("c", "2", { ifAbsent: true, returnPrevious: true })).toMatchObject({
        written: false,
        previous: { value: "1" },
      });
      const { modRevision } = (await client.get("c"))!;
      expect((await client.compareAndSet("c", { modRevision }, "3")).swapped).toBe(true);
      expect(await client.compareAndSet("c", { modRevision }, "4")).toMatchObject({
        swapped: false,
        entry: { value: "3" },
      });
      expect((await client.compareAndSet("c", { value: "3" }, "5")).swapped).toBe(true);
    });

    test("sets expiries", async () => {
      await client.put("t", "1", { ttl_ms: 60_000 });
      expect(await client.ttl("t")).toBeGreaterThan(30_000);
      await client.put("t", "2", { keepTtl: true });
      expect(await client.ttl("t")).toBeGreaterThan(30_000);
      expect(await client.persist("t")).toBe(true);
      expect(await client.ttl("t")).toBeNull();
      const at = Date.now() + 60_000;
      await client.put("t", "3", { expiresAt_ms: at });
      expect((await client.get("t"))?.expiresAt_ms).toBe(at);
      expect(await client.expire("t", { ttl_ms: 1 })).toBe(true);
      for (let i = 0; i < 500 && await client.get("t") !== null; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(await client.get("t")).toBeNull();
      expect(await client.ttl("t")).toBeUndefined();
    });

    test("increments and appends, and tells the store's own errors", async () => {
      expect(await client.increment("n", 5)).toBe(5n);
      expect(await client.increment("n", 2n ** 62n)).toBe(2n ** 62n + 5n);
      expect(await codeOf(client.increment("n", 2n ** 62n))).toBe("OUT_OF_RANGE");
      expect(await client.append("text", "ab")).toBe(2);
      expect(await codeOf(client.increment("text"))).toBe("NOT_AN_INTEGER");
      expect(await codeOf(client.put("k".repeat(5000), ""))).toBe("LIMIT_EXCEEDED");
    });

    test("ranges in pages, in either direction, whole or keys only, and counts", async () => {
      const keys = Array.from({ length: 40 }, (_, i) => `r${String(i).padStart(2, "0")}`);
      await Promise.all(keys.map((key) => client.put(key, key)));
      const read = async (options: object): Promise<string[]> =>
        (await client.range({ prefix: "r", pageSize: 7, ...options }).toArray()).map(({ key }) => key);
      expect(await read({})).toEqual(keys);
      expect(await read({ reverse: true, limit: 15 })).toEqual(keys.toReversed().slice(0, 15));
      const some = await client.range({ start: "r10", end: "r12", keysOnly: true }).toArray();
      expect(some.map(({ key }) => key)).toEqual(["r10", "r11"]);
      expect(await client.count({ prefix: "r" })).toBe(40);
      expect((await client.getMany(["r01", "none"])).map((entry) => entry?.value)).toEqual(["r01", undefined]);
      expect((await client.deleteRange({ prefix: "r" })).deleted).toBe(40);
      expect(await client.range({ prefix: "r" }).toArray()).toEqual([]);
    });

    test("reads a range that is larger than a message", async () => {
      const value = "x".repeat(20_000);
      await Promise.all(Array.from({ length: 20 }, (_, i) => client.put(`big${i}`, value)));
      const entries = await client.range({ prefix: "big" }).toArray();
      expect(entries.length).toBe(20);
      expect(entries.every((entry) => entry.value === value)).toBe(true);
    });

    test("does transactions", async () => {
      const txn = {
        compare: [when.absent("x"), when.modRevision("y", "=", 0)],
        then: [op.put("x", "1"), op.increment("x"), op.append("x", "0"), op.get("x"), op.range({ prefix: "x" })],
        else: [op.delete("x"), op.txn({ then: [op.get("x")] })],
      };
      const first = await client.txn(txn);
      expect(first.succeeded).toBe(true);
      expect(first.results.slice(1, 4)).toMatchObject([
        { type: "integer", value: 2n },
        { type: "integer", value: 2n },
        { type: "get", entry: { value: "20" } },
      ]);
      const second = await client.txn(txn);
      expect(second).toMatchObject({ succeeded: false, results: [{ deleted: 1 }, { results: [{ entry: null }] }] });
      const failing = await client.txn({ then: [op.put("x", "text"), op.increment("x")] });
      expect(failing.results[1]).toMatchObject({ type: "error", error: { code: "NOT_AN_INTEGER" } });
    });

    test("watches, from now on and from the past", async () => {
      const watch = client.watch({ prefix: "w" });
      const begun = await watch.ready;
      await client.put("w1", "a");
      await client.txn({ then: [op.put("w2", "b"), op.delete("w1"), op.put("other", "c")] });
      const told: string[] = [];
      for await (const { type, key, entry } of watch) {
        told.push(`${type} ${key} ${entry.value}`);
        if (told.length === 3) break;
      }
      expect(told).toEqual(["put w1 a", "put w2 b", "delete w1 a"]);
      const past = client.watch({ prefix: "w", fromRevision: begun + 1 });
      expect((await past.next()).value).toMatchObject({ type: "put", key: "w1", revision: begun + 1 });
      await past.return();
    });

    test("watches many changes without missing or repeating one", async () => {
      const watch = client.watch({ key: "many" });
      await watch.ready;
      const writes = Promise.all(Array.from({ length: 500 }, () => client.increment("many")));
      for (let i = 1; i <= 500; i++) expect((await watch.next()).value?.entry.value).toBe(String(i));
      await writes;
      await watch.return();
    });

    test("ends a watch whose past is gone with Compacted", async () => {
      await Promise.all(Array.from({ length: 2100 }, () => client.increment("compact")));
      const watch = client.watch({ fromRevision: 1 });
      const error = await watch.next().then(() => null, (reason: unknown) => reason);
      expect(error).toBeInstanceOf(Compacted);
      expect((error as Compacted).oldestRevision).toBeGreaterThan(1);
    });

    test("increments one key from many clients to the exact sum", async () => {
      const many = Array.from({ length: 10 }, open);
      await Promise.all(many.map((each) => Promise.all(Array.from({ length: 50 }, () => each.increment("sum")))));
      expect((await client.get("sum"))?.value).toBe("500");
    });

    test("locks, in the order in which it was asked, and tells who leads", async () => {
      const [first, second] = [open(), open()];
      const held = await first.lock("locked", { ttl_ms: 5000 });
      const next = second.lock("locked", { ttl_ms: 5000 });
      expect(await client.tryLock("locked")).toBeNull();
      const guarded = { compare: [held.fence], then: [op.put("guarded", "1")] };
      expect((await client.txn(guarded)).succeeded).toBe(true);
      expect(await held.release()).toBe(true);
      const after = await next;
      expect(after.token).toBeGreaterThan(held.token);
      expect((await client.txn(guarded)).succeeded).toBe(false);
      await after.release();
      const leaders = client.observe("led");
      expect((await leaders.next()).value).toBeNull();
      await using leadership = await first.elect("led", { value: "me" });
      expect((await leaders.next()).value).toMatchObject({ value: "me", token: leadership.token });
      await leaders.return(undefined);
    });

    test("pings, tells its state and closes", async () => {
      const own = open();
      expect((await own.ping()).latency_ms).toBeGreaterThan(0);
      expect(own.status()).toMatchObject({ connected: true, pending: 0 });
      await own.put("last", "1");
      await own.close();
      expect(await codeOf(own.get("a"))).toBe("CLOSED");
    });

    test("tells within its deadline when no server is there", async () => {
      const lonely = connect({ servers: "127.0.0.1:1", protocol, deadline_ms: 300 });
      expect(await codeOf(lonely.get("a"))).toBe("DEADLINE_EXCEEDED");
      expect(await codeOf(lonely.put("a", new Uint8Array()))).toBe("DEADLINE_EXCEEDED");
      await lonely.close();
    });
  });
}
