import { expect, it } from "vitest";
import { keyFromText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import type { ReadOperation } from "../../src/core/kv/command.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import { settleRead } from "../../src/server/http/settle.ts";
import { Service } from "../../src/server/service.ts";
import { ImmediateReplication } from "../support/immediate_replication.ts";

type Keys = readonly string[] | null | undefined;

const a = keyFromText("a");
const b = keyFromText("b");
const locked = keyFromText("locked");
const RANGE: ReadOperation = { type: "range", start: a, end: null, limit: 0, reverse: false, projection: "keys" };

/** A service whose barriers fail where the key "locked" is concerned, and the keys that they were given. */
function serviceOf(locksKeys: boolean): { readonly service: Service; readonly asked: Keys[] } {
  const asked: Keys[] = [];
  const store = new KVStore();
  const replication = Object.assign(new ImmediateReplication(store), {
    locksKeys,
    barrier: (done: (error: KvError | null) => void, keys?: Keys) => {
      asked.push(keys);
      done(keys?.includes(locked) ?? locksKeys ? new KvError("UNAVAILABLE", "it is locked") : null);
    },
  });
  return { service: new Service(replication, store), asked };
}

it("hands the keys of a read to a protocol that locks them, and all keys for a range", async () => {
  const { service, asked } = serviceOf(true);
  expect(await settleRead(service, { type: "get", key: a })).toMatchObject({ type: "get", entry: null });
  expect(await settleRead(service, { type: "getMany", keys: [a, b] })).toMatchObject({ type: "many" });
  for (const operation of [{ type: "get", key: locked }, { type: "getMany", keys: [a, locked] }, RANGE] as const) {
    expect(() => settleRead(service, operation)).toThrow("it is locked");
  }
  expect(asked).toEqual([["a"], ["a", "b"], ["locked"], ["a", "locked"], null]);
});

it("does not look for the keys of a read where the protocol does not ask", () => {
  const { service, asked } = serviceOf(false);
  for (const operation of [{ type: "get", key: a }, RANGE] as const) service.read(operation, () => {});
  expect(asked).toEqual([null, null]);
});
