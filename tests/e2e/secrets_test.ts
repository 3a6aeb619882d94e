/**
 * Everything that has to do with secrets is done with built replicas that log all they can, right and wrong, and nothing of
 * it comes up in what they log, answer, store, or show of themselves to other processes. What the rest of the suite says is
 * searched when it is over (tests/support/secrets).
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { textToBytes } from "../../src/codec/bytes.ts";
import { toBase64 } from "../../src/codec/base64.ts";
import {
  drawToken,
  formatPasswordHash,
  formatTokenHash,
  hashPassword,
  hashToken,
} from "../../src/server/access/secrets.ts";
import { freePorts } from "../support/free_ports.ts";
import { command, SocketClient } from "../support/resp_client.ts";
import { formsOf } from "../support/secrets/search.ts";
import { keepSaid, keepSecret, secret } from "../support/secrets/secrets.ts";
import { KVCLIENT, KVSERVER, type ServerProcess, Servers } from "./support/server_process.ts";

const ROOT = secret("password of the server");
const APP = secret("password of app");
const NEXT = secret("next password of app");
const WRONG = secret("wrong password");
const PLAIN = secret("not hashed");
const CLUSTER_SECRET = secret("secret of the cluster");
const OTHER_SECRET = secret("secret of another cluster");
const TOKEN = keepSecret(drawToken());
const SECRETS = [ROOT, APP, NEXT, WRONG, PLAIN, CLUSTER_SECRET, OTHER_SECRET, TOKEN];

const servers = new Servers();
const replicas: ServerProcess[] = [];
let folder = "";
let ports: number[] = [];

async function userLine(password: string): Promise<string> {
  const hash = formatPasswordHash(await hashPassword(textToBytes(password), 1024));
  const app = { user: "app", role: "read-write", prefixes: ["app/"], password: hash };
  const reader = { user: "reader", role: "read-only", tokens: [formatTokenHash(hashToken(textToBytes(TOKEN)))] };
  return `${JSON.stringify(app)}\n${JSON.stringify(reader)}\n`;
}

/** Writes a file of the test, and returns its path. */
function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** The first secret in a text, or null. */
function secretIn(text: string): string | null {
  return SECRETS.find((value) => formsOf(value).some((form) => text.includes(form))) ?? null;
}

/** Expects that none is in what somebody said, and keeps it for the search, too. */
function expectNone(who: string, text: string): string {
  keepSaid(who, text);
  expect(secretIn(text), `${who}: ${text.slice(0, 2000)}`).toBeNull();
  return text;
}

/** Runs one of our programs, and returns what it printed. */
function said(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const all = { PATH: process.env["PATH"], HOME: folder, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder, ...env };
  const { stdout, stderr, signal } = spawnSync(program, args, {
    encoding: "utf8",
    env: all,
    cwd: folder,
    timeout: 20_000,
  });
  expect(signal, args.join(" ")).toBeNull();
  return expectNone(`${program} ${args.join(" ")}`.replaceAll(/sekret-\S*/g, "…"), stdout + stderr);
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await holds()) return;
    await new Promise((wait) => setTimeout(wait, 20));
  }
  throw new Error(`waited in vain until ${what}\n${replicas.map(({ output }) => output.slice(-2000)).join("\n")}`);
}

beforeAll(async () => {
  folder = servers.folder("secrets");
  file("users.jsonl", await userLine(APP));
  file("password", `${ROOT}\n`);
  file("secret", `${CLUSTER_SECRET}\n`);
  ports = await freePorts(4);
  const peers = ports.slice(0, 3).map((port) => `127.0.0.1:${port}`).join(",");
  const common = ["--peers", peers, "--users", join(folder, "users.jsonl"), "--log-level", "trace"];
  for (const [id, port] of ports.slice(0, 3).entries()) {
    // Each has its secrets in another way, and logs in another.
    const flags = [
      ["--password-file", join(folder, "password"), "--cluster-secret-file", join(folder, "secret")],
      ["--log-format", "json"],
      ["--log-format", "json", "--threads", "2", "--cluster-secret-file", join(folder, "secret")],
    ][id]!;
    const env: Record<string, string> = id === 0 ? {} : { KVSERVER_PASSWORD: ROOT };
    if (id === 1) env["KVSERVER_CLUSTER_SECRET"] = CLUSTER_SECRET;
    replicas.push(
      await servers.spawn({ port, dataDir: join(folder, `data-${id}`), flags: [...common, ...flags], env }),
    );
  }
  await Promise.all(replicas.map((replica) => replica.ready()));
}, 60_000);
afterAll(() => servers.close());

const basic = (user: string, password: string): string => `Basic ${toBase64(textToBytes(`${user}:${password}`))}`;

async function page(port: number, path: string, authorization: string, init: RequestInit = {}): Promise<Response> {
  const headers = { Authorization: authorization, ...init.headers };
  const response = await fetch(`http://127.0.0.1:${port + 1000}${path}`, { ...init, headers });
  const text = [...response.headers].join("\n") + await response.text();
  expectNone(path.replaceAll(/sekret-\S*/g, "…"), text);
  return response;
}

test("clients that log in, rightly and wrongly, over every door, leave no secret", async () => {
  for (const [id, port] of ports.slice(0, 3).entries()) {
    const client = await SocketClient.connect(port);
    const calls = [
      ["AUTH", WRONG],
      ["AUTH", "app", WRONG],
      ["AUTH", WRONG, APP],
      ["HELLO", "3", "AUTH", "nobody", WRONG],
      ["HELLO", "3", "AUTH", "app", APP],
      ["AUTH", "reader", TOKEN],
      ["AUTH", "default", ROOT],
      ["AUTH", ROOT],
      ["AUTH", "app", APP, "more"],
      ["INFO"],
      ["CLIENT", "LIST"],
      ["CLIENT", "INFO"],
      ["CONFIG", "GET", "*"],
      ["CONFIG", "SET", "requirepass", WRONG],
      ["KVSTATUS"],
      ["SLOWLOG", "GET"],
    ];
    for (const call of calls) expectNone(`the answer to ${call[0]!.slice(0, 4)}`, await client.call(...call));
    client.close();
    const torn = await SocketClient.connect(port);
    torn.raw(command("AUTH", "app", APP).slice(0, -4) + "garbage\r\n*x\r\n");
    await until(() => torn.closed, "the connection with garbage is closed");
    expectNone("the answer to garbage", torn.received);
    const redis = new Redis({ host: "127.0.0.1", port, username: "app", password: APP });
    expect(await redis.set("app/1", "x")).toBe("OK");
    await redis.quit();

    const right = basic("app", APP);
    expect((await page(port, "/v1/kv/app%2F1", right)).status).toBe(200);
    const wrong = [basic("app", WRONG), basic(WRONG, APP), `Bearer ${WRONG}`, `Digest ${WRONG}`, WRONG];
    for (const authorization of wrong) expect((await page(port, "/v1/kv/a", authorization)).status).toBe(401);
    const pages = ["/v1/status", "/metrics", "/readyz?verbose", "/openapi.json", "/v1/admin/log-level"];
    for (const path of pages) {
      for (const authorization of [right, `Bearer ${TOKEN}`, `Bearer ${ROOT}`]) await page(port, path, authorization);
    }
    await page(port, `/v1/kv?password=${ROOT}&token=${TOKEN}`, `Bearer ${TOKEN}`);
    // The level of all of it, over the door through which it comes.
    const body = JSON.stringify({ category: "kvpaxos", level: "trace" });
    const headers = { "Content-Type": "application/json" };
    expect((await page(port, "/v1/admin/log-level", `Bearer ${ROOT}`, { method: "PUT", body, headers })).status).toBe(
      200,
    );

    // Not each way at each server: ten wrong passwords shut the door for a minute.
    const protocol = ["tcp", "http", "rpc"][id]!;
    const server = ["--server", `127.0.0.1:${port}`, "--protocol", protocol];
    for (const [user, password] of [["app", APP], ["app", WRONG], ["default", ROOT], ["reader", TOKEN]]) {
      const env = { KVCLIENT_PASSWORD: password! };
      said(KVCLIENT, [...server, "--user", user!, "get", "app/1"], env);
      said(KVCLIENT, [...server, "--user", user!, "put", "other", "x", "-o", "json"], env);
    }
    expect(said(KVCLIENT, [...server, "--user", "app", "get", "app/1"], { KVCLIENT_PASSWORD: APP })).toBe("x");
    said(KVCLIENT, [...server, "--password", WRONG, "status"]);
    expect(said(KVCLIENT, [...server, "--password", ROOT, "top", "--once"])).toContain("leader");
    said(KVCLIENT, ["--server", `127.0.0.1:${port}`, "--protocol", "udp", "--password", ROOT, "get", "a"]);
  }
}, 120_000);

test("users that are read again, right and wrong, and replicas of other clusters, leave no secret", async () => {
  const reload = async (text: string, says: string): Promise<void> => {
    file("users.jsonl", text);
    for (const replica of replicas) {
      const before = replica.output.length;
      replica.child.kill("SIGHUP");
      await until(() => replica.output.slice(before).includes(says), `the log says "${says}"`);
    }
  };
  await reload(`{"user":"app","role":"read-write","password":"${PLAIN}"}\n`, "everything stays as it was");
  await reload(`{"user":"app","role":"read-write","password":"${PLAIN}\n`, "everything stays as it was");
  await reload(`app:${PLAIN}\n`, "everything stays as it was");
  await reload(await userLine(NEXT), "users");
  for (const port of ports.slice(0, 3)) {
    expect((await page(port, "/v1/kv/app%2F1", basic("app", APP))).status).toBe(401);
    expect((await page(port, "/v1/kv/app%2F1", basic("app", NEXT))).status).toBe(200);
  }
  // It calls all of them, with another secret.
  const peers = `127.0.0.1:${ports[3]},127.0.0.1:${ports[0]},127.0.0.1:${ports[1]}`;
  const stranger = await servers.spawn({
    port: ports[3]!,
    flags: ["--peers", peers, "--log-level", "trace"],
    env: { KVSERVER_CLUSTER_SECRET: OTHER_SECRET },
  });
  await until(() => replicas.slice(0, 2).every(({ output }) => output.includes("refused a call")), "it is refused");
  expectNone("the stranger", stranger.output);
  await stranger.kill();
}, 60_000);

test("mistakes at the start leave no secret", () => {
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): string =>
    said(KVSERVER, [...args, "--memory", "--port", String(ports[3])], env);
  const wrong: (readonly [args: readonly string[], env?: Readonly<Record<string, string>>])[] = [
    [["--password", ROOT, "--password-file", join(folder, "password")]],
    [[`--pasword=${ROOT}`]],
    [["--pasword", ROOT]],
    [["--cluster-secret", CLUSTER_SECRET]],
    [["--users", file("plain.jsonl", `{"user":"app","role":"read-only","password":"${PLAIN}"}\n`)]],
    [["--users", file("passwd", `app:${PLAIN}\n`)]],
    [["--config", file("a.toml", `password = "${ROOT}\nport = 1\n`)]],
    [["--config", file("b.toml", `password = "${ROOT}" "${WRONG}"\n`)]],
    [["--config", file("c.toml", `pasword = "${ROOT}"\n`)]],
    [["--config", file("d.toml", `password = ["${ROOT}"]\n`)]],
    [["--config", file("e.json", `{"password": "${ROOT}" "port": 1}`)]],
    [["--config", file("f.json", `{"pasword": "${ROOT}"}`)]],
    [["--config", file("g.json", `{"password": {"${ROOT}": 1}}`)]],
    [["--config", file("h.json", ROOT)]],
    [["--config", file("i.json", `"${ROOT}"`)]],
    [["--peers", "127.0.0.1:1,127.0.0.1:2"], { KVSERVER_CLUSTER_SECRET: CLUSTER_SECRET.slice(0, 12) }],
  ];
  for (const [args, env] of wrong) expect(start(args, env)).toMatch(/^kvserver: .*\nTry/);
});

test("nothing that replicas log, store or show to other processes has a secret, and they did log it all", async () => {
  // The last words are said at the end.
  for (const replica of replicas) {
    const shown = readFileSync(`/proc/${replica.child.pid}/cmdline`, "utf8");
    expect(shown).toContain("--users");
    expectNone("its command line", shown);
    expect((await replica.stop()).code).toBe(0);
    expectNone("a replica", replica.output);
    expect(replica.output).toContain("everything stays as it was");
  }
  let files = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (!name.startsWith("data-") || !statSync(path).isFile()) continue;
    files++;
    expectNone(name, readFileSync(path, "latin1"));
  }
  expect(files).toBeGreaterThan(5);
});
