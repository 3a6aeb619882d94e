import { hc } from "hono/client";
import { describe, expect, test } from "vitest";
import { keyFromText, textToBytes } from "../../../src/codec/bytes.ts";
import { KvError } from "../../../src/core/errors.ts";
import type { RpcApp } from "../../../src/server/http/rpc_types.ts";
import { body, createFixture, problem } from "./http_fixture.ts";

describe("a stale read", () => {
  test("needs no barrier, on every route that reads", async () => {
    const { request, post, replication } = createFixture({ slowBarriers: true });
    await request("PUT", "/v1/kv/a", { body: "1" });
    replication.barrier = (done) => done(new KvError("UNAVAILABLE", "no majority"));
    expect((await request("GET", "/v1/kv/a")).status).toBe(503);
    expect(await (await request("GET", "/v1/kv/a?consistency=stale")).text()).toBe("1");
    expect(await (await request("GET", "/v1/kv?prefix=a&consistency=stale")).json()).toMatchObject({ count: 1 });
    const get = { type: "get", key: "a" };
    expect((await post("/v1/rpc", get)).status).toBe(503);
    expect(await (await post("/v1/rpc?consistency=stale", get)).json()).toMatchObject({ entry: { value: "1" } });
    expect((await post("/v1/rpc?consistency=linearizable", get)).status).toBe(503);
  });

  test("is not something else", async () => {
    const { request, post, store } = createFixture();
    expect((await request("GET", "/v1/kv/a?consistency=eventual")).status).toBe(400);
    expect((await post("/v1/rpc?consistency=stale", { type: "put", key: "a", value: "x" })).status).toBe(400);
    expect((await request("PUT", "/v1/kv/a?consistency=stale", { body: "1" })).status).toBe(400);
    expect(store.size).toBe(0);
  });
});

describe("POST /v1/txn", () => {
  test("does one branch, atomically, and tells what each operation gave", async () => {
    const { post, store } = createFixture();
    const txn = {
      compare: [{ key: "a", target: "version", operand: 0 }],
      then: [
        { type: "put", key: "a", value: "1" },
        { type: "increment", key: "a", delta: "9007199254740993" },
        { type: "get", key: { base64: "YQ==" } },
      ],
      else: [{ type: "get", key: "a" }],
    };
    const first = await post("/v1/txn", txn);
    expect(first.status).toBe(200);
    expect(await first.json()).toEqual({
      type: "txn",
      revision: 1,
      succeeded: true,
      results: [
        { type: "put", revision: 1, written: true, previous: null },
        { type: "integer", revision: 1, value: "9007199254740994" },
        {
          type: "get",
          revision: 1,
          entry: { value: "9007199254740994", version: 2, createRevision: 1, modRevision: 1, expiry: 0 },
        },
      ],
    });
    expect(await (await post("/v1/txn", txn)).json()).toMatchObject({ succeeded: false, revision: 1 });
    expect(store.revision).toBe(1);
  });

  test("an operation that fails yields an error in its place; the others stand", async () => {
    const { post } = createFixture();
    const answer = await post("/v1/txn", {
      then: [
        { type: "put", key: "a", value: "x" },
        { type: "increment", key: "a", delta: 1 },
      ],
    });
    expect(await answer.json()).toMatchObject({
      results: [{ type: "put" }, { type: "error", code: "NOT_AN_INTEGER" }],
    });
  });

  test("Idempotency-Key makes it once", async () => {
    const { post, store } = createFixture();
    const txn = { then: [{ type: "increment", key: "n", delta: 5 }] };
    for (let i = 0; i < 3; i++) {
      const answer = await post("/v1/txn", txn, { "Idempotency-Key": "k" });
      expect(await answer.json()).toMatchObject({ results: [{ value: 5 }] });
    }
    expect(store.entry(keyFromText("n"))?.value).toEqual(textToBytes("5"));
  });

  test.each([
    ["", "the body is not JSON"],
    ["{", "the body is not JSON"],
    ["null", "the body"],
    ["[]", "the body"],
    ['{"them":[]}', "them"],
    ['{"then":[{"type":"put","key":"a"}]}', "then.0.value"],
    ['{"then":[{"type":"put","key":"a","value":"b","ttl":1}]}', "then.0.ttl"],
    ['{"then":[{"type":"putt","key":"a","value":"b"}]}', "then.0.type"],
    ['{"then":[{"type":"put","key":5,"value":"b"}]}', "then.0.key"],
    ['{"then":[{"type":"put","key":{"base64":"!"},"value":"b"}]}', "base64"],
    ['{"then":[{"type":"put","key":"\\ud800","value":"b"}]}', "surrogate"],
    ['{"then":[{"type":"put","key":"","value":"b"}]}', "the key is empty"],
    ['{"then":[{"type":"put","key":"a","value":"b","expiry":{"after_ms":0}}]}', "then.0.expiry"],
    ['{"then":[{"type":"expire","key":"a","expiry":"keep"}]}', "then.0.expiry"],
    ['{"then":[{"type":"increment","key":"a","delta":1.5}]}', "then.0.delta"],
    ['{"then":[{"type":"increment","key":"a","delta":"9223372036854775808"}]}', "64-bit"],
    ['{"compare":[{"key":"a","target":"version","operator":"<=","operand":0}]}', "compare.0.operator"],
    ['{"compare":[{"key":"a","target":"value","operand":0}]}', "compare.0.operand"],
  ])("%s is refused, saying where", async (text, where) => {
    const { post, unforeseen } = createFixture();
    expect(await problem(await post("/v1/txn", text))).toMatchObject({
      status: 400,
      code: "INVALID_ARGUMENT",
      detail: expect.stringContaining(where),
    });
    expect(unforeseen).toEqual([]);
  });

  test("too many operations, too deep a nesting and too long a body are refused by name", async () => {
    const { post, unforeseen } = createFixture({ limits: { maxTxnOperations: 10, maxCommandBytes: 10_000 } });
    const many = { then: Array.from({ length: 11 }, () => ({ type: "get", key: "a" })) };
    expect(await problem(await post("/v1/txn", many))).toMatchObject({ status: 413, code: "LIMIT_EXCEEDED" });
    let deep: unknown = { type: "get", key: "a" };
    for (let i = 0; i < 4; i++) deep = { type: "txn", then: [deep] };
    expect(await problem(await post("/v1/txn", { then: [deep] }))).toMatchObject({
      status: 400,
      detail: expect.stringContaining("deeper than 4"),
    });
    const long = { then: [{ type: "put", key: "a", value: "x".repeat(20_001) }] };
    expect(await problem(await post("/v1/txn", long))).toMatchObject({ status: 413 });
    expect(unforeseen).toEqual([]);
  });

  test("a body nested a million deep is refused without harm", async () => {
    const { post, unforeseen } = createFixture();
    const depth = 500_000;
    for (const [open, close] of [["[", "]"], ['{"then":[', "]}"], ['{"operation":', "}"]] as const) {
      const text = open.repeat(depth) + close.repeat(depth);
      expect((await post("/v1/txn", text)).status).toBe(400);
      expect((await post("/v1/rpc", text)).status).toBe(400);
    }
    expect(unforeseen).toEqual([]);
  });

  test("anything but application/json is refused, so that a web page cannot post across origins", async () => {
    const { request } = createFixture();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]) {
      const init = { body: body('{"then":[]}'), headers: type === "" ? {} : { "Content-Type": type } };
      expect(await problem(await request("POST", "/v1/txn", init as RequestInit)), type).toMatchObject({ status: 415 });
    }
    const init = { body: body("{}"), headers: { "Content-Type": "Application/JSON; charset=utf-8" } };
    expect((await request("POST", "/v1/txn", init)).status).toBe(200);
  });
});

describe("sessions", () => {
  const SESSION = "AAECAwQFBgcICQoLDA0ODw";
  const headers = (sequence: number, acknowledged = 0): Record<string, string> => ({
    "KV-Session": SESSION,
    "KV-Incarnation": "1",
    "KV-Sequence": String(sequence),
    "KV-Acknowledged": String(acknowledged),
  });

  test("a session is opened, makes writes exactly-once, and is closed", async () => {
    const { request, post, store } = createFixture();
    const unknown = await request("PUT", "/v1/kv/a", { body: body("x"), headers: headers(1) });
    expect(await problem(unknown)).toMatchObject({ status: 409, code: "SESSION_UNKNOWN" });
    for (let i = 0; i < 2; i++) {
      const opened = await request("PUT", `/v1/sessions/${SESSION}`);
      expect([opened.status, opened.headers.get("kv-incarnation")]).toEqual([204, "1"]);
    }
    for (let i = 0; i < 3; i++) {
      const txn = { then: [{ type: "increment", key: "n", delta: 1 }] };
      expect(await (await post("/v1/txn", txn, headers(1))).json()).toMatchObject({ results: [{ value: 1 }] });
    }
    expect((await request("PUT", "/v1/kv/a", { body: body("x"), headers: headers(2, 2) })).status).toBe(201);
    const stale = await post("/v1/txn", { then: [{ type: "increment", key: "n", delta: 1 }] }, headers(1, 2));
    expect(await problem(stale)).toMatchObject({ status: 409, code: "SESSION_STALE" });
    const closed = await request("DELETE", `/v1/sessions/${SESSION}`);
    expect([closed.status, closed.headers.get("kv-incarnation")]).toEqual([204, null]);
    expect(store.sessions).toBe(0);
  });

  test("late copies of a session's opening and of what was done in it do nothing once it is closed", async () => {
    const { request, store } = createFixture();
    const write = (): Promise<Response> => request("PUT", "/v1/kv/a", { body: body("x"), headers: headers(1) });
    await request("PUT", `/v1/sessions/${SESSION}`);
    expect((await write()).status).toBe(201);
    await request("DELETE", `/v1/sessions/${SESSION}`);
    const opened = await request("PUT", `/v1/sessions/${SESSION}`);
    expect(opened.headers.get("kv-incarnation")).toBe("3");
    expect(await problem(await write())).toMatchObject({ status: 409, code: "SESSION_UNKNOWN" });
    expect(store.revision).toBe(1);
  });

  test("a session whose client acknowledges nothing fills up", async () => {
    const { request } = createFixture({ limits: { maxSessionResults: 2 } });
    await request("PUT", `/v1/sessions/${SESSION}`);
    for (const sequence of [1, 2]) {
      const init = { body: body("x"), headers: headers(sequence) };
      expect((await request("PUT", "/v1/kv/a", init)).status).toBeLessThan(300);
    }
    const full = await request("PUT", "/v1/kv/a", { body: body("x"), headers: headers(3) });
    expect(await problem(full)).toMatchObject({ status: 429, code: "SESSION_FULL" });
  });

  test.each(["", "A", "AA==", "a.b", "%41%41%41%41", "a".repeat(400)])("the session id %j is refused", async (id) => {
    const { request } = createFixture();
    expect([400, 413]).toContain((await problem(await request("PUT", `/v1/sessions/${id}`))).status);
  });
});

describe("POST /v1/rpc", () => {
  test("a typed client executes every kind of command", async () => {
    const { http } = createFixture();
    const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
      await http.fetch(new Request(input, init));
    const client = hc<RpcApp>("http://server", { fetch });
    const call = async (json: Parameters<typeof client.v1.rpc.$post>[0]["json"]): Promise<unknown> => {
      const response = await client.v1.rpc.$post({ json });
      if (response.ok) return await response.json();
      const { status, code } = await response.json();
      return { status, code };
    };
    expect(await call({ type: "put", key: "a", value: "1" })).toMatchObject({ type: "put", written: true });
    expect(await call({ type: "get", key: "a" })).toMatchObject({ type: "get", entry: { value: "1", version: 1 } });
    expect(await call({ type: "getMany", keys: ["a", "b"] })).toMatchObject({ entries: [{ value: "1" }, null] });
    expect(await call({ type: "increment", key: "a", delta: 41 })).toMatchObject({ type: "integer", value: 42 });
    expect(await call({ type: "incrementFloat", key: "f", delta: "1.5" })).toMatchObject({ value: "1.5" });
    expect(await call({ type: "append", key: "a", value: "!" })).toMatchObject({ value: 3 });
    expect(await call({ type: "setRange", key: "a", offset: 0, value: "x" })).toMatchObject({ value: 3 });
    expect(await call({ type: "expire", key: "a", expiry: { after_ms: 60_000 } })).toMatchObject({ changed: true });
    expect(await call({ type: "range" })).toMatchObject({ type: "range", count: 2, more: false });
    expect(await call({ type: "openSession", session: "s" })).toMatchObject({ type: "session", incarnation: 1 });
    const once = {
      type: "once",
      session: "s",
      incarnation: 1,
      sequence: 1,
      operation: { type: "append", key: "o", value: "x" },
    } as const;
    expect(await call(once)).toMatchObject({ value: 1 });
    expect(await call(once)).toMatchObject({ value: 1 });
    expect(await call({ type: "closeSession", session: "s" })).toMatchObject({ type: "done" });
    expect(await call({ type: "txn", then: [{ type: "delete", key: "o" }] })).toMatchObject({ succeeded: true });
    expect(await call({ type: "deleteRange" })).toMatchObject({ deleted: 2 });
    expect(await call({ type: "put", key: "", value: "" })).toEqual({ status: 400, code: "INVALID_ARGUMENT" });
  });

  test("a refusal of the store's is a problem with its code", async () => {
    const { post } = createFixture();
    await post("/v1/rpc", { type: "put", key: "a", value: "x" });
    expect(await problem(await post("/v1/rpc", { type: "increment", key: "a", delta: 1 }))).toMatchObject({
      status: 409,
      code: "NOT_AN_INTEGER",
    });
  });

  test("the server's own commands are not for clients", async () => {
    const { post } = createFixture();
    expect(await problem(await post("/v1/rpc", { type: "expireDue", limit: 1 }))).toMatchObject({ status: 400 });
  });

  test("a range is cut at the largest answer, with more set; a transaction that reads more is refused", async () => {
    const { request, post } = createFixture();
    for (let i = 0; i < 17; i++) await request("PUT", `/v1/kv/k${i}`, { body: body("x".repeat(1 << 20)) });
    const range = await (await post("/v1/rpc", { type: "range" })).json() as { entries: unknown[]; more: boolean };
    expect(range.entries).toHaveLength(15);
    expect(range.more).toBe(true);
    const txn = await post("/v1/rpc", { type: "txn", then: [{ type: "range" }] });
    expect(await problem(txn)).toMatchObject({ status: 413, code: "MESSAGE_TOO_LARGE" });
  });
});
