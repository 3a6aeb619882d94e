import { afterEach, describe, expect, test } from "vitest";
import { SeededRandom } from "../support/seeded_random.ts";
import { endAll, HOST, RawClient, start } from "./raw_http.ts";

afterEach(endAll);

describe("garbage", () => {
  /** What a client might send that is wrong in some way: noise, halves, and requests with something exchanged. */
  function malformed(random: SeededRandom): Uint8Array {
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)]!;
    const size = (most: number): number => Math.floor(random.next() ** 3 * most);
    const junk = (): string => Buffer.from(random.bytes(size(200))).toString("latin1");
    const method = pick(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO", "", junk()]);
    const target = pick([
      "/v1/kv/%",
      `/v1/kv/${"%zz".repeat(size(50))}`,
      `/v1/kv/${"k".repeat(size(20_000))}`,
      "/v1/kv?limit=99999999999999999999",
      "/v1/kv?" + "a=b&".repeat(size(200)),
      "/v1/watch?from_revision=-1",
      "/v1/rpc",
      "/v1/txn",
      "/v1/sessions/====",
      "*",
      "http://[::1",
      "//",
      "",
      junk(),
    ]);
    const body = pick([
      "",
      "{",
      "[".repeat(size(5000)),
      '{"type":"put"}',
      '{"then":[{"type":"txn","then":[' + '{"type":"txn","then":['.repeat(size(100)),
      '{"type":"range","limit":-1}',
      '{"type":"increment","key":"a","delta":1e400}',
      junk(),
    ]);
    const header = pick([
      "",
      `Content-Length: ${pick(["-1", "1e9", "99999999999", "x", "", "0"])}\r\n`,
      `Content-Length: ${body.length}\r\n`,
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`,
      "Transfer-Encoding: chunked\r\n",
      `Transfer-Encoding: ${junk()}\r\n`,
      `X: ${"y".repeat(size(50_000))}\r\n`,
      "If-Match: nonsense\r\n",
      "Idempotency-Key: \x01\r\n",
      "KV-Session: AA\r\nKV-Sequence: 0\r\n",
      "Last-Event-ID: -5\r\n",
      "Upgrade: websocket\r\nConnection: Upgrade\r\n",
      "Expect: 100-continue\r\n",
      `${junk()}\r\n`,
    ]);
    const text = `${method} ${target} HTTP/${pick(["1.1", "1.0", "2.0", "9", ""])}\r\n${HOST}${header}\r\n${body}`;
    switch (Math.floor(random.next() * 4)) {
      case 0:
        return random.bytes(1 + size(2000));
      case 1:
        return Buffer.from(text.slice(0, size(text.length)), "latin1");
      default:
        return Buffer.from(text, "latin1");
    }
  }

  /** A request that HTTP has no quarrel with, and the front door has. */
  function misguided(random: SeededRandom): string {
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)]!;
    const noise = (): string =>
      Array.from(random.bytes(12), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const [method, target] = pick<readonly [string, string]>([
      ["GET", `/v1/kv/${noise()}%`],
      ["GET", `/v1/kv?prefix=${noise()}&limit=${noise()}`],
      ["GET", `/v1/kv?${noise()}=${noise()}`],
      ["GET", `/v1/events?from_revision=${pick(["0", "-1", "x", "99999999999999999", noise()])}`],
      ["GET", "/v1/watch?from_revision=1.5"],
      ["PUT", `/v1/kv/a?ttl_ms=${pick(["0", "-5", noise(), "1e9"])}`],
      ["PUT", `/v1/kv/${"k".repeat(5000)}`],
      ["PUT", `/v1/sessions/${noise()}`],
      ["DELETE", "/v1/kv"],
      ["DELETE", `/v1/kv?prefix=${noise()}&start=a`],
      ["POST", "/v1/rpc"],
      ["POST", "/v1/txn"],
      ["PATCH", "/v1/rpc"],
      ["GET", `/${noise()}`],
    ]);
    const operation = pick(["put", "get", "txn", "range", "increment", "once", "expire", "openSession", "expireDue"]);
    const body = method !== "POST" ? "" : pick([
      `{"type":"${operation}"}`,
      `{"type":"${operation}","key":${pick(["1", "null", "[]", '{"base64":"*"}', '"\\ud800"', '""'])},"value":"v"}`,
      `{"type":"${operation}","operation":{"type":"${operation}"},"sequence":-1,"session":"s"}`,
      `{"then":[{"type":"${operation}"}],"else":7}`,
      `{"compare":[{"key":"a","target":"${operation}","operand":{}}]}`,
      Buffer.from(random.bytes(50)).toString("latin1"),
      '{"then":['.repeat(1000),
    ]);
    const extra = pick([
      "",
      "If-Match: x\r\n",
      "KV-Session: !\r\n",
      "Idempotency-Key: a b\r\n",
      "Last-Event-ID: x\r\n",
    ]);
    const length = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    return `${method} ${target} HTTP/1.1\r\n${HOST}${extra}${length}\r\n${body}`;
  }

  test("ten thousand malformed requests crash nothing and harm no well-formed client beside them", async () => {
    const running = await start();
    const random = new SeededRandom(20_240_601);
    const total = 10_000;
    let sent = 0;
    let served = 0;
    /** Sends noise, many pieces on one connection, as far as it lives. */
    const vandal = async (): Promise<void> => {
      while (sent < total) {
        const client = new RawClient(running);
        for (let i = 0; i < 20 && sent < total && !client.isClosed; i++) {
          sent++;
          client.send(malformed(random));
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
        client.destroy();
      }
    };
    /** Sends requests that make no sense, and waits for each answer. */
    const fool = async (): Promise<void> => {
      while (sent < total) {
        const client = new RawClient(running);
        for (let i = 0; i < 50 && sent < total && !client.isClosed; i++) {
          sent++;
          client.received = "";
          const answered = client.activity();
          const request = misguided(random);
          client.send(request);
          await answered;
          if (!client.isClosed) expect(client.received, request.slice(0, 200)).toMatch(/^HTTP\/1\.1 [2-4]\d\d /);
        }
        client.destroy();
      }
    };
    const citizen = async (): Promise<void> => {
      while (sent < total) {
        const key = `c${served % 100}`;
        const stored = await fetch(`${running.url}/v1/kv/${key}`, { method: "PUT", body: String(served) });
        await stored.arrayBuffer();
        expect([201, 204]).toContain(stored.status);
        expect(await (await fetch(`${running.url}/v1/kv/${key}`)).text()).toBe(String(served));
        served++;
      }
    };
    await Promise.all([citizen(), ...Array.from({ length: 8 }, () => [vandal(), fool()]).flat()]);
    expect(sent).toBe(total);
    expect(served).toBeGreaterThan(10);
    // Much of it got as far as the front door.
    expect(running.fixture.stats.httpRequests).toBeGreaterThan(1000);
    expect(running.fixture.unforeseen).toEqual([]);
    await expect.poll(() => running.fixture.store.watchers, { timeout: 10_000 }).toBe(0);
  }, 120_000);
});
