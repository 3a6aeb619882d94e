/** Clients of HTTP that hold connections open and give, or take, nothing: what they cost others, and for how long. */
import { afterEach, describe, expect, test } from "vitest";
import { endAll, get, HOST, put, RawClient, type Running, start } from "./raw_http.ts";

const isBun = "Bun" in globalThis;
const isLinux = process.platform === "linux";

afterEach(endAll);

/** Others are served. */
async function expectServed({ url }: Running): Promise<void> {
  const written = await fetch(`${url}/v1/kv/other`, { method: "PUT", body: "v", headers: { "Connection": "close" } });
  expect(written.ok).toBe(true);
}

async function untilClosed(clients: readonly RawClient[]): Promise<void> {
  await expect.poll(() => clients.filter((client) => !client.isClosed).length, { timeout: 30_000 }).toBe(0);
}

describe("a slow client of HTTP", () => {
  test("whose headers never end is closed, though it sends a byte now and then", async () => {
    const running = await start({}, undefined, { headers_ms: 500 });
    const clients = Array.from({ length: 30 }, () => new RawClient(running));
    for (const client of clients) client.send(`GET /v1/kv/a HTTP/1.1\r\n${HOST}X: `);
    const drip = setInterval(() => {
      for (const client of clients) if (!client.isClosed) client.send("x");
    }, 50);
    try {
      await expectServed(running);
      await untilClosed(clients);
    } finally {
      clearInterval(drip);
    }
    // Bun closes without a word.
    if (!isBun) { for (const client of clients) expect(client.statuses()).toEqual([408]); }
    expect(clients.every((client) => !client.received.includes("200 OK"))).toBe(true);
    await expectServed(running);
  });

  test.each([
    ["of a length that was announced", "Content-Length: 100000", "x"],
    ["in chunks", "Transfer-Encoding: chunked", "1\r\nx\r\n"],
  ])("whose body %s never ends is answered 408, and closed", async (_, header, piece) => {
    const running = await start({ body_ms: 300 });
    const clients = Array.from({ length: 30 }, () => new RawClient(running));
    for (const client of clients) client.send(`PUT /v1/kv/slow HTTP/1.1\r\n${HOST}${header}\r\n\r\n`);
    const drip = setInterval(() => {
      for (const client of clients) if (!client.isClosed) client.send(piece);
    }, 20);
    try {
      await expectServed(running);
      await untilClosed(clients);
    } finally {
      clearInterval(drip);
    }
    for (const client of clients) {
      expect(client.statuses()).toEqual([408]);
      expect(client.received).toMatch(/within 0.3 seconds.*REQUEST_TIMEOUT/);
    }
    expect(running.fixture.store.size).toBe(1);
    expect(running.fixture.unforeseen).toEqual([]);
  });

  test("that does not read its answer is closed, and the answer let go", async () => {
    let cancelled = 0;
    const running = await start({}, (request) => {
      if (!request.url.endsWith("/endless")) return new Response("quick");
      const pull = (controller: ReadableStreamDefaultController): void => controller.enqueue(new Uint8Array(65_536));
      return new Response(new ReadableStream({ pull, cancel: () => void cancelled++ }));
    }, { idle_ms: 1000 });
    const clients = Array.from({ length: 5 }, () => new RawClient(running));
    for (const client of clients) {
      client.socket.pause();
      client.send(`GET /endless HTTP/1.1\r\n${HOST}\r\n`);
    }
    await expect.poll(() => cancelled, { timeout: 30_000 }).toBe(clients.length);
    expect(await (await fetch(`${running.url}/quick`)).text()).toBe("quick");
  });
});

/**
 * Counts no descriptors: on Bun other test files run in this process, and theirs would be taken for connections. What is
 * left there is the limit of requests.
 */
function withoutDescriptors(): () => number {
  let calls = 0;
  return () => calls++ === 0 ? 0 : 1_000_000;
}

describe("the limit of HTTP connections", () => {
  test("is told to who comes over it, and makes room when another leaves", async () => {
    const waiting: ((response: Response) => void)[] = [];
    const running = await start({}, (request) => {
      if (request.url.endsWith("/quick")) return new Response("quick");
      return new Promise<Response>((resolve) => void waiting.push(resolve));
    }, { maxConnections: 3, otherConnections: withoutDescriptors() });
    const inside = Array.from({ length: 3 }, () => new RawClient(running));
    for (const client of inside) client.send(get("a"));
    await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(3);
    const outside = new RawClient(running);
    outside.send(`GET /quick HTTP/1.1\r\n${HOST}\r\n`);
    await expect.poll(() => outside.isClosed, { timeout: 10_000 }).toBe(true);
    expect(outside.statuses()).toEqual([503]);
    expect(outside.received).toMatch(/^Retry-After: 1\r$/im);
    expect(outside.received).toMatch(/raise the limit.*UNAVAILABLE/);
    expect(waiting).toHaveLength(3);
    waiting[0]!(new Response("done", { headers: { "Connection": "close" } }));
    await inside[0]!.until(/done/);
    await expect.poll(() => inside[0]!.isClosed, { timeout: 10_000 }).toBe(true);
    const late = new RawClient(running);
    late.send(`GET /quick HTTP/1.1\r\n${HOST}\r\n`);
    await late.until(/quick$/);
  });

  test.skipIf(!isBun || !isLinux)(
    "holds for connections without a request too, and passes (where Bun does not tell of them: on Bun, by Linux)",
    async () => {
      const errors: string[] = [];
      let answer: ((response: Response) => void) | null = null;
      const running = await start({}, (request) => {
        if (request.url.endsWith("/quick")) return new Response("quick");
        return new Promise<Response>((resolve) => void (answer = resolve));
      }, { maxConnections: 20, onError: (error) => void errors.push(String(error)) });
      const served = new RawClient(running);
      served.send(get("a"));
      await expect.poll(() => answer, { timeout: 10_000 }).not.toBeNull();
      const halves = Array.from({ length: 60 }, () => new RawClient(running));
      for (const client of halves) client.send("GET /quick HTTP/1.1\r\nHo");
      await expect.poll(() => errors.join(), { timeout: 10_000 }).toMatch(/--max-connections/);
      const refused = new RawClient(running);
      await expect.poll(() => refused.isClosed, { timeout: 10_000 }).toBe(true);
      answer!(new Response("still here"));
      await served.until(/still here/);
      // Those that never finish their headers are closed, and others are let in.
      await untilClosed(halves);
      await expect.poll(async () => {
        const response = await fetch(`${running.url}/quick`).catch(() => null);
        return response === null ? null : await response.text();
      }, { timeout: 10_000 }).toBe("quick");
    },
  );

  test("is not reached by requests that are answered", async () => {
    const running = await start({}, undefined, { maxConnections: 2, otherConnections: withoutDescriptors() });
    const client = new RawClient(running);
    for (let i = 0; i < 20; i++) {
      client.send(put("k", String(i)) + get("k"));
      await expect.poll(() => client.statuses().length, { timeout: 10_000 }).toBe(2 * i + 2);
    }
    expect(client.statuses().filter((status) => status >= 400)).toEqual([]);
  });
});
