/** The built kvserver with several threads: by the clients that people use, under load, killed, and stopped. */
import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Redis } from "ioredis";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { SocketClient, until } from "../support/resp_client.ts";
import { startCluster } from "./support/cluster.ts";
import { freePort, KVCLIENT, Servers, temporaryFolder } from "./support/server_process.ts";

const servers = new Servers();
afterAll(() => servers.close());

const root = resolve(import.meta.dirname, "../..");
const hasBenchmark = spawnSync("redis-benchmark", ["--version"]).status === 0;

/** Runs `kvclient check` to its end; gives its exit code and its report. */
async function check(...args: readonly string[]): Promise<{ readonly code: number | null; readonly verdict: string }> {
  const folder = temporaryFolder("check");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const child = spawn(KVCLIENT, ["check", "-o", "json", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return { code, verdict: (JSON.parse(output) as { readonly verdict: string }).verdict };
}

describe.each(["2", "4"])("kvserver --threads %s", (threads) => {
  const flags = ["--threads", threads];

  test("serves ioredis: pipelines, transactions, watched keys, scans", async () => {
    const server = await servers.start({ flags });
    const redis = new Redis({ host: "127.0.0.1", port: server.port });
    const other = redis.duplicate();
    onTestFinished(() => {
      redis.disconnect();
      other.disconnect();
    });
    const pipeline = redis.pipeline();
    for (let i = 0; i < 100; i++) pipeline.incr("counter").get("counter");
    const replies = (await pipeline.exec())!;
    expect(replies.map(([, reply]) => Number(reply))).toEqual(Array.from({ length: 200 }, (_, i) => (i >> 1) + 1));
    await redis.watch("a");
    await other.set("a", "9");
    expect(await redis.multi().set("a", "lost").exec()).toBeNull();
    expect(await redis.multi().incr("a").get("a").exec()).toEqual([[null, 10], [null, "10"]]);
    await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`scan:${i}`, "v"])));
    const seen: string[] = [];
    for await (const keys of redis.scanStream({ match: "scan:*", count: 37 })) seen.push(...keys as string[]);
    expect(new Set(seen).size).toBe(500);
  });

  test.skipIf(!hasBenchmark)("serves redis-benchmark (skipped where redis-tools are not installed)", async () => {
    const server = await servers.start({ flags });
    const args = ["-p", `${server.port}`, "-n", "5000", "-c", "50", "-P", "8", "-d", "256", "-r", "1000"];
    const { status, stdout } = spawnSync("redis-benchmark", [...args, "-t", "set,get,incr", "-q"], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect(status).toBe(0);
    expect(stdout).toContain("GET:");
    expect(stdout).not.toMatch(/error/i);
    const status_page = await (await fetch(`${server.url}/v1/status`)).json() as { stats: Record<string, number> };
    expect(status_page.stats["commands"]).toBeGreaterThanOrEqual(15_000);
    expect(status_page.stats["connectionsAccepted"]).toBeGreaterThanOrEqual(150);
  });

  test("is linearizable, by kvclient check", async () => {
    const server = await servers.start({ flags });
    const args = ["--workload", "append", "--duration", "4s"];
    expect(await check("--server", `127.0.0.1:${server.port}`, ...args)).toEqual({ code: 0, verdict: "linearizable" });
  });

  test("loses nothing that it acknowledged by kill -9", async () => {
    const dataDir = servers.folder("threads");
    const first = await servers.start({ dataDir, flags });
    const clients = await Promise.all(Array.from({ length: 8 }, () => SocketClient.connect(first.port)));
    const acknowledged = clients.map(() => 0);
    const writers = clients.map(async (client, id) => {
      for (let i = 1;; i++) {
        const reply = await client.call("SET", `w${id}`, `${i}`).catch(() => null);
        if (reply !== "+OK\r\n") return;
        acknowledged[id] = i;
      }
    });
    await until(() => acknowledged.every((count) => count > 20), "all have written");
    await first.kill();
    await Promise.all(writers);
    const second = await servers.start({ port: first.port, dataDir, flags });
    const reader = await SocketClient.connect(second.port);
    for (const [id, least] of acknowledged.entries()) {
      const [, value] = (await reader.call("GET", `w${id}`)).split("\r\n");
      expect(Number(value)).toBeGreaterThanOrEqual(least);
      expect(Number(value)).toBeLessThanOrEqual(least + 1);
    }
    reader.close();
  });

  test("on SIGTERM answers what it accepted and exits 0, though clients stay connected", async () => {
    const server = await servers.start({ flags });
    const clients = await Promise.all(Array.from({ length: 20 }, () => SocketClient.connect(server.port)));
    for (const client of clients) expect(await client.call("INCR", "n")).toMatch(/^:\d+\r\n$/);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await until(() => clients.every((client) => client.closed), "they were closed");
  });
});

test("a second server on the port is refused, with several threads too", async () => {
  const server = await servers.start({ flags: ["--threads", "2"] });
  for (const threads of ["1", "2"]) {
    const second = await servers.spawn({ port: server.port, flags: ["--threads", threads] });
    expect((await second.exited).code).toBe(1);
    expect(second.output).toContain(`${server.port} is in use`);
  }
});

test("three replicas with two threads each are linearizable while their leader is killed and comes back", async () => {
  const cluster = await startCluster({ replicas: 3, flags: ["--threads", "2"] });
  const leader = await cluster.leader();
  const server = `127.0.0.1:${cluster.ports[(leader + 1) % 3]}`;
  const checked = check("--server", server, "--workload", "append", "--duration", "6s");
  await new Promise((wait) => setTimeout(wait, 2000));
  await cluster.kill(leader);
  await new Promise((wait) => setTimeout(wait, 1500));
  await cluster.start(leader);
  expect(await checked).toEqual({ code: 0, verdict: "linearizable" });
}, 90_000);

test.each([["node", []], ["bun", []], ["deno", ["run", "-A"]]] as const)(
  "threads work in the script under %s",
  async (runtime, args) => {
    const server = await servers.spawn({
      port: await freePort(),
      flags: ["--threads", "2"],
      command: [join(root, "node_modules/.bin", runtime), ...args, join(root, "dist/cli/kvserver.js")],
    });
    await server.ready();
    const clients = await Promise.all(Array.from({ length: 8 }, () => SocketClient.connect(server.port)));
    for (const [i, client] of clients.entries()) expect(await client.call("INCR", "n")).toBe(`:${i + 1}\r\n`);
    expect((await server.stop()).code).toBe(0);
  },
);

test("threads work in a program that uses the library", () => {
  const program = `
    import { startServer } from "./dist/mod.js";
    const server = await startServer({ port: 0, httpPort: null, dataDir: null, threads: 2 });
    const { createConnection } = await import("node:net");
    const socket = createConnection(server.addresses.tcp.port, "127.0.0.1");
    socket.write("PING\\r\\n");
    const [reply] = await Array.fromAsync({ async *[Symbol.asyncIterator]() { for await (const chunk of socket) { yield chunk; break; } } });
    console.log(String(reply).trim());
    await server.close();
  `;
  const { stdout, stderr } = spawnSync("node", ["--input-type=module", "-e", program], {
    cwd: root,
    encoding: "utf8",
    timeout: 30_000,
  });
  expect([stdout, stderr]).toEqual(["+PONG\n", ""]);
});
