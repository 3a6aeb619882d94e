import { describe, expect, test } from "vitest";
import type { Expire, Expiry, Operation, Put } from "../../../src/core/kv/command.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import type { Result } from "../../../src/core/kv/result.ts";
import { bytes, key, put } from "./arbitraries.ts";

function valueOf(store: KVStore, name: string): string | undefined {
  const entry = store.entry(key(name));
  return entry === undefined ? undefined : String.fromCharCode(...entry.value);
}

function integer(result: Result): bigint | string {
  return result.type === "integer" ? result.value : result.type === "error" ? `${result.code} ${result.message}` : "";
}

describe("put", () => {
  test("counts versions and revisions", () => {
    const store = new KVStore();
    store.execute(put("a", "1"), 5);
    store.execute(put("b", "1"), 5);
    store.execute(put("a", "2"), 5);
    expect(store.entry(key("a"))).toEqual({
      value: bytes("2"),
      version: 2,
      createRevision: 1,
      modRevision: 3,
      expiry: 0,
    });
    store.execute({ type: "delete", key: key("a"), returnPrevious: false }, 5);
    store.execute(put("a", "3"), 5);
    expect(store.entry(key("a"))).toMatchObject({ version: 1, createRevision: 5, modRevision: 5 });
  });

  test("keeps a copy of the value and not the buffer it came in", () => {
    const store = new KVStore();
    const command = encodeCommand(put("a", "value"));
    const buffer = new Uint8Array(1000);
    buffer.set(command, 100);
    store.apply(buffer.subarray(100, 100 + command.length), 0);
    buffer.fill(0xee);
    expect(valueOf(store, "a")).toBe("value");
    expect(store.entry(key("a"))!.value.buffer.byteLength).toBe(5);
    if ("Buffer" in globalThis) {
      const reused = Buffer.from(buffer.fill(0).buffer, 100, command.length);
      reused.set(command);
      store.apply(reused, 0);
      reused.fill(0xee);
      expect(valueOf(store, "a")).toBe("value");
      expect(store.entry(key("a"))!.value.constructor).toBe(Uint8Array);
    }
    const value = bytes("other");
    store.execute({ ...put("b", ""), value }, 0);
    store.execute({ type: "append", key: key("c"), value }, 0);
    value.fill(0);
    expect([valueOf(store, "b"), valueOf(store, "c")]).toEqual(["other", "other"]);
  });

  test.each<[Put["condition"], boolean, boolean]>([
    ["always", false, true],
    ["always", true, true],
    ["absent", false, true],
    ["absent", true, false],
    ["present", false, false],
    ["present", true, true],
  ])("with condition %s, the key there: %s, is written: %s, and gives the previous entry either way", (
    condition,
    there,
    written,
  ) => {
    const store = new KVStore();
    if (there) store.execute(put("a", "old"), 0);
    const previous = store.entry(key("a")) ?? null;
    const result = store.execute(put("a", "new", { condition, returnPrevious: true }), 0);
    expect(result).toEqual({ type: "put", revision: (there ? 1 : 0) + (written ? 1 : 0), written, previous });
    expect(valueOf(store, "a")).toBe(written ? "new" : there ? "old" : undefined);
  });

  test("drops the expiry unless it is told to keep it", () => {
    const store = new KVStore();
    store.execute(put("a", "1", { expiry: { type: "after", duration_ms: 10 } }), 100);
    expect(store.entry(key("a"))!.expiry).toBe(110);
    store.execute(put("a", "2", { expiry: { type: "keep" } }), 101);
    expect(store.entry(key("a"))!.expiry).toBe(110);
    store.execute(put("a", "3"), 102);
    expect(store.entry(key("a"))!.expiry).toBe(0);
    expect(store.nextDue()).toBeNull();
  });

  test.each<Expiry>([{ type: "at", time_ms: 0 }, { type: "at", time_ms: 50 }, { type: "after", duration_ms: 0 }])(
    "with an expiry that has passed removes the key: %j",
    (expiry) => {
      const store = new KVStore();
      expect(store.execute(put("a", "1", { expiry }), 50)).toMatchObject({ written: true, revision: 0 });
      store.execute(put("a", "1"), 50);
      expect(store.execute(put("a", "2", { expiry }), 50)).toMatchObject({ written: true, revision: 2 });
      expect(store.size).toBe(0);
    },
  );

  test("with an expiry past all numbers is refused", () => {
    const store = new KVStore();
    const expiry: Expiry = { type: "after", duration_ms: Number.MAX_SAFE_INTEGER };
    expect(store.execute(put("a", "1", { expiry }), 50)).toMatchObject({ type: "error", code: "INVALID_ARGUMENT" });
    expect(store.execute(put("a", "1", { expiry }), 0)).toMatchObject({ type: "error" });
    expect(new KVStore().execute(put("a", "1", { expiry }), 0)).toMatchObject({ type: "put", written: true });
  });
});

describe("increment", () => {
  test.each<[string | null, bigint, bigint | string]>([
    [null, 5n, 5n],
    ["10", -11n, -1n],
    ["9223372036854775806", 1n, 9223372036854775807n],
    ["9223372036854775807", 1n, "OUT_OF_RANGE increment or decrement would overflow"],
    ["-9223372036854775808", -1n, "OUT_OF_RANGE increment or decrement would overflow"],
    ["9223372036854775808", 0n, "NOT_AN_INTEGER value is not an integer or out of range"],
    [" 1", 1n, "NOT_AN_INTEGER value is not an integer or out of range"],
    ["", 1n, "NOT_AN_INTEGER value is not an integer or out of range"],
  ])("of %j by %s gives %s", (before, delta, expected) => {
    const store = new KVStore();
    if (before !== null) store.execute(put("n", before, { expiry: { type: "at", time_ms: 9 } }), 0);
    expect(integer(store.execute({ type: "increment", key: key("n"), delta }, 0))).toBe(expected);
    expect(valueOf(store, "n")).toBe(typeof expected === "bigint" ? `${expected}` : before);
    if (before !== null) expect(store.entry(key("n"))!.expiry).toBe(9);
  });

  test("of a float is exact, in plain notation, and refused past the range", () => {
    const store = new KVStore();
    const add = (delta: string): Result => store.execute({ type: "incrementFloat", key: key("n"), delta }, 0);
    expect(add("0.1")).toEqual({ type: "value", revision: 1, value: bytes("0.1") });
    expect(add("0.2")).toEqual({ type: "value", revision: 2, value: bytes("0.3") });
    expect(add("1e2")).toMatchObject({ value: bytes("100.3") });
    expect(add("inf")).toMatchObject({ code: "NOT_A_FLOAT", message: "value is not a valid float" });
    store.execute(put("n", "9e4931"), 0);
    expect(add("9e4931")).toMatchObject({ code: "OUT_OF_RANGE", message: "increment would produce NaN or Infinity" });
    store.execute(put("n", "x".repeat(10_000)), 0);
    expect(add("1")).toMatchObject({ code: "NOT_A_FLOAT" });
  });
});

describe("append and setRange", () => {
  test("give the length, pad with zero bytes and keep the rest", () => {
    const store = new KVStore();
    const setRange = (offset: number, value: string): Result =>
      store.execute({ type: "setRange", key: key("a"), offset, value: bytes(value) }, 0);
    const append = (value: string): Result => store.execute({ type: "append", key: key("a"), value: bytes(value) }, 0);
    expect(integer(setRange(3, ""))).toBe(0n);
    expect(store.size).toBe(0);
    expect(integer(append(""))).toBe(0n);
    expect(store.size).toBe(1);
    expect(integer(append("hello"))).toBe(5n);
    expect(integer(setRange(1, "EL"))).toBe(5n);
    expect(valueOf(store, "a")).toBe("hELlo");
    expect(integer(setRange(7, "!"))).toBe(8n);
    expect(valueOf(store, "a")).toBe("hELlo\0\0!");
    const { revision } = store;
    expect(integer(setRange(2 ** 50, ""))).toBe(8n);
    expect(store.revision).toBe(revision);
  });

  test("past the largest value are refused and change nothing", () => {
    const store = new KVStore({ limits: { maxValueBytes: 8 } });
    store.execute({ type: "append", key: key("a"), value: bytes("12345") }, 0);
    const message = /LIMIT_EXCEEDED string exceeds maximum allowed size: \d+ bytes; the limit is 8 bytes/;
    expect(integer(store.execute({ type: "append", key: key("a"), value: bytes("6789") }, 0))).toMatch(message);
    expect(integer(store.execute({ type: "setRange", key: key("a"), offset: 7, value: bytes("89") }, 0))).toMatch(
      message,
    );
    const far: Operation = { type: "setRange", key: key("a"), offset: 2 ** 53 - 1, value: bytes("x") };
    expect(integer(store.execute(far, 0))).toMatch(message);
    expect(integer(store.execute({ type: "append", key: key("a"), value: bytes("678") }, 0))).toBe(8n);
    expect(store.revision).toBe(2);
  });
});

describe("expire", () => {
  const cases: [Expire["condition"], number, Expiry, boolean][] = [
    ["always", 0, { type: "at", time_ms: 50 }, true],
    ["always", 50, { type: "at", time_ms: 50 }, true],
    ["absent", 0, { type: "at", time_ms: 50 }, true],
    ["absent", 40, { type: "at", time_ms: 50 }, false],
    ["present", 0, { type: "at", time_ms: 50 }, false],
    ["present", 40, { type: "none" }, true],
    ["greater", 0, { type: "at", time_ms: 50 }, false],
    ["greater", 40, { type: "at", time_ms: 50 }, true],
    ["greater", 50, { type: "at", time_ms: 50 }, false],
    ["greater", 50, { type: "none" }, true],
    ["less", 0, { type: "at", time_ms: 50 }, true],
    ["less", 40, { type: "at", time_ms: 50 }, false],
    ["less", 60, { type: "after", duration_ms: 40 }, true],
    ["less", 60, { type: "none" }, false],
  ];
  test.each(cases)("with condition %s, from %i to %j, holds: %s", (condition, before, expiry, changed) => {
    const store = new KVStore();
    const from: Expiry = before === 0 ? { type: "none" } : { type: "at", time_ms: before };
    store.execute(put("a", "1", { expiry: from }), 10);
    const result = store.execute({ type: "expire", key: key("a"), expiry, condition }, 10);
    expect(result).toEqual({ type: "expire", revision: changed ? 2 : 1, changed });
    const after = expiry.type === "none" ? 0 : 50;
    expect(store.entry(key("a"))).toMatchObject({ expiry: changed ? after : before, modRevision: changed ? 2 : 1 });
  });

  test("to a time that has passed removes the key; a key that is not there does not change", () => {
    const store = new KVStore();
    const past: Expire = { type: "expire", key: key("a"), expiry: { type: "at", time_ms: 0 }, condition: "always" };
    expect(store.execute(past, 10)).toEqual({ type: "expire", revision: 0, changed: false });
    store.execute(put("a", "1"), 10);
    expect(store.execute(past, 10)).toEqual({ type: "expire", revision: 2, changed: true });
    expect(store.size).toBe(0);
    const keep: Expire = { ...past, expiry: { type: "keep" } };
    expect(store.execute(keep, 10)).toMatchObject({ type: "error", code: "INVALID_ARGUMENT" });
  });
});
