import { describe, expect, test } from "vitest";
import type { Key } from "../../../src/codec/bytes.ts";
import type { Command, Expiry, Operation } from "../../../src/core/kv/command.ts";
import { decodeCommand, encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { decodeResult } from "../../../src/core/kv/result_codec.ts";
import { bytes, key, put } from "./arbitraries.ts";
import { GOLDEN_COMMANDS } from "./golden.ts";

const ALL = { start: "" as Key, end: null };

function valueOf(store: KVStore, name: string): string | undefined {
  const entry = store.entry(key(name));
  return entry === undefined ? undefined : String.fromCharCode(...entry.value);
}

describe("time", () => {
  test("never goes back, and what is due is not seen before it is removed", () => {
    const store = new KVStore();
    store.execute(put("a", "1", { expiry: { type: "at", time_ms: 100 } }), 50);
    store.execute(put("b", "1"), 99);
    expect(valueOf(store, "a")).toBe("1");
    store.execute(put("b", "2"), 100);
    store.execute(put("b", "3"), 20);
    expect(store.time).toBe(100);
    expect(valueOf(store, "a")).toBeUndefined();
    expect(store.size).toBe(2);
    const count = { type: "range", ...ALL, limit: 0, reverse: false, projection: "count" } as const;
    expect(store.read(count)).toMatchObject({ count: 1 });
    expect(store.nextDue()).toBe(100);
    expect(store.apply(store.dueCommand(), 100).length).toBeGreaterThan(0);
    expect([store.size, store.nextDue()]).toEqual([1, null]);
  });

  test("that is no time is the caller's fault", () => {
    for (const time of [-1, 1.5, NaN, Infinity]) {
      expect(() => new KVStore().execute(put("a", "1"), time)).toThrow("time");
    }
  });

  test("removes in portions, the earliest first", () => {
    const store = new KVStore();
    for (let i = 0; i < 10; i++) store.execute(put(`k${i}`, "", { expiry: { type: "at", time_ms: 20 - i } }), 0);
    store.execute({ type: "expireDue", limit: 3 }, 30);
    expect([store.size, store.nextDue(), store.revision]).toEqual([7, 14, 11]);
    store.execute({ type: "expireDue", limit: 0 }, 30);
    expect([store.size, store.revision]).toEqual([7, 11]);
  });
});

describe("a transaction", () => {
  test("is one revision, sees what it has done, and all its results carry the revision after it", () => {
    const store = new KVStore();
    store.execute(put("a", "1"), 0);
    const inner: Operation = {
      type: "txn",
      compare: [{ key: key("b"), target: "value", operator: "=", operand: bytes("2") }],
      then: [{ type: "get", key: key("b") }],
      else: [],
    };
    const result = store.execute({
      type: "txn",
      compare: [{ key: key("a"), target: "modRevision", operator: "=", operand: 1 }],
      then: [{ type: "get", key: key("a") }, put("b", "1"), put("b", "2"), inner],
      else: [],
    }, 0);
    const entry = { value: bytes("2"), version: 2, createRevision: 2, modRevision: 2, expiry: 0 };
    expect(result).toMatchObject({
      type: "txn",
      revision: 2,
      succeeded: true,
      results: [
        { type: "get", revision: 2 },
        { type: "put", revision: 2 },
        { type: "put", revision: 2 },
        { type: "txn", revision: 2, succeeded: true, results: [{ type: "get", revision: 2, entry }] },
      ],
    });
  });

  test("that only reads, or whose operations all fail, raises nothing", () => {
    const store = new KVStore();
    store.execute(put("a", "x"), 0);
    const then: Operation[] = [{ type: "get", key: key("a") }, { type: "increment", key: key("a"), delta: 1n }];
    expect(store.execute({ type: "txn", compare: [], then, else: [] }, 0)).toMatchObject({
      revision: 1,
      results: [{ type: "get" }, { type: "error", code: "NOT_AN_INTEGER", revision: 1 }],
    });
  });

  test("goes on after an operation that fails, which has changed nothing", () => {
    const store = new KVStore();
    const then: Operation[] = [put("a", "x"), { type: "increment", key: key("a"), delta: 1n }, put("b", "y")];
    store.execute({ type: "txn", compare: [], then, else: [] }, 0);
    expect([valueOf(store, "a"), valueOf(store, "b")]).toEqual(["x", "y"]);
    expect(store.entry(key("a"))!.version).toBe(1);
  });
});

describe("results", () => {
  test("of one command are bounded: a range stops early, other reads are refused", () => {
    const store = new KVStore({ limits: { maxResultBytes: 5000 } });
    for (let i = 0; i < 20; i++) store.execute(put(`k${i}`, "x".repeat(1000)), 0);
    const range = { type: "range", ...ALL, limit: 0, reverse: false, projection: "entries" } as const;
    expect(store.read(range)).toMatchObject({ count: 5, more: true });
    expect(store.read({ ...range, projection: "keys" })).toMatchObject({ count: 20, more: false });
    const get: Operation = { type: "get", key: key("k1") };
    const result = store.execute({ type: "txn", compare: [], then: new Array(9).fill(get), else: [] }, 0);
    const types = result.type === "txn" ? result.results.map((inner) => inner.type) : [];
    expect(types).toEqual([...new Array(5).fill("get"), ...new Array(4).fill("error")]);
    expect(store.read({ type: "getMany", keys: new Array(5).fill(key("k1")) })).toMatchObject({ type: "many" });
    expect(store.read({ type: "getMany", keys: new Array(9).fill(key("k1")) })).toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
    const put9 = new Array(9).fill(put("k1", "y", { returnPrevious: true }));
    store.execute({ type: "txn", compare: [], then: [...new Array(5).fill(get), ...put9], else: [] }, 0);
    expect(store.entry(key("k1"))!.version).toBe(1);
  });

  test("of bytes that are not a command, or not a query, say so", () => {
    const store = new KVStore();
    expect(decodeResult(store.apply(new Uint8Array([99]), 5))).toMatchObject({
      type: "error",
      code: "INVALID_ARGUMENT",
      message: "not a command: unknown command tag 99",
    });
    expect(store.time).toBe(5);
    expect(decodeResult(store.query(encodeCommand(put("a", "1"))))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(decodeResult(store.query(new Uint8Array()))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(decodeResult(store.query(encodeCommand({ type: "get", key: key("a") })))).toEqual({
      type: "get",
      revision: 0,
      entry: null,
    });
  });

  test.each<[Command, string]>([
    [put("", "1"), "INVALID_ARGUMENT"],
    [put("k".repeat(4097), "1"), "LIMIT_EXCEEDED"],
    [put("k", "v".repeat(1024 * 1024 + 1)), "LIMIT_EXCEEDED"],
    [{ type: "openSession", session: key("s".repeat(257)) }, "LIMIT_EXCEEDED"],
    [{ type: "txn", compare: [], then: new Array(10_000).fill(put("a", "1")), else: [] }, "LIMIT_EXCEEDED"],
    [{ type: "getMany", keys: new Array(10_001).fill(key("a")) }, "LIMIT_EXCEEDED"],
    [{ type: "increment", key: key("a"), delta: 2n ** 63n }, "INVALID_ARGUMENT"],
    [put("k", "v", { expiry: { type: "at", time_ms: -1 } }), "INVALID_ARGUMENT"],
    [{ type: "range", ...ALL, limit: 0.5, reverse: false, projection: "keys" }, "INVALID_ARGUMENT"],
  ])("of a command that breaks a limit say so, and nothing changes", (command, code) => {
    const store = new KVStore();
    expect(store.execute(command, 0)).toMatchObject({ type: "error", code, revision: 0 });
    expect([store.size, store.sessions]).toEqual([0, 0]);
  });
});

describe("deleteRange", () => {
  test("removes what is in the range and counts what was visible", () => {
    const store = new KVStore();
    for (let i = 0; i < 3000; i++) store.execute(put(`k${String(i).padStart(4, "0")}`, "v"), 0);
    store.execute(put("k0105", "v", { expiry: { type: "at", time_ms: 5 } }), 0);
    const result = store.execute({ type: "deleteRange", start: key("k0100"), end: key("k0200") }, 5);
    expect(result).toMatchObject({ type: "delete", deleted: 99, previous: null });
    expect(store.size).toBe(2900);
    const range = { type: "range", ...ALL, limit: 0, reverse: true, projection: "keys" } as const;
    expect(store.read(range)).toMatchObject({ count: 2900 });
    expect(store.execute({ type: "deleteRange", ...ALL }, 5)).toMatchObject({ deleted: 2900 });
    expect(store.execute({ type: "deleteRange", ...ALL }, 5)).toMatchObject({ deleted: 0, revision: store.revision });
    expect([store.size, store.randomKey(0.5)]).toEqual([0, null]);
  });
});

describe("randomKey", () => {
  test("gives every visible key about equally often, and no other", () => {
    const store = new KVStore();
    for (let i = 0; i < 20; i++) {
      store.execute(put(`k${i}`, "", i % 4 === 0 ? { expiry: { type: "at", time_ms: 5 } } : {}), 0);
    }
    store.execute(put("k1", ""), 5);
    const found = new Map<Key, number>();
    let seed = 1;
    for (let i = 0; i < 3000; i++) {
      seed = (seed * 48271) % 2147483647;
      const name = store.randomKey(seed / 2147483647)!;
      found.set(name, (found.get(name) ?? 0) + 1);
    }
    expect(found.size).toBe(15);
    expect(found.has(key("k4"))).toBe(false);
    expect(Math.min(...found.values())).toBeGreaterThan(100);
    expect(Math.max(...found.values())).toBeLessThan(400);
  });

  test("of a store where all keys are due is none", () => {
    const store = new KVStore();
    for (let i = 0; i < 20; i++) store.execute(put(`k${i}`, "", { expiry: { type: "at", time_ms: 5 } }), 0);
    store.execute({ type: "openSession", session: key("s") }, 5);
    for (const random of [0, 0.5, 0.999]) expect(store.randomKey(random)).toBeNull();
    expect(new KVStore().randomKey(0)).toBeNull();
  });
});

describe("the state's hash", () => {
  test("is the same on every runtime, for a fixed sequence of commands", () => {
    const store = new KVStore();
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let i = 0; i < 5000; i++) {
      const name = `key ${random(300)}`;
      const golden = GOLDEN_COMMANDS[random(GOLDEN_COMMANDS.length)]![0];
      const expiry: Expiry = random(3) === 0 ? { type: "after", duration_ms: random(500) } : { type: "none" };
      const delta = BigInt(random(100)) - 50n;
      const commands: Command[] = [
        put(name, `value ${i}`, { expiry }),
        { type: "increment", key: key(`n${random(9)}`), delta },
        { type: "incrementFloat", key: key(`n${random(9)}`), delta: `${random(99)}.${random(99)}` },
        {
          type: "once",
          session: key(`s${random(20)}`),
          incarnation: null,
          sequence: i + 1,
          acknowledged: Math.max(0, i - 50),
          operation: { type: "append", key: key(name), value: bytes(`+${i}`) },
        },
        decodeCommand(store.dueCommand()),
        golden,
      ];
      store.apply(encodeCommand(commands[random(commands.length)]!), i * 10 - random(100) + 100);
    }
    expect([store.revision, store.size, store.sessions, store.hash()]).toEqual([3106, 32, 21, 2446708062]);
  });

  test("tells states apart that differ in any part", () => {
    const base = (): KVStore => {
      const store = new KVStore();
      store.execute(put("a", "1"), 5);
      store.execute({ type: "openSession", session: key("s") }, 5);
      return store;
    };
    const changes: ((store: KVStore) => void)[] = [
      () => {},
      (store) => store.execute(put("a", "1"), 5),
      (store) => store.execute(put("b", ""), 5),
      (store) => store.execute({ type: "get", key: key("a") }, 6),
      (store) => store.execute({ type: "openSession", session: key("s") }, 5),
      (store) => store.execute({ type: "closeSession", session: key("s") }, 5),
      (store) =>
        store.execute({ type: "expire", key: key("a"), expiry: { type: "at", time_ms: 9 }, condition: "always" }, 5),
    ];
    const hashes = changes.map((change) => {
      const store = base();
      change(store);
      return store.hash();
    });
    expect(new Set(hashes).size).toBe(changes.length);
    expect(base().hash()).toBe(hashes[0]);
  });
});

describe("limits", () => {
  test("that do not go together are refused when the store is made", () => {
    expect(() => new KVStore({ limits: { maxKeyBytes: -1 } })).toThrow("maxKeyBytes is -1");
    expect(() => new KVStore({ limits: { maxTxnOperations: 100_001 } })).toThrow("at most 100000");
    expect(() => new KVStore({ limits: { maxSessions: 0 } })).toThrow("maxSessions");
  });
});
