import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PEER_FIRST_BYTE } from "../../src/adapters/tcp_transport.ts";
import { startTcpServer, type TcpServer } from "../../src/server/tcp_server.ts";
import { command, SocketClient, splitReplies, until } from "../support/resp_client.ts";
import { type LinkedDoorOptions, startLinkedDoor } from "../support/linked_door.ts";
import { testContext, type TestContextOptions } from "../support/resp_server.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("tcp");

const OK = "+OK\r\n";
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

const servers: TcpServer[] = [];
const clients: SocketClient[] = [];

/** How the door reaches the connections: by calls, or by batches as between threads. */
type Way = "calls" | "batches";
let way: Way = "calls";

async function start(
  options: TestContextOptions = {},
  tcp: Omit<LinkedDoorOptions, "context"> = {},
): Promise<{ server: TcpServer } & ReturnType<typeof testContext>> {
  const test = testContext(options);
  const { context } = test;
  const server = way === "calls"
    ? await startTcpServer({ host: "127.0.0.1", port: 0, context, ...tcp })
    : await startLinkedDoor({ context, ...tcp });
  servers.push(server);
  return { server, ...test };
}

async function client(server: TcpServer): Promise<SocketClient> {
  const one = await SocketClient.connect(server.port);
  clients.push(one);
  return one;
}

afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  await Promise.all(servers.splice(0).map((server) => server.close(500)));
});

describe.each<Way>(["calls", "batches"])("the TCP door, with connections behind %s", (kind) => {
  beforeEach(() => {
    way = kind;
  });

  it("answers many clients at once on the same key, and loses nothing", async () => {
    const { server, context } = await start({ schedule: (run) => void setTimeout(run, 0) });
    const all = await Promise.all(Array.from({ length: 50 }, () => client(server)));
    await until(() => server.connections() === 50, "all were accepted");
    for (const one of all) one.raw(command("INCR", "n").repeat(20));
    await Promise.all(all.map(async (one) => {
      for (let i = 0; i < 20; i++) await one.next();
    }));
    expect(await all[0]!.call("GET", "n")).toBe(bulk("1000"));
    expect(context.stats.connectionsAccepted).toBe(50);
    for (const one of all) one.close();
    await until(() => server.connections() === 0, "all were gone");
    await until(() => context.clients.size === 0, "their connections were gone");
  });

  it("carries a large binary value in both directions", async () => {
    const { server } = await start();
    const one = await client(server);
    const value = Array.from({ length: 1 << 20 }, (_, i) => String.fromCharCode((i * 7) % 256)).join("");
    expect(await one.call("SET", "k", value)).toBe(OK);
    expect((await one.call("GET", "k")) === bulk(value)).toBe(true);
  });

  it("answers a protocol error and closes, and nobody else notices", async () => {
    const { server } = await start();
    const [bad, good] = [await client(server), await client(server)];
    bad.raw("*1\r\nfoo\r\n" + "x".repeat(100_000));
    expect(await bad.next()).toBe("-ERR Protocol error: expected '$', got 'f'\r\n");
    await until(() => bad.closed, "the connection was closed");
    expect(await good.call("PING")).toBe("+PONG\r\n");
  });

  it("sends the replies to a client that has closed its own half", async () => {
    const { server } = await start({ schedule: (run) => void setTimeout(run, 5) });
    const one = await client(server);
    one.raw(command("SET", "a", "1") + command("GET", "a"));
    one.socket.end();
    expect(await one.next()).toBe(OK);
    expect(await one.next()).toBe(bulk("1"));
    await until(() => one.closed, "the connection was closed");
  });

  it("refuses clients over the limit", async () => {
    const { server, context } = await start({}, { maxConnections: 2 });
    const [a, b] = [await client(server), await client(server)];
    expect(await a.call("PING")).toBe("+PONG\r\n");
    expect(await b.call("PING")).toBe("+PONG\r\n");
    const third = await client(server);
    expect(await third.next()).toBe("-ERR max number of clients reached\r\n");
    await until(() => third.closed, "the connection was closed");
    expect(context.stats.connectionsRefused).toBe(1);
    a.close();
    await until(() => server.connections() === 1, "there was room");
    expect(await (await client(server)).call("PING")).toBe("+PONG\r\n");
  });

  it("closes a client that is silent for too long", async () => {
    const { server } = await start({}, { idleTimeout_ms: 30 });
    const one = await client(server);
    await until(() => one.closed, "the connection was closed");
    expect(server.connections()).toBe(0);
  });

  it("closes who does not log in in time, however it drips, and nobody who has", async () => {
    const notices: string[] = [];
    const { server } = await start({ password: PASSWORD, notices, limits: { loginTimeout_ms: 3000 } });
    const [good, silent, drip] = [await client(server), await client(server), await client(server)];
    expect(await good.call("AUTH", PASSWORD)).toBe(OK);
    drip.raw("*2\r\n$4\r\nAUTH\r\n$1000\r\n");
    const dripping = setInterval(() => drip.socket.write("x"), 10);
    drip.socket.on("error", () => {});
    await until(() => silent.closed && drip.closed, "both were closed");
    clearInterval(dripping);
    expect(notices.filter((notice) => notice.includes("has not logged in within 3000 ms"))).toHaveLength(2);
    expect(notices.join("\n")).not.toContain(PASSWORD);
    expect(await good.call("PING")).toBe("+PONG\r\n");
  });

  it("holds little for a client that does not read, and serves others meanwhile", async () => {
    const { server, context } = await start();
    const [slow, other] = [await client(server), await client(server)];
    expect(await slow.call("SET", "k", "v".repeat(500_000))).toBe(OK);
    slow.socket.pause();
    const count = 400;
    slow.raw(command("GET", "k").repeat(count));
    await until(() => [...context.clients.values()].some((one) => one.bufferedOutput > 500_000), "it was full");
    expect(await other.call("PING")).toBe("+PONG\r\n");
    for (const one of context.clients.values()) expect(one.bufferedOutput).toBeLessThan(4_000_000);
    const before = slow.received.length;
    slow.socket.resume();
    await until(() => slow.received.length - before >= count * 500_011, "all was read");
    expect(splitReplies(slow.received)).toHaveLength(count + 1);
  });

  it("answers what it accepted before it closes", async () => {
    const { server } = await start({ schedule: (run) => void setTimeout(run, 20) });
    const one = await client(server);
    const idle = await client(server);
    expect(await one.call("SET", "a", "1")).toBe(OK);
    one.raw(command("INCR", "a"));
    await until(() => server.connections() === 2, "both were there");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close();
    expect(await one.next()).toBe(":2\r\n");
    await until(() => one.closed && idle.closed, "both were closed");
    await expect(SocketClient.connect(server.port)).rejects.toThrow();
  });

  it("cuts connections that are not done at the deadline", async () => {
    const { server } = await start({ schedule: () => {} });
    const one = await client(server);
    one.raw(command("SET", "a", "1"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await server.close(50);
    await until(() => one.closed, "it was closed");
    expect(one.received).toBe("");
  });

  it("survives clients that go away in the middle of anything", async () => {
    const { server } = await start({ schedule: (run) => void setTimeout(run, 1) });
    for (let i = 0; i < 30; i++) {
      const one = await client(server);
      one.raw(command("SET", "k", "v".repeat(10_000)).repeat(20) + command("GET", "k").slice(0, i % 12));
      one.socket.resetAndDestroy?.();
      one.close();
    }
    await until(() => server.connections() === 0, "all were gone");
    expect(await (await client(server)).call("PING")).toBe("+PONG\r\n");
  });

  it("rejects when it cannot listen", async () => {
    const { server, context } = await start();
    await expect(startTcpServer({ host: "127.0.0.1", port: server.port, context })).rejects.toThrow();
  });

  it("shows replicas on by their first byte, with all that was read, and counts them out", async () => {
    const heads: Uint8Array[] = [];
    const { server, context } = await start({}, {
      maxConnections: 1,
      idleTimeout_ms: 200,
      acceptPeer: (socket, head) => {
        heads.push(head.slice());
        socket.on("data", (chunk: Uint8Array) => socket.write(chunk));
        socket.on("error", () => socket.destroy());
        socket.on("end", () => socket.destroy());
      },
    });
    const peer = await client(server);
    await until(() => server.connections() === 1, "it was let in");
    peer.socket.write(new Uint8Array([PEER_FIRST_BYTE, 1, 2]));
    await until(() => heads.length === 1, "it was shown on");
    expect([...heads[0]!]).toEqual([PEER_FIRST_BYTE, 1, 2]);
    expect(server.connections()).toBe(0);
    expect(context.clients.size).toBe(0);
    expect(context.stats.connectionsOpen).toBe(0);
    expect(context.stats.connectionsAccepted).toBe(0);
    // The one place for clients is free; and there is room for replicas when it is taken.
    const one = await client(server);
    expect(await one.call("PING")).toBe("+PONG\r\n");
    const second = await client(server);
    second.socket.write(new Uint8Array([PEER_FIRST_BYTE, 3]));
    await until(() => heads.length === 2, "it was shown on");
    const third = await client(server);
    third.raw(command("PING"));
    expect(await third.next()).toBe("-ERR max number of clients reached\r\n");
    // The peers' own traffic goes on, past the clients' idle timeout.
    await until(() => one.closed, "the idle client was closed");
    peer.raw("+x\r\n");
    expect(await peer.next()).toBe("+x\r\n");
    const fourth = await client(server);
    expect(await fourth.call("PING")).toBe("+PONG\r\n");
  });

  it("takes the first byte of a replica for a client's when it has no replicas", async () => {
    const { server } = await start();
    const one = await client(server);
    one.socket.write(new Uint8Array([PEER_FIRST_BYTE, 13, 10]));
    expect(await one.next()).toMatch(/^-ERR unknown command/);
  });
});
