import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Key, keyFromBytes, keyToBytes } from "../../../src/codec/bytes.ts";
import { startTcpServer, type TcpServer } from "../../../src/server/tcp_server.ts";
import { command } from "../../support/resp_client.ts";
import { testContext } from "../../support/resp_server.ts";

/** What a server sends for `bytes` until it closes, which QUIT at their end makes it do. */
function transcript(where: { port: number; host: string } | { path: string }, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(where);
    let received = "";
    socket.on("data", (chunk: Uint8Array) => received += keyFromBytes(chunk));
    // A server that refuses the bytes closes before it has read all of them.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.on("close", () => resolve(received));
    socket.write(keyToBytes((bytes + command("QUIT")) as Key));
  });
}

const installed = spawnSync("redis-server", ["--version"]).status === 0;

const key = fc.constantFrom("a", "b", "n");
const value = fc.constantFrom("", "0", "5", "-7", "x", "1.5", "abc", "9223372036854775807", " 1", "\0\r\n");
const data: fc.Arbitrary<readonly string[]> = fc.oneof<fc.Arbitrary<readonly string[]>[]>(
  fc.tuple(fc.constantFrom("SET", "GETSET", "SETNX", "APPEND", "INCRBY", "DECRBY"), key, value),
  fc.tuple(fc.constantFrom("GET", "GETDEL", "STRLEN", "INCR", "DECR", "TYPE", "TTL", "PERSIST", "WATCH", "DEL"), key),
  fc.tuple(fc.constant("SET"), key, value, fc.constantFrom("NX", "XX", "GET", "KEEPTTL", "nope", "EX")),
  fc.tuple(fc.constantFrom("MGET", "EXISTS", "DEL", "UNLINK", "MSET"), key, key),
  fc.tuple(fc.constantFrom("MSET", "MSETNX"), key, value, key, value),
  fc.tuple(
    fc.constantFrom("SETRANGE", "GETRANGE"),
    key,
    fc.constantFrom("0", "2", "-1", "x"),
    fc.constantFrom("1", "zz"),
  ),
  fc.tuple(fc.constantFrom("GET", "SET", "INCR", "EXPIRE")),
);
const other: fc.Arbitrary<readonly string[]> = fc.constantFrom<readonly string[]>(
  ["PING"],
  ["PING", "hello"],
  ["PING", "a", "b"],
  ["ECHO", "x"],
  ["ECHO"],
  ["SELECT", "0"],
  ["SELECT", "x"],
  ["SELECT", "-1"],
  ["NOPE", "a", "b c"],
  ["UNWATCH"],
  ["WATCH"],
  ["RESET"],
  ["DBSIZE"],
  ["CLIENT", "GETNAME"],
  ["CLIENT", "SETNAME", "me"],
  ["CLIENT", "SETNAME", "two words"],
  ["CLIENT", "NOPE"],
  ["CLIENT", "GETNAME", "x"],
  ["CLIENT", "REPLY", "x"],
  ["COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2"],
  ["COMMAND", "GETKEYS", "NOPE"],
  ["CONFIG", "NOPE"],
  ["CONFIG", "GET"],
  ["AUTH", "x"],
  ["AUTH", "default", "x"],
  ["AUTH", "x", "y"],
  ["AUTH", "x", "y", "z"],
  ["HELLO", "9"],
  ["HELLO", "x"],
  ["HELLO", "2", "NOPE"],
);
const step = fc.oneof(
  { weight: 6, arbitrary: data },
  { weight: 2, arbitrary: other },
  { weight: 3, arbitrary: fc.constantFrom("MULTI", "EXEC", "DISCARD").map((name) => [name]) },
);
const malformed = fc.constantFrom(
  "*0\r\n",
  "*-5\r\n",
  "\r\n",
  "PING\r\n",
  "set a 'x y'\r\n",
  'set a "\\x41\\n"\r\n',
  "get a\n",
  "*1\r\nfoo\r\n",
  "*x\r\n",
  "*1\r\n$-1\r\n",
  "*1\r\n$x\r\n",
  "*3000000000\r\n",
  'set a "x\r\n',
  "set a 'x'y\r\n",
);

// Without the other server there is nothing to compare with.
describe.skipIf(!installed)("kvpaxos beside a real Redis (skipped where redis-server is not installed)", () => {
  let directory: string;
  let redis: ChildProcess;
  let server: TcpServer;
  let redisAt: { path: string };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "kvpaxos-redis-"));
    redisAt = { path: join(directory, "redis.sock") };
    redis = spawn("redis-server", ["--port", "0", "--unixsocket", redisAt.path, "--save", "", "--dir", directory]);
    server = await startTcpServer({ host: "127.0.0.1", port: 0, context: testContext().context });
    for (let i = 0; i < 200; i++) {
      if (await transcript(redisAt, "").catch(() => "") !== "") return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("redis-server did not start");
  });

  afterAll(async () => {
    redis.kill();
    await server.close(500);
    rmSync(directory, { recursive: true, force: true });
  });

  async function compare(bytes: string): Promise<void> {
    const all = command("FLUSHALL") + bytes;
    const [theirs, ours] = await Promise.all([
      transcript(redisAt, all),
      transcript({ host: "127.0.0.1", port: server.port }, all),
    ]);
    expect(ours).toBe(theirs);
  }

  it("replies to pipelines and transactions as Redis does", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        (steps) => compare(steps.map((args) => command(...args)).join("")),
      ),
      { numRuns: 500 },
    );
  });

  it("replies to inline commands and to what is no RESP as Redis does", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(malformed, step.map((args) => command(...args))), { maxLength: 6 }),
        (pieces) => compare(pieces.join("")),
      ),
      { numRuns: 300 },
    );
  });
});
