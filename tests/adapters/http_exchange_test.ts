import { describe, expect, test } from "vitest";
import { errorOfProblem, problemOf, requestOf, resultOf } from "../../src/adapters/http_exchange.ts";
import { type Key, keyFromBytes, keyFromText } from "../../src/codec/bytes.ts";
import { type Compacted, KvError } from "../../src/core/errors.ts";
import { NO_EXPIRY, type Put } from "../../src/core/kv/command.ts";

const encoder = new TextEncoder();

function put(fields: Partial<Put> = {}): Put {
  return {
    type: "put",
    key: keyFromText("k"),
    value: encoder.encode("v"),
    expiry: NO_EXPIRY,
    condition: "always",
    returnPrevious: false,
    ...fields,
  };
}

function answer(status: number, body: string, headers: Record<string, string> = {}) {
  return { status, headers: new Headers(headers), body: encoder.encode(body) };
}

describe("the HTTP request of a stale read", () => {
  test("says so in its query, and is never a transaction", () => {
    const key = keyFromText("k");
    expect(requestOf({ type: "get", key }, true).path).toBe("/v1/kv/k?consistency=stale");
    const range = { type: "range", start: key, end: null, limit: 5, reverse: false, projection: "entries" } as const;
    expect(requestOf(range, true).path).toBe("/v1/kv?start=k&limit=5&consistency=stale");
    for (const read of [{ type: "getMany", keys: [key] }, { type: "get", key: keyFromText("..") }] as const) {
      expect(requestOf(read, true)).toMatchObject({ method: "POST", path: "/v1/rpc?consistency=stale" });
    }
    expect(() => requestOf(put(), true)).toThrow(/put is no read/);
  });
});

describe("the HTTP request of a command", () => {
  test("is a resource where it can be", () => {
    expect(requestOf({ type: "get", key: keyFromBytes(new Uint8Array([0x61, 0x2f, 0xff])) })).toMatchObject({
      method: "GET",
      path: "/v1/kv/a%2F%FF",
    });
    expect(requestOf(put({ expiry: { type: "after", duration_ms: 5 } }))).toMatchObject({
      method: "PUT",
      path: "/v1/kv/k?ttl_ms=5",
      body: encoder.encode("v"),
    });
    expect(requestOf(put({ expiry: { type: "at", time_ms: 5 } })).path).toBe("/v1/kv/k?expires_at_ms=5");
    expect(requestOf(put({ expiry: { type: "keep" } })).path).toBe("/v1/kv/k?keep_ttl=true");
    expect(requestOf({ type: "delete", key: keyFromText("k"), returnPrevious: false }).method).toBe("DELETE");
  });

  test("is a transaction where the resource could not tell all, or the path not name the key", () => {
    for (
      const command of [
        put({ condition: "absent" }),
        put({ returnPrevious: true }),
        put({ key: keyFromText("..") }),
        { type: "get", key: keyFromText(".") } as const,
        { type: "increment", key: keyFromText("n"), delta: 1n } as const,
        { type: "deleteRange", start: "" as Key, end: null } as const,
      ]
    ) expect(requestOf(command)).toMatchObject({ method: "POST", path: "/v1/txn" });
  });

  test("carries the session of a write in headers", () => {
    const session = keyFromBytes(new Uint8Array([255, 254, 253]));
    const once = { type: "once", session, incarnation: 9, sequence: 7, acknowledged: 5, operation: put() } as const;
    expect(requestOf(once)).toMatchObject({
      method: "PUT",
      headers: { "KV-Session": "__79", "KV-Incarnation": "9", "KV-Sequence": "7", "KV-Acknowledged": "5" },
    });
    const open = requestOf({ type: "openSession", session });
    expect(open).toMatchObject({ method: "PUT", path: "/v1/sessions/__79" });
    const headers = new Headers({ "KV-Revision": "4", "KV-Incarnation": "9" });
    const answer = { status: 204, headers, body: new Uint8Array() };
    expect(resultOf(open, answer)).toEqual({ type: "session", revision: 4, incarnation: 9 });
    headers.delete("KV-Incarnation");
    expect(() => resultOf(open, answer)).toThrow("kv-incarnation");
    expect(() => requestOf({ ...once, incarnation: null })).toThrow("Idempotency-Key");
    expect(requestOf({ type: "closeSession", session })).toMatchObject({ method: "DELETE", path: "/v1/sessions/__79" });
  });
});

describe("the result of an HTTP answer", () => {
  const get = requestOf({ type: "get", key: keyFromText("k") });

  test("is an entry, with its history from the headers", () => {
    const headers = { "ETag": '"9"', "KV-Revision": "12", "KV-Version": "2", "KV-Create-Revision": "8" };
    expect(resultOf(get, answer(200, "v", headers))).toEqual({
      type: "get",
      revision: 12,
      entry: { value: encoder.encode("v"), version: 2, createRevision: 8, modRevision: 9, expiry: 0 },
    });
    expect(resultOf(get, answer(404, "{}", { "KV-Revision": "12" }))).toEqual({
      type: "get",
      revision: 12,
      entry: null,
    });
  });

  test("is a protocol error when a success makes no sense", () => {
    for (const wrong of [answer(200, "v"), answer(200, "v", { "ETag": '"x"', "KV-Revision": "1" })]) {
      expect(() => resultOf(get, wrong)).toThrow(KvError);
    }
    const remove = requestOf({ type: "delete", key: keyFromText("k"), returnPrevious: false });
    for (const body of ["", "[", "1", "{}", '{"deleted":-1,"revision":1}']) {
      expect(() => resultOf(remove, answer(200, body))).toThrow(KvError);
    }
  });

  test("is the server's problem, or what can be made of somebody else's", () => {
    const problem = JSON.stringify({ code: "SESSION_UNKNOWN", detail: "who?", revision: 4 });
    expect(problemOf(answer(409, problem))).toEqual({
      type: "error",
      revision: 4,
      code: "SESSION_UNKNOWN",
      message: "who?",
    });
    expect(problemOf(answer(500, JSON.stringify({ code: "INTERNAL", detail: "" }))).code).toBe("OUTCOME_UNKNOWN");
    expect(problemOf(answer(404, JSON.stringify({ code: "NOT_FOUND", detail: "" }))).code).toBe("PROTOCOL_ERROR");
    expect(problemOf(answer(502, "<html>")).code).toBe("OUTCOME_UNKNOWN");
    expect(problemOf(answer(401, "")).code).toBe("UNAUTHENTICATED");
    expect(problemOf(answer(302, "null")).code).toBe("PROTOCOL_ERROR");
    const compacted = errorOfProblem(JSON.stringify({ code: "COMPACTED", detail: "gone", oldestRevision: 17 }));
    expect((compacted as Compacted).oldestRevision).toBe(17);
    expect(errorOfProblem("nonsense").code).toBe("PROTOCOL_ERROR");
  });
});
