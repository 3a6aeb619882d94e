import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { type Key, keyFromBytes, keyFromText, keyToBytes } from "../../../src/codec/bytes.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { decodeResult } from "../../../src/core/kv/result_codec.ts";
import { startUdpServer, type UdpServer, type UdpServerOptions } from "../../../src/server/udp/udp_server.ts";
import { command, until } from "../../support/resp_client.ts";
import { testContext, type TestContextOptions } from "../../support/resp_server.ts";
import { secret } from "../../support/secrets/secrets.ts";

const servers: UdpServer[] = [];
const sockets: Socket[] = [];

async function start(
  options: TestContextOptions = {},
  udp: Partial<UdpServerOptions> = {},
): Promise<{ server: UdpServer } & ReturnType<typeof testContext>> {
  const test = testContext(options);
  const server = await startUdpServer({ host: "127.0.0.1", port: 0, context: test.context, ...udp });
  servers.push(server);
  return { server, ...test };
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await Promise.all(servers.splice(0).map((server) => server.close(500)));
});

/** A client that sends again until it is answered, as datagrams may get lost. */
class UdpClient {
  readonly socket: Socket;
  readonly port: number;
  readonly replies: Map<string, string> = new Map();
  #next = 1;

  constructor(port: number) {
    this.port = port;
    this.socket = createSocket("udp4");
    this.socket.on("error", () => {
      // ECONNREFUSED, when the server is gone.
    });
    this.socket.on("message", (datagram) => {
      const text = keyFromBytes(datagram);
      this.replies.set(text.slice(0, 8), text.slice(8));
    });
    sockets.push(this.socket);
  }

  send(bytes: string): void {
    this.socket.send(keyToBytes(bytes as Key), this.port, "127.0.0.1");
  }

  async raw(body: string): Promise<string> {
    const id = `id-${this.#next++}`.padEnd(8, "\xff");
    for (let attempt = 0; attempt < 20 && !this.replies.has(id); attempt++) {
      this.send(id + body);
      for (let i = 0; i < 50 && !this.replies.has(id); i++) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const reply = this.replies.get(id);
    if (reply === undefined) throw new Error("no reply");
    return reply;
  }

  call(...args: readonly string[]): Promise<string> {
    return this.raw(command(...args));
  }
}

describe("the UDP door", () => {
  it("answers one command per datagram under its id", async () => {
    const { server } = await start();
    const client = new UdpClient(server.port);
    expect(await client.call("SET", "k", "\0\xff\r\n")).toBe("+OK\r\n");
    expect(await client.call("GET", "k")).toBe("$4\r\n\0\xff\r\n\r\n");
    expect(await client.raw("GET absent\r\n")).toBe("$-1\r\n");
    expect(await client.call("NOPE")).toMatch(/^-ERR unknown command 'NOPE'/);
    expect(await client.call("DBSIZE")).toBe(":1\r\n");
  });

  it.each([
    ["", "-ERR Protocol error: half a command in a datagram\r\n"],
    ["*2\r\n$3\r\nGET\r\n", "-ERR Protocol error: half a command in a datagram\r\n"],
    [command("PING") + command("PING"), "-ERR Protocol error: more than one command in a datagram\r\n"],
    [command("PING") + "*", "-ERR Protocol error: more than one command in a datagram\r\n"],
    ["*1\r\nx", "-ERR Protocol error: expected '$', got 'x'\r\n"],
  ])("refuses a datagram that is not one command: %j", async (body, expected) => {
    const { server, store } = await start();
    expect(await new UdpClient(server.port).raw(body)).toBe(expected);
    expect(store.size).toBe(0);
  });

  it.each([
    "MULTI",
    "EXEC",
    "WATCH k",
    "HELLO 3",
    "AUTH x",
    "CLIENT REPLY OFF",
    "QUIT",
    "RESET",
    "SELECT 0",
    "KVWATCH 1 a b 0",
  ])("refuses %s, which needs a connection that lasts", async (line) => {
    const { server } = await start();
    const reply = await new UdpClient(server.port).call(...line.split(" "));
    expect(reply).toMatch(/^-ERR [A-Z]+ needs a connection that lasts: use TCP/);
  });

  it("refuses everybody when there is a password", async () => {
    const { server } = await start({ password: secret("udp") });
    expect(await new UdpClient(server.port).call("GET", "k")).toMatch(/^-NOAUTH /);
  });

  it("says when a reply does not fit a datagram, in the form that was asked for", async () => {
    const { server, store } = await start({}, { maxReplyBytes: 1000 });
    const client = new UdpClient(server.port);
    await client.call("SET", "k", "v".repeat(900));
    expect(await client.call("GET", "k")).toHaveLength(908);
    await client.call("APPEND", "k", "v".repeat(200));
    expect(store.size).toBe(1);
    expect(await client.call("GET", "k")).toMatch(/^-TOOLARGE .* reply of \d+ bytes does not fit a datagram of 1000/);
    const get = encodeCommand({ type: "get", key: keyFromText("k") });
    const reply = await client.call("KV", keyFromBytes(get));
    const result = decodeResult(keyToBytes(reply.slice(reply.indexOf("\r\n") + 2, -2) as Key));
    expect(result).toMatchObject({ type: "error", code: "MESSAGE_TOO_LARGE" });
  });

  it("makes a request that is sent again safe through a session", async () => {
    const { server } = await start();
    const client = new UdpClient(server.port);
    for (let i = 0; i < 5; i++) expect(await client.call("SESSION", "OPEN", "s")).toBe(":1\r\n");
    const once = command("ONCE", "s", "1", "1", "0", "INCR", "n");
    for (let i = 0; i < 5; i++) expect(await client.raw(once)).toBe(":1\r\n");
  });

  it("does nothing for late copies of a session's opening and of what was done in it, once it is closed", async () => {
    const { server, store } = await start();
    const client = new UdpClient(server.port);
    const once = command("ONCE", "s", "1", "1", "0", "INCR", "n");
    await client.call("SESSION", "OPEN", "s");
    expect(await client.raw(once)).toBe(":1\r\n");
    await client.call("SESSION", "CLOSE", "s");
    expect(await client.call("SESSION", "OPEN", "s")).toBe(":3\r\n");
    expect(await client.raw(once)).toMatch(/^-SESSIONUNKNOWN /);
    expect(store.revision).toBe(1);
  });

  it("drops and counts what is too short, and goes on", async () => {
    const { server, context } = await start();
    const client = new UdpClient(server.port);
    await until(() => {
      client.send("short");
      return context.stats.datagramsDropped > 0;
    }, "a datagram was dropped");
    expect(await client.call("PING")).toBe("+PONG\r\n");
  });

  it("drops and counts what is more than can be under way", async () => {
    const due: (() => void)[] = [];
    const { server, context } = await start({ schedule: (run) => due.push(run) }, { maxInFlight: 3 });
    const client = new UdpClient(server.port);
    await until(() => {
      client.send("12345678" + command("SET", "k", "v"));
      return context.stats.datagramsDropped > 0;
    }, "a datagram was dropped");
    expect(due).toHaveLength(3);
    for (const run of due.splice(0)) run();
    await until(() => client.replies.get("12345678") === "+OK\r\n", "the reply came");
  });

  it("survives clients that do not wait for the reply", async () => {
    const { server } = await start({ schedule: (run) => void setTimeout(run, 5) });
    for (let i = 0; i < 20; i++) {
      const gone = createSocket("udp4");
      await new Promise<void>((resolve) => {
        gone.send(
          keyToBytes(("12345678" + command("INCR", "n")) as Key),
          server.port,
          "127.0.0.1",
          () => gone.close(() => resolve()),
        );
      });
    }
    expect(await new UdpClient(server.port).call("PING")).toBe("+PONG\r\n");
  });

  it("answers what is under way before it closes", async () => {
    const due: (() => void)[] = [];
    const { server } = await start({ schedule: (run) => due.push(run) });
    const client = new UdpClient(server.port);
    await until(() => {
      if (due.length === 0) client.send("12345678" + command("SET", "k", "v"));
      return due.length > 0;
    }, "a request was under way");
    const closed = server.close();
    for (const run of due.splice(0)) run();
    await closed;
    await until(() => client.replies.get("12345678") === "+OK\r\n", "the reply came");
  });
});
