/** The built executables as a person or a script uses them. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KVCLIENT, KVSERVER, type ServerProcess, Servers } from "./support/server_process.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("executables");

const servers = new Servers();
let server: ServerProcess;
let home = "";

beforeAll(async () => {
  server = await servers.start();
  home = servers.folder("home");
});
afterAll(() => servers.close());

/** Runs kvclient with a profile of the test's own. */
function client(args: readonly string[], input = ""): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(KVCLIENT, args, {
    input,
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, XDG_CONFIG_HOME: home, XDG_STATE_HOME: home, NO_COLOR: "1" },
  });
  return { code: status, stdout, stderr };
}

describe("kvclient", () => {
  test.each(["TCP", "UDP", "HTTP", "RPC"])("checks a server over %s, remembers it, and passes its demo", (protocol) => {
    const checked = client(["--server_ip", "127.0.0.1", "--port", String(server.port), "--protocol", protocol]);
    expect(checked.code, checked.stderr).toBe(0);
    expect(checked.stdout).toContain(`127.0.0.1:${server.port} by ${protocol}`);
    const profile = JSON.parse(readFileSync(join(home, "kvpaxos", "client.json"), "utf8")) as Record<string, unknown>;
    expect(String(profile["protocol"]).toUpperCase()).toBe(protocol);
    const demo = client(["demo"]);
    expect(demo.code, demo.stdout + demo.stderr).toBe(0);
    expect(demo.stdout.match(/ ok$/gm)?.length).toBeGreaterThanOrEqual(15);
    expect(demo.stdout).toContain("every reply was right");
  });

  test("reads commands from standard input and exits non-zero when one fails", () => {
    const good = client([], "PUT greeting 'hello there'\nget greeting\nDELETE greeting\nGET greeting\nEXIT\n");
    expect(good.stdout).toMatch(/OK[^\n]*\nhello there\n1 deleted[^\n]*\n\(absent\)/);
    expect(good.code).toBe(0);
    expect(client([], "FROB x\n").code).not.toBe(0);
  });

  test("exits 3 for an absent key, 6 for a comparison that fails, 5 without a server, 2 for a wrong flag", () => {
    expect(client(["get", "never-stored"]).code).toBe(3);
    expect(client(["put", "exit:a", "1", "--if-absent"]).code).toBe(0);
    expect(client(["put", "exit:a", "2", "--if-absent"]).code).toBe(6);
    expect(client(["get", "a", "--server", "127.0.0.1:1", "--timeout", "200ms"]).code).toBe(5);
    const wrong = client(["get", "a", "--protocl", "TCP"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("--protocol");
  });

  test("prints JSON that programs can read", () => {
    expect(client(["put", "json:a", "1"]).code).toBe(0);
    const range = JSON.parse(client(["range", "--prefix", "json:", "-o", "json"]).stdout) as { count: number };
    expect(range.count).toBe(1);
    const bench = client(["bench", "--clients", "4", "--duration", "300ms", "-o", "json", "--protocol", "TCP"]);
    expect(bench.code, bench.stderr).toBe(0);
    expect(JSON.parse(bench.stdout)).toBeTypeOf("object");
  });
});

describe("kvserver", () => {
  test("says what it is, and refuses what it does not know with a suggestion", () => {
    expect(spawnSync(KVSERVER, ["--version"], { encoding: "utf8" }).stdout).toMatch(/\d+\.\d+\.\d+/);
    expect(spawnSync(KVSERVER, ["--help"], { encoding: "utf8" }).stdout).toContain("--data-dir");
    const wrong = spawnSync(KVSERVER, ["--dta-dir", "x"], { encoding: "utf8" });
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("--data-dir");
  });

  test.each([["--peers", "127.0.0.1:1,127.0.0.1:2"], ["--threads", "0"], ["--fail", "acceptor"], [
    "--replication",
    "paxos",
  ]])(
    "refuses %s as not there yet",
    (flag, value) => {
      const { status, stderr } = spawnSync(KVSERVER, [flag, value, "--memory"], { encoding: "utf8", timeout: 10_000 });
      expect(status).toBe(2);
      expect(stderr).toContain(flag);
    },
  );

  test("refuses a port that is taken, in one line that names it", async () => {
    const second = await servers.spawn({ port: server.port });
    expect((await second.exited).code).toBe(1);
    expect(second.output).toContain(String(server.port));
    expect(second.output.trim().split("\n")).toHaveLength(1);
  });

  test("on SIGTERM finishes what it accepted, syncs and exits 0", async () => {
    const own = await servers.start();
    const redis = new Redis({ host: "127.0.0.1", port: own.port, retryStrategy: () => null });
    redis.on("error", () => {
      // The server leaves under it on purpose.
    });
    const acknowledged: string[] = [];
    let going = true;
    const writers = Array.from({ length: 20 }, async (_, w) => {
      for (let i = 0; going; i++) {
        try {
          await redis.set(`w${w}:${i}`, "v");
          acknowledged.push(`w${w}:${i}`);
        } catch {
          return;
        }
      }
    });
    await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(200);
    expect(await own.stop()).toEqual({ code: 0, signal: null });
    going = false;
    redis.disconnect();
    await Promise.all(writers);
    const again = await servers.start({ port: own.port, dataDir: own.dataDir });
    const reader = new Redis({ host: "127.0.0.1", port: again.port });
    expect(await reader.exists(...acknowledged)).toBe(acknowledged.length);
    await reader.quit();
  });

  test("takes its flags from the environment, and asks every client for the password", async () => {
    const guarded = await servers.start({ flags: [], env: { KVSERVER_PASSWORD: PASSWORD } });
    const redis = new Redis({ host: "127.0.0.1", port: guarded.port, password: PASSWORD });
    expect(await redis.set("a", "1")).toBe("OK");
    await redis.quit();
    const stranger = new Redis({ host: "127.0.0.1", port: guarded.port, retryStrategy: () => null });
    stranger.on("error", () => {
      // It is told NOAUTH when it says hello, and again when it asks.
    });
    await expect(stranger.get("a")).rejects.toThrow("NOAUTH");
    stranger.disconnect();
    expect((await fetch(`${guarded.url}/v1/kv/a`)).status).toBe(401);
    expect(await (await fetch(`${guarded.url}/v1/kv/a`, { headers: { Authorization: `Bearer ${PASSWORD}` } })).text())
      .toBe(
        "1",
      );
  });
});

describe("kvclient watch", () => {
  test("prints every event in order while others write, through a kill -9 and a restart", async () => {
    const own = await servers.start();
    const flags = [
      "watch",
      "--prefix",
      "w:",
      "--count",
      "40",
      "-o",
      "json",
      "--server",
      `127.0.0.1:${own.port}`,
      "--protocol",
      "TCP",
    ];
    const watcher = spawn(KVCLIENT, [...flags, "--from-revision", "1"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, XDG_CONFIG_HOME: home, XDG_STATE_HOME: home },
    });
    let printed = "";
    watcher.stdout.on("data", (chunk: Uint8Array) => void (printed += new TextDecoder().decode(chunk)));
    const ended = new Promise<number | null>((done) => watcher.once("close", done));
    const write = async (target: ServerProcess, from: number, to: number): Promise<void> => {
      const redis = new Redis({ host: "127.0.0.1", port: target.port });
      for (let i = from; i < to; i++) await redis.set(`w:${i}`, String(i));
      redis.disconnect();
    };
    await write(own, 0, 20);
    await expect.poll(() => printed.trim().split("\n").length, { timeout: 15_000 }).toBe(20);
    await own.kill();
    const again = await servers.start({ port: own.port, dataDir: own.dataDir });
    await write(again, 20, 40);
    expect(await ended).toBe(0);
    const keys = printed.trim().split("\n").map((line) => (JSON.parse(line) as { key: string }).key);
    expect(keys).toEqual(Array.from({ length: 40 }, (_, i) => `w:${i}`));
    expect(existsSync(again.dataDir)).toBe(true);
  }, 60_000);
});
