import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ByteReader } from "../../src/codec/byte_reader.ts";
import { ByteWriter } from "../../src/codec/byte_writer.ts";
import { keyFromBytes, keyToBytes } from "../../src/codec/bytes.ts";
import { type Key, textToBytes } from "../../src/codec/bytes.ts";
import { formatPasswordHash, hashPassword } from "../../src/server/access/secrets.ts";
import { parseUsers } from "../../src/server/access/user_table.ts";
import { ProtocolError, RespParser } from "../../src/server/resp/parser.ts";
import { DEFAULT_RESP_LIMITS } from "../../src/server/resp/server_context.ts";
import { startServer } from "../../src/server/server.ts";
import { ServerStats } from "../../src/server/stats.ts";
import type { TcpServer } from "../../src/server/tcp_server.ts";
import { EncodedRequests, writeFault, writeRequest } from "../../src/server/threads/encoded_requests.ts";
import { ITEM, Outbox, readBatch } from "../../src/server/threads/batch.ts";
import { addDifferences, writeDifferences } from "../../src/server/threads/stats_differences.ts";
import { sharedPlaces, startThread } from "../../src/server/threads/thread.ts";
import { type LinkedDoorOptions, startLinkedDoor } from "../support/linked_door.ts";
import { command, SocketClient, until } from "../support/resp_client.ts";
import { testContext, type TestContextOptions } from "../support/resp_server.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("threads");

const OK = "+OK\r\n";

describe("encoded requests", () => {
  it("are what the parser found, however they are cut and whenever they are settled", () => {
    const args = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });
    const property = fc.property(
      fc.array(args, { maxLength: 8 }),
      fc.array(fc.nat(3)),
      fc.nat(5),
      (all, cuts, stop) => {
        const parser = new RespParser(DEFAULT_RESP_LIMITS);
        for (const request of all) {
          parser.feed(keyToBytes(command(...request.map((arg) => keyFromBytes(arg))) as Key));
        }
        const chunks: Uint8Array[] = [];
        const writer = new ByteWriter();
        for (let i = 0; parser.next(); i++) {
          writeRequest(writer, parser);
          parser.consume();
          if (cuts[i] === 0) {
            chunks.push(writer.take());
            writer.reset();
          }
        }
        chunks.push(writer.take());
        let taken = 0;
        const requests = new EncodedRequests((bytes) => taken += bytes);
        const seen: string[][] = [];
        const pump = (most: number): void => {
          for (let left = most; left > 0 && requests.next(); left--) {
            seen.push(requests.args().map((arg) => keyFromBytes(arg)));
            requests.consume();
          }
          requests.settle();
        };
        for (const chunk of chunks) {
          // A connection that is stalled looks at the next request and leaves it.
          requests.feed(chunk);
          pump(stop);
          requests.next();
          requests.settle();
          chunk.fill(0xff);
        }
        pump(Number.POSITIVE_INFINITY);
        expect(seen).toEqual(all.map((request) => request.map((arg) => keyFromBytes(arg))));
        expect(requests.buffered).toBe(0);
        expect(taken).toBe(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      },
    );
    fc.assert(property);
  });

  it("end with the error of a client that broke the protocol, in its own words", () => {
    const writer = new ByteWriter();
    writeFault(writer, new ProtocolError("invalid bulk length").message);
    const requests = new EncodedRequests(() => {});
    requests.feed(writer.take());
    expect(() => requests.next()).toThrow(new ProtocolError("invalid bulk length"));
  });
});

describe("an outbox", () => {
  it("sends what one turn says in one batch, and what is too much for one in order", () => {
    const batches: Uint8Array[] = [];
    let end = (): void => {};
    const outbox = new Outbox((batch) => batches.push(batch), (run) => end = run);
    for (let id = 1; id <= 100; id++) outbox.begin(ITEM.finish, id);
    expect(batches).toHaveLength(0);
    end();
    expect(batches).toHaveLength(1);
    const write = (id: number): void => {
      const writer = outbox.begin(ITEM.write, id);
      writer.u32(500_000);
      writer.raw(new Uint8Array(500_000).fill(id));
    };
    for (let id = 1; id <= 5; id++) write(id);
    end();
    expect(batches.length).toBeGreaterThan(2);
    const ids: number[] = [];
    for (const batch of batches.slice(1)) {
      readBatch(batch, ({ connection, reader }) => {
        ids.push(connection);
        expect(reader.raw(reader.u32()).every((byte) => byte === connection)).toBe(true);
      });
    }
    expect(ids).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("what threads count", () => {
  it("adds up, also when the sum is set back in between, and when a gauge falls", () => {
    const sum = new ServerStats();
    const threads = [0, 1].map(() => ({ stats: new ServerStats(), told: new ServerStats() }));
    const tell = (): void => {
      for (const { stats, told } of threads) {
        const writer = new ByteWriter();
        writeDifferences(stats, told, () => writer);
        if (writer.length > 0) addDifferences(sum, new ByteReader(writer.take()));
      }
    };
    threads[0]!.stats.bytesIn = 2 ** 40;
    threads[1]!.stats.bytesIn = 5;
    threads[0]!.stats.connectionsOpen = 3;
    tell();
    expect(sum).toMatchObject({ bytesIn: 2 ** 40 + 5, connectionsOpen: 3 });
    sum.reset();
    threads[0]!.stats.connectionsOpen = 1;
    threads[1]!.stats.bytesIn = 12;
    tell();
    tell();
    expect(sum).toMatchObject({ bytesIn: 7, connectionsOpen: 1 });
  });

  it("never makes room for more clients than there are places for", () => {
    const connections = new SharedArrayBuffer(4);
    const doors = [sharedPlaces(connections, 3), sharedPlaces(connections, 3)];
    const taken = [0, 1, 0, 1, 0].map((door) => doors[door]!.take());
    expect(taken).toEqual([true, true, true, false, false]);
    doors[0]!.release();
    expect(doors[1]!.take()).toBe(true);
    expect(doors[0]!.take()).toBe(false);
  });
});

const servers: TcpServer[] = [];
const clients: SocketClient[] = [];

async function start(options: TestContextOptions = {}, door: Omit<LinkedDoorOptions, "context"> = {}) {
  const test = testContext(options);
  const server = await startLinkedDoor({ context: test.context, ...door });
  servers.push(server);
  const connect = async (): Promise<SocketClient> => {
    const client = await SocketClient.connect(server.port);
    clients.push(client);
    return client;
  };
  return { ...test, server, connect };
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(servers.splice(0).map((server) => server.close(500)));
});

describe("a door in another thread", () => {
  it("takes only small requests from a client until it has given the password, though more came at once", async () => {
    const { connect } = await start({ password: PASSWORD });
    const big = command("SET", "k", "v".repeat(100_000));
    const stranger = await connect();
    stranger.raw(command("PING") + big);
    expect(await stranger.next()).toMatch(/^-NOAUTH/);
    expect(await stranger.next()).toBe("-ERR Protocol error: unauthenticated bulk length\r\n");
    await until(() => stranger.closed, "it was closed");
    const friend = await connect();
    friend.raw(command("PING") + command("AUTH", PASSWORD) + big + big + command("RESET") + command("PING"));
    expect(await friend.next()).toMatch(/^-NOAUTH/);
    for (let i = 0; i < 3; i++) expect(await friend.next()).toBe(OK);
    expect(await friend.next()).toBe("+RESET\r\n");
    expect(await friend.next()).toMatch(/^-NOAUTH/);
    friend.raw(big);
    expect(await friend.next()).toBe("-ERR Protocol error: unauthenticated bulk length\r\n");
    const brief = await connect();
    brief.raw(command("AUTH", PASSWORD) + big);
    for (let i = 0; i < 2; i++) expect(await brief.next()).toBe(OK);
  });

  it("reads large requests behind a login that takes its time, once the client is in", async () => {
    const hash = formatPasswordHash(await hashPassword(textToBytes(PASSWORD), 16));
    const users = parseUsers(JSON.stringify({ user: "app", role: "read-write", password: hash }));
    const { connect } = await start({ users });
    const big = command("SET", "k", "v".repeat(100_000)) + command("MGET", ..."ABCDEFGHIJKL");
    const friend = await connect();
    friend.raw(command("AUTH", "app", PASSWORD) + big);
    for (let i = 0; i < 2; i++) expect(await friend.next()).toBe(OK);
    expect(await friend.next()).toBe(`*12\r\n${"$-1\r\n".repeat(12)}`);
    const stranger = await connect();
    stranger.raw(command("AUTH", "app", "wrong") + big);
    expect(await stranger.next()).toMatch(/^-WRONGPASS/);
    expect(await stranger.next()).toBe("-ERR Protocol error: unauthenticated bulk length\r\n");
    // What is known to be right is decided at once.
    const late = await connect();
    expect(await late.call("AUTH", "app", PASSWORD)).toBe(OK);
    late.raw(big);
    expect(await late.next()).toBe(OK);
  });

  it("hands the owner no more of a client's requests than a window, while none is taken", async () => {
    let handed = 0;
    const options = { schedule: () => {}, limits: { maxUnfinished: 10 } };
    const { connect, context } = await start(options, {
      onBatch: (from, batch) => {
        if (from === "door") handed += batch.length;
      },
    });
    const client = await connect();
    client.raw(command("SET", "k", "v".repeat(1000)).repeat(1000));
    await until(() => [...context.clients.values()].some((one) => one.bufferedInput > 40_000), "the window was full");
    // Whatever came later would come in these turns.
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(handed).toBeLessThan(100_000);
    expect([...context.clients.values()][0]!.unfinished).toBe(10);
  });

  it("sends the requests of many clients in few batches, and their replies", async () => {
    const batches = { door: 0, owner: 0 };
    const { connect, context } = await start({}, { onBatch: (from) => batches[from]++ });
    const all = await Promise.all(Array.from({ length: 20 }, connect));
    await until(() => context.clients.size === 20, "all were accepted");
    const before = { ...batches };
    for (const client of all) client.raw(command("SET", "k", "v").repeat(50));
    for (const client of all) for (let i = 0; i < 50; i++) expect(await client.next()).toBe(OK);
    const sent = batches.door - before.door + batches.owner - before.owner;
    // 1,000 requests.
    expect(sent).toBeLessThan(100);
  });

  it("answers a pipeline of all kinds of commands in its order", async () => {
    const { connect } = await start({ schedule: (run) => void setTimeout(run, 1) });
    const client = await connect();
    client.raw(
      command("SET", "a", "1") + "GET a\r\n" + command("MULTI") + command("INCR", "a") + command("GET", "a") +
        command("EXEC") + command("WATCH", "a") + command("PING", "x") + command("DBSIZE") + command("GET", "b"),
    );
    const replies: string[] = [];
    for (let i = 0; i < 10; i++) replies.push(await client.next());
    expect(replies.join("")).toBe(
      "+OK\r\n$1\r\n1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n$1\r\n2\r\n+OK\r\n$1\r\nx\r\n:1\r\n$-1\r\n",
    );
  });
});

describe("a thread for clients", () => {
  const task = {
    host: "127.0.0.1",
    port: 0,
    limits: DEFAULT_RESP_LIMITS,
    mustLogIn: false,
    hasPeers: false,
    maxConnections: 10,
    tls: null,
  };

  it("is reported once when it dies, and holds nobody up who closes it", async () => {
    const deaths: string[] = [];
    const thread = startThread({ ...task, connections: new SharedArrayBuffer(4) }, {
      onBatch: () => {},
      onNotice: () => {},
      onDeath: (reason) => deaths.push(reason),
    });
    await thread.listening;
    thread.post(new Uint8Array([99, 1]));
    await until(() => deaths.length > 0, "it was reported");
    expect(deaths).toEqual(["an item of kind 99 from the owner"]);
    thread.post(new Uint8Array([ITEM.end, 1]));
    await thread.close(60_000);
    // It is heard of in two ways, one after the other.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(deaths).toHaveLength(1);
  });

  it("says why it cannot listen", async () => {
    const thread = startThread({ ...task, host: "192.0.2.1", connections: new SharedArrayBuffer(4) }, {
      onBatch: () => {},
      onNotice: () => {},
      onDeath: () => {},
    });
    await expect(thread.listening).rejects.toMatchObject({ code: expect.stringMatching(/^(EADDRNOTAVAIL|EINVAL)$/) });
    await thread.end();
  });
});

describe("a server with several threads", () => {
  it("answers the same on every connection, whichever thread has it, and counts all of them", async () => {
    await using server = await startServer({ port: 0, httpPort: null, dataDir: null, threads: 3 });
    const { port } = server.addresses.tcp;
    const all = await Promise.all(Array.from({ length: 30 }, () => SocketClient.connect(port)));
    clients.push(...all);
    for (const client of all) client.raw(command("INCR", "n").repeat(10));
    for (const client of all) for (let i = 0; i < 10; i++) await client.next();
    for (const client of all) expect(await client.call("GET", "n")).toBe("$3\r\n300\r\n");
    // A cursor of SCAN, the list of the clients, and killing one of them are the server's and not a thread's.
    await all[0]!.call("MSET", ...Array.from({ length: 30 }, (_, i) => [`k${i}`, "v"]).flat());
    const keys: string[] = [];
    let cursor = "0";
    for (let i = 0; i === 0 || cursor !== "0"; i++) {
      const reply = await all[i % 29]!.call("SCAN", cursor, "COUNT", "7");
      const [next, ...some] = reply.split("\r\n").filter((line) => /^[^*$]/.test(line));
      keys.push(...some);
      cursor = next!;
    }
    expect(new Set(keys).size).toBe(31);
    const list = await all[1]!.call("CLIENT", "LIST");
    expect(list.match(/^id=/gm)).toHaveLength(30);
    const ids = await Promise.all(all.map((client) => client.call("CLIENT", "ID")));
    expect(new Set(ids).size).toBe(30);
    expect(await all[0]!.call("CLIENT", "KILL", "ID", ids[29]!.slice(1, -2))).toBe(":1\r\n");
    await until(() => all[29]!.closed, "it was closed");
    // Its thread counts a connection until the socket's end is complete, and tells the owner with a batch of its own.
    const told = async () => (await all[0]!.call("INFO", "clients")).includes("connected_clients:29\r\n");
    await until(told, "the server counts one client less");
  });
});
