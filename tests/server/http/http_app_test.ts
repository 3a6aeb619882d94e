import { describe, expect, test } from "vitest";
import { toBase64 } from "../../../src/codec/base64.ts";
import { textToBytes } from "../../../src/codec/bytes.ts";
import { KvError } from "../../../src/core/errors.ts";
import { type HttpOnlyCode, problemBody, type ProblemCode } from "../../../src/server/http/problem.ts";
import { secret } from "../../support/secrets/secrets.ts";
import { body, createFixture, problem } from "./http_fixture.ts";

const PASSWORD = secret("sésame");

describe("routing", () => {
  test("what nobody serves is 404, another method 405 with Allow, and OPTIONS says what there is", async () => {
    const { request } = createFixture();
    for (const target of ["/", "/v1", "/v2/kv/a", "/v1/kvs", "/v1/kv/../../etc", "/v1/rpc/x", "/v1/sessions"]) {
      expect(await problem(await request("GET", target)), target).toMatchObject({ status: 404, code: "NOT_FOUND" });
    }
    const cases: [method: string, target: string, allow: string][] = [
      ["POST", "/v1/kv/a", "GET, HEAD, PUT, DELETE, OPTIONS"],
      ["PATCH", "/v1/kv", "GET, HEAD, DELETE, OPTIONS"],
      ["GET", "/v1/txn", "POST, OPTIONS"],
      ["GET", "/v1/rpc", "POST, OPTIONS"],
      ["GET", "/v1/sessions/AAAA", "PUT, DELETE, OPTIONS"],
      ["DELETE", "/metrics", "GET, HEAD, OPTIONS"],
    ];
    for (const [method, target, allow] of cases) {
      const response = await request(method, target);
      expect(response.headers.get("allow")).toBe(allow);
      expect(await problem(response)).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
      const options = await request("OPTIONS", target);
      expect(options.status).toBe(204);
      expect(options.headers.get("allow")).toBe(allow);
      expect(options.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  test("a failure that nobody foresaw tells the client nothing, and the operator everything", async () => {
    const { request, store, unforeseen } = createFixture();
    const secret = new Error("secret detail");
    store.read = () => {
      throw secret;
    };
    const answer = await problem(await request("GET", "/v1/kv/a"));
    expect(answer).toMatchObject({ status: 500, code: "INTERNAL" });
    expect(answer.detail).not.toContain("secret");
    expect(unforeseen).toEqual([secret]);
  });

  test("requests are counted", async () => {
    const { request, stats } = createFixture();
    await request("GET", "/v1/kv/a");
    await request("GET", "/nothing");
    expect(stats.httpRequests).toBe(2);
  });
});

describe("a server with a password", () => {
  test("answers 401 without it on every route but the health pages", async () => {
    const { request } = createFixture({ password: PASSWORD });
    const targets = ["/v1/kv/a", "/v1/kv", "/v1/status", "/metrics", "/openapi.json", "/v1/watch", "/nothing"];
    for (const target of targets) {
      for (
        const authorization of [
          null,
          "",
          "Bearer",
          "Bearer wrong",
          `Basic ${toBase64(textToBytes(PASSWORD))}`,
          "Bearer s",
          "sesame",
        ]
      ) {
        const init = authorization === null ? {} : { headers: { Authorization: authorization } };
        const response = await request("GET", target, init);
        expect(response.headers.get("www-authenticate")).toContain("Bearer");
        expect(await problem(response)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
      }
    }
    expect((await request("GET", "/healthz")).status).toBe(200);
    expect((await request("GET", "/readyz")).status).toBe(200);
  });

  test("serves those who send it, whose header carries its UTF-8 bytes", async () => {
    const { request } = createFixture({ password: PASSWORD });
    const headers = { Authorization: `Bearer ${PASSWORD.replace("é", "\xc3\xa9")}` };
    expect((await request("PUT", "/v1/kv/a", { body: body("x"), headers })).status).toBe(201);
    expect(await (await request("GET", "/v1/kv/a", { headers })).text()).toBe("x");
  });
});

describe("pages for operators", () => {
  test("/readyz says why the server does not serve; /healthz says that it lives", async () => {
    const { request, replication } = createFixture();
    expect(await (await request("GET", "/readyz")).json()).toEqual({ status: "ready" });
    replication.failure = new KvError("STORAGE_FAILED", "no space left on device");
    const response = await request("GET", "/readyz");
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await problem(response)).toMatchObject({
      status: 503,
      detail: expect.stringContaining("no space left on device"),
    });
    expect((await request("GET", "/healthz")).status).toBe(200);
  });

  test("/v1/status has the figures as JSON", async () => {
    const { request } = createFixture({ now: () => 5000 });
    await request("PUT", "/v1/kv/a", { body: body("x") });
    expect(await (await request("GET", "/v1/status")).json()).toMatchObject({
      name: "kvpaxos",
      version: "1.2.3",
      replication: { protocol: "none", state: "serving" },
      store: { revision: 1, keys: 1, sessions: 0, watchers: 0, oldestRevision: 1 },
      stats: { httpRequests: 2 },
      memory: { resident_bytes: 123 },
      log: null,
    });
  });

  test("/metrics has the store's figures as Prometheus text", async () => {
    const { request } = createFixture();
    await request("PUT", "/v1/kv/a", { body: body("x") });
    const response = await request("GET", "/metrics");
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    const text = await response.text();
    expect(text).toContain("kvpaxos_revision 1\n");
    expect(text).toContain("kvpaxos_keys 1\n");
    expect(text).toContain('kvpaxos_build_info{version="1.2.3",protocol="none"} 1\n');
  });
});

describe("problems", () => {
  test("every code has a status and a title, and is retryable where its error is", () => {
    const kvCodes = [
      "LIMIT_EXCEEDED",
      "INVALID_ARGUMENT",
      "COMPACTED",
      "WATCH_OVERFLOW",
      "SESSION_UNKNOWN",
      "UNAVAILABLE",
      "STORAGE_FAILED",
      "OUTCOME_UNKNOWN",
      "CLOSED",
    ] as const;
    for (const code of kvCodes) {
      const body = problemBody(code, "detail");
      expect(body.retryable).toBe(new KvError(code, "").retryable);
      expect(body.status).toBeGreaterThanOrEqual(400);
      expect(body.title).not.toBe("");
    }
    const httpCodes: HttpOnlyCode[] = ["NOT_FOUND", "METHOD_NOT_ALLOWED", "PRECONDITION_FAILED", "INTERNAL"];
    for (const code of httpCodes) expect(problemBody(code, "detail").retryable).toBe(false);
    expect(problemBody("FROM_THE_FUTURE" as ProblemCode, "detail").status).toBe(500);
  });
});
