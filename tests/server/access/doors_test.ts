import { describe, expect, it } from "vitest";
import { keyFromText, textToBytes } from "../../../src/codec/bytes.ts";
import { toBase64 } from "../../../src/codec/base64.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { decodeResult } from "../../../src/core/kv/result_codec.ts";
import {
  drawToken,
  formatPasswordHash,
  formatTokenHash,
  hashPassword,
  hashToken,
} from "../../../src/server/access/secrets.ts";
import { parseUsers, type UserTable } from "../../../src/server/access/user_table.ts";
import { command, MemoryClient } from "../../support/resp_client.ts";
import { testContext } from "../../support/resp_server.ts";
import { body, createFixture, problem } from "../http/http_fixture.ts";
import { keepSecret, secret } from "../../support/secrets/secrets.ts";

const ROOT = secret("root");
const WRONG = secret("wrong");

const OK = "+OK\r\n";
const APP_TOKEN = keepSecret(drawToken());
const READER_TOKEN = keepSecret(drawToken());
const SECRETS = [secret("app's password"), secret("reader's password"), APP_TOKEN, READER_TOKEN];

async function users(): Promise<UserTable> {
  const hash = async (password: string): Promise<string> =>
    formatPasswordHash(await hashPassword(textToBytes(password), 16));
  const token = (text: string): string => formatTokenHash(hashToken(textToBytes(text)));
  return parseUsers(
    [
      {
        user: "app",
        role: "read-write",
        prefixes: ["app/"],
        password: await hash(SECRETS[0]!),
        tokens: [token(APP_TOKEN)],
      },
      { user: "reader", role: "read-only", password: await hash(SECRETS[1]!), tokens: [token(READER_TOKEN)] },
    ].map((user) => JSON.stringify(user)).join("\n"),
  );
}

describe("RESP with users", () => {
  it("takes AUTH and HELLO AUTH, and what is pipelined behind them is done as that user", async () => {
    const { context, store } = testContext({ users: await users() });
    const client = new MemoryClient(context);
    client.raw(
      command("set", "app/1", "x") + command("auth", "app", SECRETS[0]!) + command("set", "app/1", "x") +
        command("get", "app/1") + command("get", "other"),
    );
    expect(await client.next()).toMatch(/^-NOAUTH/);
    expect(await client.next()).toBe(OK);
    expect(await client.next()).toBe(OK);
    expect(await client.next()).toBe("$1\r\nx\r\n");
    expect(await client.next()).toBe(
      '-NOPERM user "app" may not read "other": it may read and write keys that begin with "app/"\r\n',
    );
    expect(store.entry(keyFromText("app/1"))).toBeDefined();
    const other = new MemoryClient(context);
    expect(await other.call("hello", "3", "auth", "reader", SECRETS[1]!)).toMatch(/^%7/);
    expect(await other.call("get", "app/1")).toBe("$1\r\nx\r\n");
    expect(await other.call("client", "info")).toContain("user=reader");
    expect(await other.call("auth", SECRETS[0]!)).toMatch(/^-ERR AUTH <password> called without any password/);
  });

  it("reads large requests behind a login that takes its time, once the client is in", async () => {
    const { context } = testContext({ users: await users() });
    const big = command("set", "app/1", "v".repeat(100_000)) + command("mget", ...Array<string>(20).fill("app/2"));
    const client = new MemoryClient(context);
    client.raw(command("auth", "app", SECRETS[0]!) + big);
    for (let i = 0; i < 2; i++) expect(await client.next()).toBe(OK);
    expect(await client.next()).toBe(`*20\r\n${"$-1\r\n".repeat(20)}`);
    const stranger = new MemoryClient(context);
    stranger.raw(command("auth", "app", WRONG) + big);
    expect(await stranger.next()).toMatch(/^-WRONGPASS/);
    expect(await stranger.next()).toBe("-ERR Protocol error: unauthenticated bulk length\r\n");
  });

  it("refuses whatever is out of scope, by whichever command", async () => {
    const { context, store } = testContext({ users: await users(), password: ROOT });
    const root = new MemoryClient(context);
    await root.call("auth", ROOT);
    await root.call("mset", "app/1", "a", "secret", "b");
    const app = new MemoryClient(context);
    expect(await app.call("hello", "3", "auth", "app", SECRETS[0]!)).toMatch(/^%7/);
    const attempts: string[][] = [
      ["get", "secret"],
      ["set", "secret", "x"],
      ["put", "secret", "x"],
      ["getset", "secret", "x"],
      ["setnx", "secret2", "x"],
      ["del", "app/1", "secret"],
      ["mget", "app/1", "secret"],
      ["mset", "app/2", "x", "secret", "x"],
      ["exists", "secret"],
      ["incr", "secret3"],
      ["append", "secret", "x"],
      ["strlen", "secret"],
      ["expire", "secret", "1"],
      ["ttl", "secret"],
      ["type", "secret"],
      ["object", "encoding", "secret"],
      ["watch", "secret"],
      ["keys", "*"],
      ["keys", "sec*"],
      ["scan", "0"],
      ["scan", "0", "match", "s*"],
      ["randomkey"],
      ["dbsize"],
      ["flushall"],
      ["flushdb"],
      ["kvwatch", "1", "", "", "0"],
      ["kvwatch", "1", "secret", "secret\0", "0"],
      ["kvevents", "a", "z", "1", "10"],
      ["once", "sess", "1", "1", "0", "set", "secret", "x"],
      ["config", "get", "*"],
      ["config", "resetstat"],
      ["client", "list"],
      ["client", "kill", "id", "1"],
    ];
    for (const attempt of attempts) {
      expect(await app.call(...attempt), attempt.join(" ")).toMatch(/^-NOPERM user "app" /);
    }
    expect(await app.call("multi")).toBe(OK);
    expect(await app.call("set", "app/9", "x")).toBe("+QUEUED\r\n");
    expect(await app.call("get", "secret")).toMatch(/^-NOPERM/);
    expect(await app.call("exec")).toMatch(/^-EXECABORT/);
    expect(store.size).toBe(2);
    for (const good of [["keys", "app/*"], ["scan", "0", "match", "app/*"], ["kvevents", "app/", "app0", "1", "9"]]) {
      expect(await app.call(...good)).not.toMatch(/^-/);
    }
    expect(await app.call("kvwatch", "1", "app/", "app0", "0")).toBe(":1\r\n");
  });

  it("refuses the bytes of commands in the bytes of results", async () => {
    const { context } = testContext({ users: await users() });
    const app = new MemoryClient(context);
    await app.call("auth", "app", SECRETS[0]!);
    const bytes = encodeCommand({ type: "get", key: keyFromText("secret") });
    const reply = await app.call("kv", String.fromCharCode(...bytes));
    const text = reply.slice(reply.indexOf("\r\n") + 2, -2);
    const result = decodeResult(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    expect(result).toMatchObject({ type: "error", code: "PERMISSION_DENIED" });
  });

  it("lets a reader write nothing", async () => {
    const { context, store } = testContext({ users: await users() });
    const reader = new MemoryClient(context);
    await reader.call("auth", "reader", READER_TOKEN);
    for (const attempt of [["set", "a", "1"], ["del", "a"], ["session", "open", "s"], ["flushall"], ["getdel", "a"]]) {
      expect(await reader.call(...attempt)).toMatch(/^-NOPERM user "reader" .*: it may only read\r\n$/);
    }
    expect(await reader.call("get", "a")).toBe("$-1\r\n");
    expect(await reader.call("dbsize")).toBe(":0\r\n");
    expect(store.revision).toBe(0);
  });

  it("takes rights away with another AUTH, and with RESET", async () => {
    const { context } = testContext({ users: await users() });
    const client = new MemoryClient(context);
    await client.call("hello", "3", "auth", "app", APP_TOKEN);
    expect(await client.call("kvwatch", "1", "app/", "app0", "0")).toBe(":0\r\n");
    await client.call("auth", "reader", READER_TOKEN);
    // The watch of the other user has ended: the next reply is the reply, not a push.
    expect(await client.call("set", "app/1", "x")).toMatch(/^-NOPERM/);
    await client.call("reset");
    expect(await client.call("get", "app/1")).toMatch(/^-NOAUTH/);
    expect(await client.call("auth", "reader", WRONG)).toMatch(/^-WRONGPASS/);
    expect(await client.call("multi")).toMatch(/^-NOAUTH/);
  });

  it("refuses AUTH between MULTI and EXEC", async () => {
    const { context } = testContext({ users: await users() });
    const client = new MemoryClient(context);
    await client.call("auth", "app", APP_TOKEN);
    await client.call("multi");
    expect(await client.call("auth", "reader", READER_TOKEN)).toBe("-ERR Command not allowed inside a transaction\r\n");
    expect(await client.call("exec")).toMatch(/^-EXECABORT/);
  });

  it("closes who has been wrong ten times", async () => {
    const notices: string[] = [];
    const { context } = testContext({ users: await users(), notices });
    const client = new MemoryClient(context);
    for (let i = 0; i < 10; i++) expect(await client.call("auth", "app", `${SECRETS[0]} ${i}`)).toMatch(/^-WRONGPASS/);
    expect(client.transport.ended).toBe(true);
    expect(context.stats.loginsRefused).toBe(10);
    for (const secret of SECRETS) expect(notices.join("\n")).not.toContain(secret);
  });

  it("closes the clients of users who are others now", async () => {
    const notices: string[] = [];
    const { context } = testContext({ users: await users(), notices });
    const [app, reader] = [new MemoryClient(context), new MemoryClient(context)];
    await app.call("auth", "app", APP_TOKEN);
    await reader.call("auth", "reader", READER_TOKEN);
    const table = await users();
    for (const { connection } of [app, reader]) context.clients.set(connection.id, connection);
    context.logins.replaceUsers(new Map([...table].filter(([name]) => name === "app")));
    context.recheckAccess();
    // Salts are drawn anew, so that this is another password as far as anybody can tell.
    expect([app.transport.destroyed, reader.transport.destroyed]).toEqual([true, true]);
    expect(notices.join("\n")).toContain("is user reader, who has changed");
  });
});

describe("HTTP with users", () => {
  const basic = (user: string, password: string): Record<string, string> => ({
    Authorization: `Basic ${toBase64(textToBytes(`${user}:${password}`))}`,
  });
  const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

  it("takes Basic and Bearer", async () => {
    const { request } = createFixture({ users: await users() });
    for (const headers of [basic("app", SECRETS[0]!), basic("app", APP_TOKEN), bearer(APP_TOKEN)]) {
      expect((await request("PUT", "/v1/kv/app%2F1", { body: body("x"), headers })).ok).toBe(true);
      expect((await request("GET", "/v1/kv/app%2F1", { headers })).status).toBe(200);
    }
    const wrong = [
      {},
      basic("app", WRONG),
      basic("nobody", SECRETS[0]!),
      basic("reader", SECRETS[0]!),
      bearer(SECRETS[0]!),
      bearer("app"),
      { Authorization: "Basic !!!" },
      { Authorization: `Basic ${toBase64(textToBytes("no colon"))}` },
      { Authorization: `Basic ${"A".repeat(8000)}` },
      { Authorization: "Digest x" },
    ];
    for (const headers of wrong) {
      const response = await request("GET", "/v1/kv/app%2F1", { headers });
      expect(response.headers.get("www-authenticate")).toMatch(/Bearer.*Basic/);
      const answer = await problem(response);
      expect(answer).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
      for (const secret of SECRETS) expect(answer.detail).not.toContain(secret);
    }
  });

  it("refuses whatever is out of scope, on every route", async () => {
    const { request, post, store } = createFixture({ users: await users() });
    const headers = bearer(APP_TOKEN);
    const refused = async (response: Promise<Response>, what: string): Promise<void> => {
      expect(await problem(await response), what).toMatchObject({ status: 403, code: "PERMISSION_DENIED" });
    };
    for (const method of ["GET", "DELETE"]) {
      for (
        const target of ["/v1/kv/secret", "/v1/kv?prefix=s", "/v1/kv?start=app%2F", "/v1/kv?start=%00"]
      ) {
        await refused(request(method, target, { headers }), `${method} ${target}`);
      }
    }
    await refused(request("GET", "/v1/kv", { headers }), "everything");
    await refused(request("GET", "/v1/kv?count_only", { headers }), "count");
    await refused(request("PUT", "/v1/kv/secret", { body: body("x"), headers }), "PUT");
    await refused(
      request("PUT", "/v1/kv/secret", { body: body("x"), headers: { ...headers, "Idempotency-Key": "k" } }),
      "",
    );
    await refused(request("GET", "/v1/watch", { headers }), "watch");
    await refused(request("GET", "/v1/watch?prefix=secret", { headers }), "watch a prefix");
    await refused(request("GET", "/v1/events?from_revision=1", { headers }), "events");
    const txn = { compare: [{ key: "secret", target: "version", operand: 0 }], then: [] };
    await refused(post("/v1/txn", txn, headers), "txn");
    await refused(post("/v1/rpc", { type: "get", key: "secret" }, headers), "rpc");
    await refused(request("PUT", "/v1/sessions/AAAA", { headers: bearer(READER_TOKEN) }), "session");
    await refused(request("PUT", "/v1/kv/a", { body: body("x"), headers: bearer(READER_TOKEN) }), "a reader's PUT");
    expect(store.revision).toBe(0);
    expect((await request("GET", "/v1/kv?prefix=app%2F", { headers })).status).toBe(200);
    expect((await request("GET", "/v1/kv", { headers: bearer(READER_TOKEN) })).status).toBe(200);
  });

  it("gives a snapshot only to who may read all keys", async () => {
    const { request, post } = createFixture({ users: await users(), snapshotLimits: { maxOpen: 1 } });
    for (const method of ["GET", "HEAD"]) {
      const response = await request(method, "/v1/snapshot", { headers: bearer(APP_TOKEN) });
      expect(response.status, method).toBe(403);
      if (method === "GET") expect((await problem(response)).detail).toMatch(/may not read the keys from "" on/);
    }
    expect((await request("GET", "/v1/snapshot")).status).toBe(401);
    // None of these has begun one.
    const taken = await request("GET", "/v1/snapshot", { headers: bearer(READER_TOKEN) });
    expect(taken.status).toBe(200);
    expect((await taken.arrayBuffer()).byteLength).toBeGreaterThan(0);
    expect((await post("/v1/snapshot", {}, bearer(READER_TOKEN))).status).toBe(405);
  });

  it("has the log's levels changed only by who may do everything, and shows them to all users", async () => {
    const levels = new Map<string, string>();
    const { request } = createFixture({
      users: await users(),
      password: ROOT,
      logLevels: { levels: () => ({}), setLevel: (category, level) => void levels.set(category, level ?? "") },
    });
    const put = (token: string): Promise<Response> =>
      request("PUT", "/v1/admin/log-level", {
        body: body(JSON.stringify({ category: "kvpaxos", level: "debug" })),
        headers: { ...bearer(token), "Content-Type": "application/json" },
      });
    for (const token of [APP_TOKEN, READER_TOKEN]) {
      expect(await problem(await put(token))).toMatchObject({ status: 403, code: "PERMISSION_DENIED" });
      expect((await request("GET", "/v1/admin/log-level", { headers: bearer(token) })).status).toBe(200);
    }
    expect(levels.size).toBe(0);
    expect((await put(ROOT)).status).toBe(200);
    expect(levels.get("kvpaxos")).toBe("debug");
  });

  it("lets nobody in unasked, but to the pages for orchestrators", async () => {
    const { request } = createFixture({ users: await users() });
    const document = await (await request("GET", "/openapi.json", { headers: bearer(READER_TOKEN) })).json() as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    const open: string[] = [];
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) {
        const response = await request(method.toUpperCase(), path.replaceAll(/\{[^}]*\}/g, "AAAA"));
        if (response.status !== 401) open.push(`${method} ${path}`);
      }
    }
    expect(open.toSorted()).toEqual(["get /healthz", "get /readyz"]);
  });

  it("ends the watches of users who are others now", async () => {
    const { request, http, logins } = createFixture({ users: await users() });
    const response = await request("GET", "/v1/watch?prefix=app%2F", { headers: bearer(APP_TOKEN) });
    const text = response.text();
    logins.replaceUsers(new Map());
    http.recheck();
    expect(await text).toContain("UNAUTHENTICATED");
  });
});
