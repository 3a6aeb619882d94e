/** Phase two: hundreds of clients at once, over every protocol, on the same keys. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../src/adapters/connect.ts";
import type { KVClient } from "../../src/client/kv_client.ts";
import { type ServerProcess, Servers } from "./support/server_process.ts";

const servers = new Servers();
let server: ServerProcess;
const PROTOCOLS = ["tcp", "udp", "http", "rpc"] as const;

beforeAll(async () => {
  server = await servers.start();
});
afterAll(() => servers.close());

function client(protocol: typeof PROTOCOLS[number]): KVClient {
  const port = protocol === "tcp" || protocol === "udp" ? server.port : server.port + 1000;
  return connect({ servers: [{ host: "127.0.0.1", port }], protocol, deadline_ms: 60_000 });
}

describe("200 clients over tcp, udp, http and rpc", () => {
  test("that increment one key 100 times each end at exactly 20,000", async () => {
    const clients = Array.from({ length: 200 }, (_, i) => client(PROTOCOLS[i % PROTOCOLS.length]!));
    await Promise.all(clients.map(async (each) => {
      for (let i = 0; i < 100; i++) await each.increment("counter");
    }));
    expect(await clients[0]!.increment("counter", 0n)).toBe(20_000n);
    await Promise.all(clients.map((each) => each.close()));
  }, 120_000);

  test("that put, get and delete the same keys never see a torn or foreign value", async () => {
    const clients = Array.from({ length: 200 }, (_, i) => client(PROTOCOLS[i % PROTOCOLS.length]!));
    const wrong: string[] = [];
    await Promise.all(clients.map(async (each, id) => {
      for (let i = 0; i < 15; i++) {
        const key = `shared:${(id + i) % 10}`;
        const text = `${key}/${id}/${i}/`;
        await each.put(key, new TextEncoder().encode(text.repeat(1 + (id * 13 + i) % 50)));
        const entry = await each.get(key);
        if (entry !== null) {
          const value = new TextDecoder().decode(entry.value);
          const unit = /^shared:\d+\/\d+\/\d+\//.exec(value)?.[0] ?? "?";
          if (!unit.startsWith(key + "/") || value !== unit.repeat(value.length / unit.length)) wrong.push(value);
        }
        if (i % 5 === 4) await each.delete(key);
      }
    }));
    expect(wrong).toEqual([]);
    await Promise.all(clients.map((each) => each.close()));
  }, 120_000);
});
