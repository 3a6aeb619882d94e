/** Unmodified Redis clients against the built server: ioredis and node-redis, redis-cli and redis-benchmark. */
import { spawnSync } from "node:child_process";
import { Redis } from "ioredis";
import { createClient, RESP_TYPES } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServerProcess, Servers } from "./support/server_process.ts";

const servers = new Servers();
let server: ServerProcess;

beforeAll(async () => {
  server = await servers.start();
});
afterAll(() => servers.close());

const installed = spawnSync("redis-cli", ["--version"]).status === 0 &&
  spawnSync("redis-benchmark", ["--version"]).status === 0;
const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe("ioredis", () => {
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis({ host: "127.0.0.1", port: server.port });
  });
  afterAll(() => redis.quit());

  test("stores and reads text, binary values and binary keys", async () => {
    expect(await redis.set("io:text", "grüße")).toBe("OK");
    expect(await redis.get("io:text")).toBe("grüße");
    await redis.set(Buffer.concat([Buffer.from("io:"), allBytes]), allBytes);
    expect(await redis.getBuffer(Buffer.concat([Buffer.from("io:"), allBytes]))).toEqual(allBytes);
    expect(await redis.get("io:absent")).toBeNull();
  });

  test("pipelines, with each reply in its place", async () => {
    const pipeline = redis.pipeline();
    for (let i = 0; i < 100; i++) pipeline.incr("io:counter").get("io:counter");
    pipeline.lpush("io:list", "x");
    const replies = (await pipeline.exec())!;
    expect(replies).toHaveLength(201);
    for (let i = 0; i < 100; i++) {
      expect(replies[2 * i]).toEqual([null, i + 1]);
      expect(replies[2 * i + 1]).toEqual([null, String(i + 1)]);
    }
    expect(replies[200]![0]?.message).toMatch(/^ERR .*lpush/i);
  });

  test("runs a transaction, and gives up one whose watched key changed", async () => {
    expect(await redis.multi().set("io:a", "1").incr("io:a").get("io:a").exec())
      .toEqual([[null, "OK"], [null, 2], [null, "2"]]);
    const other = redis.duplicate();
    await redis.watch("io:a");
    await other.set("io:a", "9");
    expect(await redis.multi().set("io:a", "lost").exec()).toBeNull();
    expect(await redis.get("io:a")).toBe("9");
    await other.quit();
  });

  test("scans every key once with its stream", async () => {
    await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`io:scan:${i}`, "v"])));
    const seen: string[] = [];
    for await (const keys of redis.scanStream({ match: "io:scan:*", count: 37 })) seen.push(...keys as string[]);
    expect(seen).toHaveLength(500);
    expect(new Set(seen).size).toBe(500);
  });

  test("expires keys", async () => {
    await redis.set("io:short", "v", "PX", 50);
    expect(await redis.pttl("io:short")).toBeGreaterThan(-1);
    await expect.poll(() => redis.get("io:short"), { timeout: 10_000 }).toBeNull();
    expect(await redis.ttl("io:short")).toBe(-2);
  });
});

describe("node-redis", () => {
  const open = async (resp: 2 | 3) =>
    await createClient({ url: `redis://127.0.0.1:${server.port}`, RESP: resp }).connect();

  test.each([2, 3] as const)("speaks RESP%d: strings, transactions, iteration, binary values", async (resp) => {
    const client = await open(resp);
    const prefix = `nr${resp}:`;
    expect(await client.set(prefix + "a", "1")).toBe("OK");
    expect(await client.incrBy(prefix + "a", 41)).toBe(42);
    expect(await client.mGet([prefix + "a", prefix + "none"])).toEqual(["42", null]);
    expect(await client.multi().set(prefix + "b", "x").append(prefix + "b", "yz").get(prefix + "b").exec())
      .toEqual(["OK", 3, "xyz"]);
    const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    await binary.set(prefix + "bin", allBytes);
    expect(await binary.get(prefix + "bin")).toEqual(allBytes);
    for (let i = 0; i < 200; i++) await client.set(`${prefix}scan:${i}`, "v");
    const seen = new Set<string>();
    for await (const keys of client.scanIterator({ MATCH: prefix + "scan:*", COUNT: 17 })) {
      for (const key of keys) seen.add(key);
    }
    expect(seen.size).toBe(200);
    await client.close();
  });

  test("gives up a transaction whose watched key changed", async () => {
    const client = await open(2);
    const other = await open(2);
    await client.set("nr:w", "1");
    await client.watch("nr:w");
    await other.set("nr:w", "2");
    await expect(client.multi().set("nr:w", "lost").exec()).rejects.toThrow(/watch/i);
    expect(await client.get("nr:w")).toBe("2");
    await client.close();
    await other.close();
  });

  test("sends many commands in one tick and gets every reply", async () => {
    const client = await open(3);
    const replies = await Promise.all(Array.from({ length: 1000 }, () => client.incr("nr:many")));
    expect(replies).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    await client.close();
  });
});

// Debian's redis-tools bring both programs; without them there is nothing to run.
describe.skipIf(!installed)(
  `redis-cli and redis-benchmark${installed ? "" : " (redis-tools is not installed)"}`,
  () => {
    const cli = (...args: string[]): string => {
      const { stdout, stderr } = spawnSync("redis-cli", ["-p", String(server.port), ...args], { encoding: "utf8" });
      return stdout + stderr;
    };

    test("redis-cli sets, gets and prints help and errors", () => {
      expect(cli("set", "cli:a", "hello")).toBe("OK\n");
      expect(cli("get", "cli:a")).toBe("hello\n");
      expect(cli("get", "cli:none")).toBe("\n");
      expect(cli("ping")).toBe("PONG\n");
      expect(cli("-3", "incr", "cli:n")).toBe("1\n");
      expect(cli("nosuch")).toMatch(/^ERR unknown command/);
      expect(cli("--scan", "--pattern", "cli:*").trim().split("\n").toSorted()).toEqual(["cli:a", "cli:n"]);
    });

    test("redis-benchmark runs set, get, incr and mset without an error", () => {
      const { status, stdout, stderr } = spawnSync(
        "redis-benchmark",
        ["-p", String(server.port), "-t", "set,get,incr,mset", "-P", "16", "-n", "20000", "-q"],
        { encoding: "utf8", timeout: 60_000 },
      );
      expect(status).toBe(0);
      expect(stdout + stderr).not.toMatch(/error/i);
      for (const name of ["SET", "GET", "INCR", "MSET"]) {
        expect(stdout).toMatch(
          new RegExp(`${name}.*requests per second`),
        );
      }
    });
  },
);
