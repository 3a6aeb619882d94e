import { afterEach, describe, expect, test } from "vitest";
import { serveHttp } from "../../src/adapters/http_serve.ts";
import { SseReader } from "../server/http/sse_reader.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { endAll, get, HOST, put, RawClient, start } from "./raw_http.ts";

afterEach(endAll);

describe("serving HTTP", () => {
  test("many requests share one connection, also when they are pipelined, and answers keep their order", async () => {
    const running = await start();
    const client = new RawClient(running);
    client.send(put("a", "1") + get("a") + put("a", "2") + get("a") + get("nothing"));
    await client.until(/nothing|404 Not Found[\s\S]*\}/);
    expect(client.statuses()).toEqual([201, 200, 204, 200, 404]);
    const values = client.received.split(/HTTP\/1\.1 \d+ /).map((answer) =>
      answer.slice(answer.indexOf("\r\n\r\n") + 4)
    );
    expect(values[2]).toBe("1");
    expect(values[4]).toBe("2");
    for (let i = 0; i < 20; i++) client.send(get("a"));
    await expect.poll(() => client.statuses().length, { timeout: 10_000 }).toBe(25);
  });

  test("what is pipelined behind a write that takes its time never overtakes it", async () => {
    const running = await start({ schedule: (run) => void setTimeout(run, 20) });
    const client = new RawClient(running);
    client.send(put("a", "first") + get("a"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    client.send(put("a", "second") + get("a"));
    await expect.poll(() => client.isClosed || client.received.endsWith("second"), { timeout: 10_000 }).toBe(true);
    // Bun gives the connection up instead, which a client may not take for an answer either.
    if ("Bun" in globalThis && client.isClosed) return;
    expect(client.statuses()).toEqual([201, 200, 204, 200]);
    expect(client.received).toMatch(/first/);
  });

  test("a thousand requests pipelined in one write are all answered", async () => {
    const running = await start();
    const client = new RawClient(running);
    let text = "";
    for (let i = 0; i < 500; i++) text += put("n", String(i)) + get("n");
    client.send(text);
    await expect.poll(() => client.statuses().length, { timeout: 20_000 }).toBe(1000);
    const last = client.received.slice(-3);
    expect(last).toBe("499");
  });

  test("a request that arrives byte by byte, or in halves, is served; one that never ends harms nobody", async () => {
    const running = await start();
    const slow = new RawClient(running);
    const half = new RawClient(running);
    half.send(put("h", "0123456789").slice(0, -5));
    for (const byte of put("s", "slow")) {
      slow.send(byte);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await slow.until(/201 Created/);
    expect(await (await fetch(`${running.url}/v1/kv/s`)).text()).toBe("slow");
    half.socket.destroy();
    expect((await fetch(`${running.url}/v1/kv/h`)).status).toBe(404);
    expect(running.fixture.unforeseen).toEqual([]);
  });

  test("chunked bodies are taken, and lengths and encodings that contradict each other are not", async () => {
    const running = await start();
    const client = new RawClient(running);
    client.send(`PUT /v1/kv/c HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n` + get("c"));
    await client.until(/hello$/);
    for (
      const headers of [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: -1",
        "Content-Length: 3x",
      ]
    ) {
      const bad = new RawClient(running);
      bad.send(`PUT /v1/kv/bad HTTP/1.1\r\n${HOST}${headers}\r\n\r\n1\r\nx\r\n0\r\n\r\n`);
      await expect.poll(() => bad.isClosed || bad.statuses()[0] === 400, { timeout: 10_000 }).toBe(true);
    }
    expect((await fetch(`${running.url}/v1/kv/bad`)).status).toBe(404);
  });

  test("large bodies pass, and those over the limit are refused before they are sent", async () => {
    const running = await start({ limits: { maxValueBytes: 8 << 20 } });
    const value = new SeededRandom(7).bytes(8 << 20) as Uint8Array<ArrayBuffer>;
    expect((await fetch(`${running.url}/v1/kv/big`, { method: "PUT", body: value })).status).toBe(201);
    const read = new Uint8Array(await (await fetch(`${running.url}/v1/kv/big`)).arrayBuffer());
    expect(Buffer.compare(read, value)).toBe(0);
    const client = new RawClient(running);
    client.send(`PUT /v1/kv/big HTTP/1.1\r\n${HOST}Content-Length: ${9 << 20}\r\n\r\nabc`);
    await client.until(/413 [\s\S]*LIMIT_EXCEEDED/);
  });

  test("an endless chunked body is cut off", async () => {
    const running = await start({ limits: { maxValueBytes: 100_000 } });
    const client = new RawClient(running);
    client.send(`PUT /v1/kv/e HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    const timer = setInterval(() => client.isClosed || client.send(chunk), 1);
    try {
      await client.until(/413 [\s\S]*LIMIT_EXCEEDED/);
    } finally {
      clearInterval(timer);
    }
    expect(running.fixture.store.size).toBe(0);
  });

  test("HEAD has the length of what GET would send, and no body", async () => {
    const running = await start();
    const client = new RawClient(running);
    client.send(put("a", "hello") + `HEAD /v1/kv/a HTTP/1.1\r\n${HOST}\r\n` + get("a"));
    await client.until(/hello$/);
    expect(client.statuses()).toEqual([201, 200, 200]);
    expect(client.received.match(/content-length: 5/gi)).toHaveLength(2);
  });

  test("a connection on which nothing moves is closed, with or without half a request on it", async () => {
    const running = await start({}, undefined, { idle_ms: 1000 });
    const silent = new RawClient(running);
    const half = new RawClient(running);
    half.send(put("h", "0123456789").slice(0, -5));
    const header = new RawClient(running);
    header.send("GET /v1/kv/a HTTP/1.1\r\nHost:");
    for (const client of [silent, half, header]) {
      await expect.poll(() => client.isClosed, { timeout: 25_000 }).toBe(true);
    }
    expect(running.fixture.store.size).toBe(0);
  });

  test("an HTTP/1.0 request without a host is served", async () => {
    const running = await start();
    const client = new RawClient(running);
    client.send("GET /healthz HTTP/1.0\r\n\r\n");
    await client.until(/200 OK[\s\S]*ok/);
  });

  test("a port that is taken is an error", async () => {
    const running = await start();
    const { port } = running.server;
    const attempt = async (): Promise<unknown> =>
      await serveHttp({ fetch: running.fixture.http.fetch, host: "127.0.0.1", port });
    await expect(attempt()).rejects.toThrow();
  });
});

describe("watching over HTTP", () => {
  test("events arrive as they happen, and a reader that leaves is let go", async () => {
    const { fixture, url } = await start();
    const abort = new AbortController();
    const reader = new SseReader(await fetch(`${url}/v1/watch?prefix=k`, { signal: abort.signal }));
    expect(await reader.next()).toMatchObject({ event: "watching" });
    for (let i = 0; i < 10; i++) {
      await fetch(`${url}/v1/kv/k${i}`, { method: "PUT", body: `v${i}` });
      expect(await reader.next()).toMatchObject({ event: "put", data: { key: `k${i}` } });
    }
    expect(fixture.store.watchers).toBe(1);
    abort.abort();
    await reader.cancel().catch(() => undefined);
    await expect.poll(() => fixture.store.watchers, { timeout: 10_000 }).toBe(0);
  });

  test("a reader that stops reading is ended with an error, and costs others nothing", async () => {
    const running = await start({ feedLimits: { maxQueuedBytes: 1 << 20 } });
    const client = new RawClient(running);
    client.send(`GET /v1/watch HTTP/1.1\r\n${HOST}\r\n`);
    await client.until(/watching/);
    client.socket.pause();
    const value = "x".repeat(100_000);
    // The system's own buffers take some megabytes before the server notices.
    for (let i = 0; i < 2000 && running.fixture.store.watchers > 0; i++) {
      expect((await fetch(`${running.url}/v1/kv/k`, { method: "PUT", body: value })).ok).toBe(true);
    }
    expect(running.fixture.store.watchers).toBe(0);
    client.socket.resume();
    await client.until(/event: error\ndata: [^\n]*WATCH_OVERFLOW/);
    const ids = Array.from(client.received.matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));
    expect(ids).toEqual(ids.map((_, i) => i));
  });
});

describe("closing", () => {
  test("requests under way finish, idle connections do not delay it, and nothing listens afterwards", async () => {
    let answer: ((response: Response) => void) | null = null;
    const running = await start(
      {},
      (request) =>
        request.url.endsWith("/slow")
          ? new Promise<Response>((resolve) => void (answer = resolve))
          : new Response("quick"),
    );
    const idle = new RawClient(running);
    idle.send(`GET /quick HTTP/1.1\r\n${HOST}\r\n`);
    await idle.until(/quick/);
    const slow = new RawClient(running);
    slow.send(`GET /slow HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    await expect.poll(() => answer, { timeout: 10_000 }).not.toBeNull();
    let isClosed = false;
    const closed = running.server.close(20_000).then(() => void (isClosed = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isClosed).toBe(false);
    answer!(new Response("at last"));
    await slow.until(/at last/);
    await closed;
    const late = new RawClient(running);
    await expect.poll(() => late.isClosed, { timeout: 10_000 }).toBe(true);
    expect(late.received).toBe("");
  });

  test("what does not finish by the deadline is cut off", async () => {
    let requests = 0;
    const running = await start({}, () => {
      requests++;
      return new Promise<Response>(() => undefined);
    });
    const client = new RawClient(running);
    client.send(get("a"));
    await expect.poll(() => requests, { timeout: 10_000 }).toBe(1);
    await running.server.close(50);
    await expect.poll(() => client.isClosed, { timeout: 10_000 }).toBe(true);
  });

  test("a server that ends its watches first closes without waiting for the deadline", async () => {
    const running = await start();
    const client = new RawClient(running);
    client.send(`GET /v1/watch HTTP/1.1\r\n${HOST}\r\n`);
    await client.until(/watching/);
    running.fixture.http.close();
    await running.server.close(25_000);
    await client.until(/UNAVAILABLE/);
  });
});
