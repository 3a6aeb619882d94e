import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { keyFromBytes, keyFromText, textToBytes } from "../../../src/codec/bytes.ts";
import { KvError, OutcomeUnknown } from "../../../src/core/errors.ts";
import { body, createFixture, problem } from "./http_fixture.ts";

/** Every byte percent-encoded. */
function encodeKey(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

describe("PUT, GET and DELETE of an entry", () => {
  test("a value is created, read, replaced and deleted, and the headers tell its history", async () => {
    const { request } = createFixture();
    const created = await request("PUT", "/v1/kv/a", { body: body("one") });
    expect(created.status).toBe(201);
    expect(created.headers.get("etag")).toBe('"1"');
    const replaced = await request("PUT", "/v1/kv/a", { body: body("two") });
    expect(replaced.status).toBe(204);
    expect(replaced.headers.get("etag")).toBe('"2"');
    expect(replaced.headers.get("kv-version")).toBe("2");
    expect(replaced.headers.get("kv-create-revision")).toBe("1");

    const read = await request("GET", "/v1/kv/a");
    expect(read.status).toBe(200);
    expect(await read.text()).toBe("two");
    expect(read.headers.get("content-type")).toBe("application/octet-stream");
    expect(read.headers.get("etag")).toBe('"2"');
    expect(read.headers.get("kv-revision")).toBe("2");
    expect(read.headers.get("kv-version")).toBe("2");
    expect(read.headers.get("kv-create-revision")).toBe("1");

    const deleted = await request("DELETE", "/v1/kv/a");
    expect(deleted.status).toBe(200);
    expect(await deleted.json()).toEqual({ deleted: 1, revision: 3 });
    expect(await (await request("DELETE", "/v1/kv/a")).json()).toEqual({ deleted: 0, revision: 3 });
    const gone = await request("GET", "/v1/kv/a");
    expect(gone.headers.get("kv-revision")).toBe("3");
    expect(await problem(gone)).toMatchObject({ status: 404, code: "NOT_FOUND" });
  });

  test("a read whose barrier takes its time gives the same", async () => {
    const { request } = createFixture({ slowBarriers: true });
    await request("PUT", "/v1/kv/a", { body: body("one") });
    expect(await (await request("GET", "/v1/kv/a")).text()).toBe("one");
  });

  test("an empty value is a value", async () => {
    const { request } = createFixture();
    expect((await request("PUT", "/v1/kv/a")).status).toBe(201);
    const read = await request("GET", "/v1/kv/a");
    expect(read.status).toBe(200);
    expect(await read.text()).toBe("");
  });

  test("HEAD tells what GET tells, and the length, without the value", async () => {
    const { request } = createFixture();
    await request("PUT", "/v1/kv/a", { body: body("hello") });
    const head = await request("HEAD", "/v1/kv/a");
    expect(head.status).toBe(200);
    expect(head.headers.get("etag")).toBe('"1"');
    expect(head.headers.get("content-length")).toBe("5");
    expect(await head.text()).toBe("");
    expect((await request("HEAD", "/v1/kv/b")).status).toBe(404);
  });

  test("any bytes can be a key, and any bytes a value", async () => {
    const { request, store } = createFixture();
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.uint8Array({ maxLength: 100 }), async (key, value) => {
        const target = `/v1/kv/${encodeKey(key)}`;
        // A key of one or two dots alone is taken for a path segment by URL parsers, encoded or not.
        if (/^\/v1\/kv\/(%2e){1,2}$/.test(target)) return;
        await request("PUT", target, { body: body(value) });
        expect(store.entry(keyFromBytes(key))?.value).toEqual(value);
        const read = await request("GET", target);
        expect(new Uint8Array(await read.arrayBuffer())).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test("slashes, encoded or not, NUL and what is not UTF-8 are parts of the key; a plus is a plus", async () => {
    const { request, store } = createFixture();
    const keys: [target: string, key: string][] = [
      ["/v1/kv/a/b//c", "a/b//c"],
      ["/v1/kv/a%2Fd", "a/d"],
      ["/v1/kv/%00%ff", "\0\xff"],
      ["/v1/kv/a+b", "a+b"],
      ["/v1/kv/%7Bkey%7D", "{key}"],
      ["/v1/kv/%3F%23%25", "?#%"],
      ["/v1/kv//", "/"],
      ["/v1/kv/%E2%82%AC", "\xe2\x82\xac"],
    ];
    for (const [target, key] of keys) {
      await request("PUT", target, { body: body(key) });
      expect(store.entry(key as never), target).toBeDefined();
    }
    expect(store.size).toBe(keys.length);
  });

  test.each(["%", "%4", "a%zz", "%%41", "a%2"])("a key with broken percent-encoding is refused: %s", async (key) => {
    const { request } = createFixture();
    expect(await problem(await request("GET", `/v1/kv/${key}`))).toMatchObject({
      status: 400,
      code: "INVALID_ARGUMENT",
      detail: expect.stringContaining("percent"),
    });
  });

  test("an empty key, an oversized key and an oversized value are refused by name", async () => {
    const { request, unforeseen } = createFixture({ limits: { maxKeyBytes: 8, maxValueBytes: 16 } });
    expect(await problem(await request("GET", "/v1/kv/"))).toMatchObject({ status: 400 });
    expect(await problem(await request("PUT", "/v1/kv/123456789", { body: body("v") }))).toMatchObject({
      status: 413,
      code: "LIMIT_EXCEEDED",
      detail: expect.stringContaining("9 bytes; the limit is 8"),
    });
    expect(await problem(await request("PUT", "/v1/kv/a", { body: body("x".repeat(17)) }))).toMatchObject({
      status: 413,
      code: "LIMIT_EXCEEDED",
      detail: expect.stringContaining("the limit is 16"),
    });
    expect((await request("PUT", "/v1/kv/a", { body: body("x".repeat(16)) })).status).toBe(201);
    expect(unforeseen).toEqual([]);
  });

  test("a body without a length is cut off at the limit, not read to its end", async () => {
    const { request } = createFixture({ limits: { maxValueBytes: 1000 } });
    let pulled = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(100));
      },
      cancel: () => void (cancelled = true),
    });
    const init = { body: endless, duplex: "half" } as RequestInit;
    expect(await problem(await request("PUT", "/v1/kv/a", init))).toMatchObject({ status: 413 });
    expect(pulled).toBeLessThan(30);
    await expect.poll(() => cancelled).toBe(true);
  });

  test("a compressed body is refused, since it would be stored compressed", async () => {
    const { request } = createFixture();
    const init = { body: body("x"), headers: { "Content-Encoding": "gzip" } };
    expect(await problem(await request("PUT", "/v1/kv/a", init))).toMatchObject({ status: 415 });
  });
});

describe("preconditions", () => {
  const put = (headers: Record<string, string>): RequestInit => ({ body: body("new"), headers });

  test("If-None-Match: * creates, and refuses when the key is there", async () => {
    const { request } = createFixture();
    expect((await request("PUT", "/v1/kv/a", put({ "If-None-Match": "*" }))).status).toBe(201);
    const refused = await request("PUT", "/v1/kv/a", put({ "If-None-Match": "*" }));
    expect(refused.headers.get("etag")).toBe('"1"');
    expect(await problem(refused)).toMatchObject({ status: 412, code: "PRECONDITION_FAILED" });
  });

  test("If-Match: * replaces, and refuses when the key is not there", async () => {
    const { request } = createFixture();
    expect(await problem(await request("PUT", "/v1/kv/a", put({ "If-Match": "*" })))).toMatchObject({ status: 412 });
    expect(await problem(await request("DELETE", "/v1/kv/a", { headers: { "If-Match": "*" } }))).toMatchObject({
      status: 412,
    });
    await request("PUT", "/v1/kv/a", { body: body("x") });
    expect((await request("PUT", "/v1/kv/a", put({ "If-Match": "*" }))).status).toBe(204);
  });

  test("If-Match with a revision is a compare-and-set, for PUT and DELETE", async () => {
    const { request, store } = createFixture();
    const created = await request("PUT", "/v1/kv/a", { body: body("x") });
    const etag = created.headers.get("etag")!;
    const swapped = await request("PUT", "/v1/kv/a", put({ "If-Match": etag }));
    expect(swapped.status).toBe(204);
    expect(swapped.headers.get("kv-version")).toBe("2");
    const stale = await request("PUT", "/v1/kv/a", put({ "If-Match": etag }));
    expect(stale.headers.get("etag")).toBe('"2"');
    expect(await problem(stale)).toMatchObject({ status: 412 });
    expect(await problem(await request("DELETE", "/v1/kv/a", { headers: { "If-Match": etag } }))).toMatchObject({
      status: 412,
    });
    const deleted = await request("DELETE", "/v1/kv/a", { headers: { "If-Match": '"2"' } });
    expect(await deleted.json()).toEqual({ deleted: 1, revision: 3 });
    expect(store.size).toBe(0);
  });

  test("tags that this server never gives out match nothing; malformed ones are refused", async () => {
    const { request, store } = createFixture();
    for (const tag of ['"0"', 'W/"1"', '"abc"', '""', '"01"']) {
      expect(await problem(await request("PUT", "/v1/kv/a", put({ "If-Match": tag }))), tag).toMatchObject({
        status: 412,
      });
    }
    const malformed: Record<string, string>[] = [
      { "If-Match": "1" },
      { "If-Match": '"1", "2"' },
      { "If-Match": "*", "If-None-Match": "*" },
    ];
    for (const headers of malformed) {
      expect(await problem(await request("PUT", "/v1/kv/a", put(headers)))).toMatchObject({ status: 400 });
    }
    expect(store.size).toBe(0);
  });

  test("If-None-Match on GET answers 304 with the entry's headers", async () => {
    const { request } = createFixture();
    await request("PUT", "/v1/kv/a", { body: body("x") });
    const same = await request("GET", "/v1/kv/a", { headers: { "If-None-Match": '"7", W/"1"' } });
    expect(same.status).toBe(304);
    expect(same.headers.get("etag")).toBe('"1"');
    expect((await request("GET", "/v1/kv/a", { headers: { "If-None-Match": '"2"' } })).status).toBe(200);
    expect((await request("GET", "/v1/kv/a", { headers: { "If-None-Match": "*" } })).status).toBe(304);
  });

  test("of many concurrent compare-and-sets on one revision exactly one wins", async () => {
    const { request } = createFixture();
    await request("PUT", "/v1/kv/a", { body: body("0") });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => request("PUT", "/v1/kv/a", put({ "If-Match": '"1"' }))),
    );
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
  });
});

describe("expiry", () => {
  test("ttl_ms, expires_at_ms and keep_ttl say when a key goes", async () => {
    let now = 1_000_000;
    const { request, store } = createFixture({ now: () => now });
    const put = await request("PUT", "/v1/kv/a?ttl_ms=500", { body: body("x") });
    expect(put.headers.get("kv-expires-at")).toBe("1000500");
    await request("PUT", "/v1/kv/a?keep_ttl", { body: body("y") });
    expect(store.entry(keyFromText("a"))?.expiry).toBe(1_000_500);
    await request("PUT", "/v1/kv/b?expires_at_ms=1000900", { body: body("x") });
    expect((await request("GET", "/v1/kv/b")).headers.get("kv-expires-at")).toBe("1000900");
    await request("PUT", "/v1/kv/a", { body: body("z") });
    expect(store.entry(keyFromText("a"))?.expiry).toBe(0);
    now += 10_000;
    const past = await request("PUT", "/v1/kv/c?expires_at_ms=1", { body: body("x") });
    expect(past.status).toBe(204);
    expect((await request("GET", "/v1/kv/c")).status).toBe(404);
  });

  test.each([
    "ttl_ms=0",
    "ttl_ms=-1",
    "ttl_ms=1.5",
    "ttl_ms=",
    "ttl_ms=9007199254740993",
    "ttl_ms=1&expires_at_ms=5",
    "ttl_ms=1&ttl_ms=1",
    "ttl=1",
    "keep_ttl=maybe",
    "%zz=1",
  ])("?%s is refused", async (query) => {
    const { request, store } = createFixture();
    expect(await problem(await request("PUT", `/v1/kv/a?${query}`, { body: body("x") }))).toMatchObject({
      status: 400,
      code: "INVALID_ARGUMENT",
    });
    expect(store.size).toBe(0);
  });
});

describe("exactly once", () => {
  test("a repeated Idempotency-Key gives the first answer and changes nothing", async () => {
    const { request, store } = createFixture();
    const headers = { "Idempotency-Key": "order-17" };
    const first = await request("PUT", "/v1/kv/a", { body: body("x"), headers });
    await request("PUT", "/v1/kv/a", { body: body("later") });
    const again = await request("PUT", "/v1/kv/a", { body: body("x"), headers });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.headers.get("etag")).toBe(first.headers.get("etag"));
    expect(store.entry(keyFromText("a"))?.value).toEqual(textToBytes("later"));

    for (let i = 0; i < 2; i++) {
      const replaced = await request("PUT", "/v1/kv/a", { body: body("y"), headers: { "Idempotency-Key": "r" } });
      expect(replaced.status).toBe(204);
      expect(replaced.headers.get("kv-version")).toBe("3");
      expect(replaced.headers.get("kv-create-revision")).toBe("1");
      expect(replaced.headers.get("kv-revision")).toBe("3");
    }
    const deletion = { headers: { "Idempotency-Key": "d" } };
    expect(await (await request("DELETE", "/v1/kv/a", deletion)).json()).toEqual({ deleted: 1, revision: 4 });
    expect(await (await request("DELETE", "/v1/kv/a", deletion)).json()).toEqual({ deleted: 1, revision: 4 });
  });

  test("an Idempotency-Key used for another request is a conflict", async () => {
    const { request } = createFixture();
    const headers = { "Idempotency-Key": "k" };
    await request("PUT", "/v1/kv/a", { body: body("x"), headers });
    for (const [target, value] of [["/v1/kv/a", "y"], ["/v1/kv/b", "x"]] as const) {
      expect(await problem(await request("PUT", target, { body: body(value), headers }))).toMatchObject({
        status: 422,
        code: "SESSION_CONFLICT",
      });
    }
  });

  test("a precondition that failed fails again, also when it would hold by then", async () => {
    const { request } = createFixture();
    const init = { body: body("x"), headers: { "Idempotency-Key": "k", "If-Match": "*" } };
    expect((await request("PUT", "/v1/kv/a", init)).status).toBe(412);
    await request("PUT", "/v1/kv/a", { body: body("now") });
    expect((await request("PUT", "/v1/kv/a", init)).status).toBe(412);
  });

  test.each<Record<string, string>>([
    { "Idempotency-Key": "x".repeat(201) },
    { "Idempotency-Key": "two words" },
    { "Idempotency-Key": "k", "KV-Session": "AAAA", "KV-Sequence": "1" },
    { "KV-Session": "AAAA" },
    { "KV-Session": "AAAA", "KV-Sequence": "1" },
    { "KV-Session": "AAAA", "KV-Incarnation": "1" },
    { "KV-Session": "AAAA", "KV-Incarnation": "0", "KV-Sequence": "1" },
    { "KV-Session": "A", "KV-Incarnation": "1", "KV-Sequence": "1" },
    { "KV-Session": "", "KV-Incarnation": "1", "KV-Sequence": "1" },
    { "KV-Session": "AAAA", "KV-Incarnation": "1", "KV-Sequence": "0" },
    { "KV-Session": "AAAA", "KV-Incarnation": "1", "KV-Sequence": "1", "KV-Acknowledged": "-1" },
  ])("headers that make no sense are refused: %j", async (headers) => {
    const { request, store } = createFixture();
    const init = { body: body("x"), headers };
    expect(await problem(await request("PUT", "/v1/kv/a", init))).toMatchObject({ status: 400 });
    expect(store.size).toBe(0);
  });
});

describe("failures", () => {
  test.each(
    [
      [new KvError("UNAVAILABLE", "no quorum"), 503, "UNAVAILABLE"],
      [new KvError("STORAGE_FAILED", "disk full"), 503, "STORAGE_FAILED"],
      [new OutcomeUnknown("closing"), 504, "OUTCOME_UNKNOWN"],
    ] as const,
  )("%s becomes a problem", async (error, status, code) => {
    const { request, replication, unforeseen } = createFixture();
    replication.failure = error;
    const response = await request("PUT", "/v1/kv/a", { body: body("x") });
    expect(response.headers.get("retry-after")).toBe(status === 503 ? "1" : null);
    expect(await problem(response)).toMatchObject({ status, code, detail: error.message });
    expect(unforeseen).toEqual([]);
  });

  test("a failed read barrier becomes a problem, early or late", async () => {
    for (const slowBarriers of [false, true]) {
      const { request, replication } = createFixture({ slowBarriers });
      replication.failure = new KvError("UNAVAILABLE", "no leader");
      expect(await problem(await request("GET", "/v1/kv/a"))).toMatchObject({ status: 503 });
    }
  });
});
