/** HTTP on a server with several threads: whichever of them a connection comes to, it is the same server. */
import { afterEach, describe, expect, it } from "vitest";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/server.ts";
import { secret } from "../support/secrets/secrets.ts";
import { SseReader } from "./http/sse_reader.ts";

const servers: RunningServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: Partial<ServerOptions> = {}) {
  const server = await startServer({ port: 0, httpPort: null, dataDir: null, threads: 3, ...options });
  servers.push(server);
  const url = `http://127.0.0.1:${server.addresses.http!.port}`;
  /** Each on a connection of its own, so that they come to all threads. */
  const ask = (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, { ...init, method, headers: { ...init.headers, "Connection": "close" } });
  const json = async (method: string, path: string, init: RequestInit = {}): Promise<unknown> =>
    await (await ask(method, path, init)).json();
  return { server, url, ask, json };
}

const JSON_TYPE = { "Content-Type": "application/json" };

describe.skipIf(process.platform !== "linux")("HTTP of several threads (only Linux divides connections)", () => {
  it("reads on every thread what was written on another, and counts every request once", async () => {
    const { ask, json } = await start();
    for (let i = 0; i < 40; i++) {
      const written = await ask("PUT", `/v1/kv/k${i % 5}`, { body: `v${i}` });
      expect(written.status).toBe(i < 5 ? 201 : 204);
      expect(written.headers.get("kv-version")).toBe(String(Math.floor(i / 5) + 1));
      const read = await ask("GET", `/v1/kv/k${i % 5}`);
      expect(await read.text()).toBe(`v${i}`);
      expect(read.headers.get("etag")).toBe(written.headers.get("etag"));
    }
    const page = await json("GET", "/v1/kv?prefix=k&keys_only") as { readonly count: number };
    expect(page.count).toBe(5);
    const metrics = await (await ask("GET", "/metrics")).text();
    expect(metrics).toMatch(/http.*PUT \/v1\/kv\/\{key\}.*ok.* 40$/m);
    expect(metrics).toMatch(/http.*GET \/v1\/kv\/\{key\}.*ok.* 40$/m);
    const status = await json("GET", "/v1/status") as { readonly stats: Record<string, number> };
    expect(status.stats["httpRequests"]).toBe(83);
  });

  it("keeps to conditions, as entity tags are known to all threads", async () => {
    const { ask } = await start();
    const first = await ask("PUT", "/v1/kv/a", { body: "1" });
    const tag = first.headers.get("etag")!;
    expect((await ask("PUT", "/v1/kv/a", { body: "2", headers: { "If-Match": tag } })).status).toBe(204);
    const failed = await ask("PUT", "/v1/kv/a", { body: "3", headers: { "If-Match": tag } });
    expect(failed.status).toBe(412);
    expect(failed.headers.get("etag")).not.toBe(tag);
    expect((await ask("PUT", "/v1/kv/a", { body: "3", headers: { "If-None-Match": "*" } })).status).toBe(412);
    expect((await ask("DELETE", "/v1/kv/a", { headers: { "If-Match": tag } })).status).toBe(412);
    expect(await (await ask("DELETE", "/v1/kv/a")).json()).toMatchObject({ deleted: 1 });
    expect((await ask("GET", "/v1/kv/a")).status).toBe(404);
    const once = { "Idempotency-Key": "the-same" };
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push((await ask("PUT", "/v1/kv/once", { body: "x", headers: once })).status);
    expect(answers).toEqual([201, 201, 201, 201, 201, 201]);
    expect((await ask("GET", "/v1/kv/once")).headers.get("kv-version")).toBe("1");
  });

  it("executes transactions, calls, and refuses what cannot be understood, in the words of one thread", async () => {
    const threads = await start();
    const one = await start({ threads: 1 });
    const requests: [string, string, RequestInit?][] = [
      ["POST", "/v1/rpc", { body: JSON.stringify({ type: "increment", key: "n", delta: 5 }), headers: JSON_TYPE }],
      ["POST", "/v1/txn", {
        body: JSON.stringify({ then: [{ type: "put", key: "t", value: "1" }, { type: "get", key: "n" }] }),
        headers: JSON_TYPE,
      }],
      ["POST", "/v1/rpc", { body: "{", headers: JSON_TYPE }],
      ["POST", "/v1/rpc", { body: "{}" }],
      ["PUT", "/v1/sessions/c2Vzc2lvbg", {}],
      ["PUT", `/v1/kv/${"k".repeat(5000)}`, { body: "x" }],
      ["PUT", "/v1/kv/big", { body: "x".repeat(3_000_000) }],
      ["GET", "/v1/kv/%zz"],
      ["GET", "/v1/kv/a?what=1"],
      ["POST", "/v1/kv/a", {}],
      ["OPTIONS", "/v1/kv/a"],
      ["GET", "/nowhere"],
      ["GET", "/healthz"],
      ["GET", "/readyz?verbose"],
      ["GET", "/v1/events?from_revision=1"],
      ["DELETE", "/v1/kv?prefix="],
      ["DELETE", "/v1/kv?prefix=t"],
      ["GET", "/openapi.json"],
    ];
    for (const request of requests) {
      const [here, there] = await Promise.all([threads.ask(...request), one.ask(...request)]);
      const told = async (response: Response): Promise<unknown> => [
        response.status,
        response.headers.get("content-type"),
        response.headers.get("allow"),
        await response.text(),
      ];
      expect([request.slice(0, 2), await told(here)]).toEqual([request.slice(0, 2), await told(there)]);
    }
  });

  it("passes events on while they happen, and lets go of a watch that nobody reads", async () => {
    const { ask, url } = await start();
    const abort = new AbortController();
    const reader = new SseReader(await fetch(`${url}/v1/watch?prefix=w`, { signal: abort.signal }));
    expect(await reader.next()).toMatchObject({ event: "watching" });
    for (let i = 0; i < 10; i++) {
      await ask("PUT", `/v1/kv/w${i}`, { body: `v${i}` });
      expect(await reader.next()).toMatchObject({ event: "put", data: { key: `w${i}` } });
    }
    const watches = async (): Promise<string | undefined> =>
      /^kvpaxos_watche\S* (\d+)$/m.exec(await (await ask("GET", "/metrics")).text())?.[1];
    expect(await watches()).toBe("1");
    abort.abort();
    await reader.cancel().catch(() => undefined);
    await expect.poll(watches, { timeout: 10_000 }).toBe("0");
  });

  it("sends a snapshot whole, though it is larger than what may be on its way", async () => {
    const { ask } = await start();
    for (let i = 0; i < 30; i++) await ask("PUT", `/v1/kv/s${i}`, { body: new Uint8Array(100_000).fill(i) });
    const bytes = new Uint8Array(await (await ask("GET", "/v1/snapshot")).arrayBuffer());
    expect(bytes.length).toBeGreaterThan(3_000_000);
  });

  it("lets nobody in without a password, on any thread", async () => {
    const password = secret("a password");
    const { ask } = await start({ password });
    const bearer = { "Authorization": `Bearer ${password}` };
    for (let i = 0; i < 12; i++) {
      expect((await ask("GET", "/v1/kv/a")).status).toBe(401);
      expect((await ask("PUT", "/v1/kv/a", { body: "x" })).status).toBe(401);
      expect((await ask("PUT", `/v1/kv/a${i}`, { body: "x", headers: bearer })).status).toBe(201);
      expect(await (await ask("GET", `/v1/kv/a${i}`, { headers: bearer })).text()).toBe("x");
    }
    expect((await ask("GET", "/readyz")).status).toBe(200);
  });

  it("refuses a port that is taken, and ends its watches when it closes", async () => {
    const { server, url } = await start();
    const { port } = server.addresses.http!;
    await expect(start({ httpPort: port })).rejects.toThrow();
    const reader = new SseReader(await fetch(`${url}/v1/watch`));
    expect(await reader.next()).toMatchObject({ event: "watching" });
    await server.close();
    expect(await reader.next()).toMatchObject({ event: "error", data: { code: "UNAVAILABLE" } });
  });
});
