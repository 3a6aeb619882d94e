import { createServer, type Server, Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { connect } from "../../src/adapters/connect.ts";
import { tcpConnector } from "../../src/adapters/tcp_connection.ts";
import type { ConnectionListener } from "../../src/client/connection.ts";
import { KvError } from "../../src/core/errors.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("señor");

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of ends.splice(0).reverse()) await end();
});

async function realServer(password: string | null = null): Promise<RunningServer> {
  const server = await startServer({ port: 0, httpPort: null, dataDir: null, password });
  ends.push(() => server.close());
  return server;
}

/** A server that answers whatever comes with `reply`, and its port. */
async function scripted(reply: (request: string) => string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => socket.write(reply(String(chunk))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** How a connection to `port` ends. */
function ending(port: number, password?: string): Promise<KvError> {
  return new Promise((resolve) => {
    const nothing = (): void => undefined;
    const listener: ConnectionListener = {
      onOpen: () => connection.request(1, new Uint8Array([1])),
      onReply: nothing,
      onRefused: nothing,
      onWatching: nothing,
      onEvents: nothing,
      onWatchEnd: nothing,
      onClose: resolve,
    };
    const connector = tcpConnector(password === undefined ? {} : { password });
    const connection = connector({ host: "127.0.0.1", port }, listener);
  });
}

describe("a TCP connection", () => {
  test("sends what is issued in one turn in one write", async () => {
    const server = await realServer();
    const client = connect({ servers: [server.addresses.tcp] });
    ends.push(() => client.close());
    await client.put("warm", new Uint8Array(1));
    const write = vi.spyOn(Socket.prototype, "write");
    const sizes: number[] = [];
    write.mockImplementation(function (this: Socket, ...args: unknown[]): boolean {
      sizes.push((args[0] as Uint8Array).length);
      write.mockRestore();
      return this.write(args[0] as Uint8Array);
    });
    const puts = Promise.all(Array.from({ length: 200 }, (_, i) => client.put(`k${i}`, new Uint8Array(10))));
    await puts;
    expect(sizes.length).toBe(1);
    expect(sizes[0]).toBeGreaterThan(200 * 10);
  });

  test("is closed by a peer that speaks another protocol", async () => {
    const http = await ending(await scripted(() => "HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(http.code).toBe("PROTOCOL_ERROR");
    const confused = await ending(await scripted((request) => request.includes("HELLO") ? "%0\r\n" : ":1\r\n"));
    expect(confused.code).toBe("PROTOCOL_ERROR");
    const chatty = await ending(await scripted(() => "%0\r\n+and\r\n+more\r\n"));
    expect(chatty.code).toBe("PROTOCOL_ERROR");
    const old = await ending(await scripted(() => "-ERR unknown command 'HELLO'\r\n"));
    expect(old.code).toBe("PROTOCOL_ERROR");
  });

  test("says why it could not be made", async () => {
    const error = await ending(1);
    expect(error.code).toBe("UNAVAILABLE");
    expect(error.message).toContain("127.0.0.1:1");
  });

  test("needs the password that the server asks for", async () => {
    const server = await realServer(PASSWORD);
    const { port } = server.addresses.tcp;
    expect((await ending(port)).code).toBe("UNAUTHENTICATED");
    expect((await ending(port, "wrong")).code).toBe("UNAUTHENTICATED");
    for (const protocol of ["tcp", "http", "rpc"] as const) {
      const address = protocol === "tcp" ? server.addresses.tcp : server.addresses.http!;
      const right = connect({ servers: [address], protocol, password: PASSWORD });
      const wrong = connect({ servers: [address], protocol, password: secret("no señor") });
      ends.push(() => right.close(), () => wrong.close());
      expect((await right.put("a", new Uint8Array())).written).toBe(true);
      for (const attempt of [wrong.get("a"), wrong.put("a", new Uint8Array())]) {
        await expect(attempt).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
      }
    }
    expect(() => connect({ protocol: "udp", password: "x" })).toThrow(KvError);
  });

  test("fails over between real servers, and a write in between is done once", async () => {
    const [first, second] = [await realServer(), await realServer()];
    const servers = [first.addresses.tcp, second.addresses.tcp];
    const client = connect({ servers });
    ends.push(() => client.close());
    await client.put("a", new Uint8Array());
    const { port } = client.status().server;
    await (port === servers[0]!.port ? first : second).close();
    expect(await client.increment("n")).toBe(1n);
    expect(client.status().server.port).not.toBe(port);
  });

  test("carries values of a megabyte, many at once", async () => {
    const server = await realServer();
    const client = connect({ servers: [server.addresses.tcp], deadline_ms: 25_000 });
    ends.push(() => client.close());
    const value = new Uint8Array(1024 * 1024).fill(7);
    await Promise.all(Array.from({ length: 20 }, (_, i) => client.put(`big${i}`, value)));
    const entries = await Promise.all(Array.from({ length: 20 }, (_, i) => client.get(`big${i}`)));
    for (const entry of entries) expect(entry?.value.length).toBe(value.length);
    expect(entries[19]?.value.every((byte) => byte === 7)).toBe(true);
  });
});

describe("connect", () => {
  test.each([
    ["127.0.0.1:1", ["127.0.0.1", 1]],
    ["localhost", ["localhost", 32000]],
    ["[::1]:5, b:6", ["::1", 5]],
  ])("understands %s", async (servers, [host, port]) => {
    const client = connect({ servers });
    expect([{ host, port }, { host: "b", port: 6 }]).toContainEqual(client.status().server);
    await client.close();
  });

  test("has the usual port of each protocol", () => {
    expect(connect().status().server).toEqual({ host: "127.0.0.1", port: 32000 });
    expect(connect({ protocol: "http" }).status().server.port).toBe(33000);
  });

  test.each(["", "a:0", "a:65536", "a:x", "::1:5", "a b:1"])("refuses %j", (servers) => {
    expect(() => connect({ servers })).toThrow(KvError);
  });

  test("refuses a protocol that is none", () => {
    expect(() => connect({ protocol: "carrier pigeon" as never })).toThrow(KvError);
  });
});
