import { expect, test } from "vitest";
import { keyFromText } from "../../../src/codec/bytes.ts";
import { type Command, NO_EXPIRY } from "../../../src/core/kv/command.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map((text) => keyFromText(text)) as [never, never, never, never];
const put: Command = {
  type: "put",
  key: a,
  value: new Uint8Array(1),
  expiry: NO_EXPIRY,
  condition: "always",
  returnPrevious: false,
};
const session = { session: keyFromText("s"), incarnation: null, sequence: 1, acknowledged: 1 };
const range: Command = { type: "range", start: a, end: b, limit: 0, reverse: false, projection: "entries" };

function conflicts(command: Command): readonly string[] | null {
  return new KVStore().conflicts(encodeCommand(command));
}

test("a command conflicts on each of its keys, once", () => {
  expect(conflicts(put)).toEqual(["a"]);
  expect(conflicts({ type: "once", ...session, operation: put })).toEqual(["a"]);
  expect(conflicts({ type: "getMany", keys: [c, b, c] })).toEqual(["c", "b"]);
});

test("a transaction conflicts on what it compares and on both of its branches, nested ones too", () => {
  const compare = [{ key: d, target: "version", operator: "=", operand: 0 }] as const;
  const inner: Command = { type: "txn", compare, then: [], else: [{ type: "get", key: c }] };
  expect(conflicts({ type: "txn", compare, then: [put], else: [inner] })).toEqual(["d", "a", "c"]);
  expect(conflicts({ type: "txn", compare, then: [put], else: [range] })).toBe(null);
});

test("ranges, sessions and expiry conflict with everything", () => {
  expect(conflicts(range)).toBe(null);
  expect(conflicts({ type: "deleteRange", start: a, end: null })).toBe(null);
  expect(conflicts({ type: "openSession", session: session.session })).toBe(null);
  expect(conflicts({ type: "closeSession", session: session.session })).toBe(null);
  expect(conflicts({ type: "expireDue", limit: 1 })).toBe(null);
});

test("bytes that are no command conflict with nothing", () => {
  expect(new KVStore().conflicts(new Uint8Array([255]))).toEqual([]);
});

test("a query conflicts as a command does", () => {
  expect(new KVStore().queryConflicts(encodeCommand({ type: "get", key: a }))).toEqual(["a"]);
  expect(new KVStore().queryConflicts(encodeCommand(range))).toBe(null);
});

test("keys whose entries expire, or have, depend on the time, and no others", () => {
  const store = new KVStore();
  store.execute(put, 1000);
  store.execute({ ...put, key: b, expiry: { type: "at", time_ms: 2000 } }, 1000);
  expect([[a], [c], [a, c], [b], [a, b]].map((keys) => store.isTimed(keys))).toEqual([false, false, false, true, true]);
  store.execute({ ...put, key: c }, 3000);
  expect([store.entry(b), store.isTimed([b])]).toEqual([undefined, true]);
});
