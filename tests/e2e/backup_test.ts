/** Backup and restore with the built executables: under load, across replication modes, and when something breaks. */
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { connect } from "../../src/adapters/connect.ts";
import { stringCodec } from "../../src/client/codecs.ts";
import type { KVClient } from "../../src/client/kv_client.ts";
import { freePorts } from "../support/free_ports.ts";
import { Cluster } from "./support/cluster.ts";
import { KVCLIENT, Servers } from "./support/server_process.ts";

// Processes start and stop many times here, on machines that may have other things to do.
vi.setConfig({ testTimeout: 240_000 });

const servers = new Servers();
const folder = servers.folder("backup");
afterAll(() => servers.close());

interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kvclient with a profile of the test's own. */
function run(args: readonly string[], input = ""): Promise<Done> {
  const env = { ...process.env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder, NO_COLOR: "1" };
  const child = spawn(KVCLIENT, args, { env, stdio: "pipe" });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Uint8Array) => stdout += new TextDecoder().decode(chunk));
  child.stderr.on("data", (chunk: Uint8Array) => stderr += new TextDecoder().decode(chunk));
  // A command that reads no input may have ended before.
  child.stdin.on("error", () => {}).end(input);
  return new Promise((done) => child.once("close", (code) => done({ code, stdout, stderr })));
}

async function client(port: number, ...args: string[]): Promise<Done> {
  const done = await run(["--port", String(port), ...args]);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  return done;
}

const MODES = ["none", "2pc", "paxos"] as const;
type Mode = typeof MODES[number];

/** A server or a cluster of a mode, and what ends it. */
async function startMode(
  mode: Mode,
  restore: string | null = null,
): Promise<{ readonly ports: readonly number[]; readonly close: () => Promise<void> }> {
  const flags = restore === null ? [] : ["--restore", restore];
  if (mode === "none") {
    const server = await servers.start({ flags });
    return { ports: [server.port], close: async () => void await server.kill() };
  }
  const cluster = new Cluster(await freePorts(3), { flags: ["--replication", mode, ...flags] });
  await cluster.startAll();
  return { ports: cluster.ports, close: () => cluster.close() };
}

function open(port: number): KVClient<string> {
  return connect({ servers: [{ host: "127.0.0.1", port }], protocol: "tcp", codec: stringCodec, deadline_ms: 20_000 });
}

function name(letter: string, writer: number, n: number): string {
  return `${letter}/${writer}/${String(n).padStart(6, "0")}`;
}

/** Writes a/W/n and then b/W/n for every n, each when the one before is acknowledged. */
class Writers {
  readonly acknowledged: number[];
  #isStopped = false;
  readonly #done: Promise<unknown>;

  constructor(ports: readonly number[], count: number) {
    this.acknowledged = Array.from({ length: count }, () => 0);
    this.#done = Promise.all(this.acknowledged.map((_, writer) => this.#write(writer, ports[writer % ports.length]!)));
  }

  async #write(writer: number, port: number): Promise<void> {
    await using client = open(port);
    for (let n = 1; !this.#isStopped; n++) {
      await client.put(name("a", writer, n), String(n));
      await client.put(name("b", writer, n), String(n));
      this.acknowledged[writer] = n;
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}

async function keysOf(port: number, prefix: string): Promise<Set<string>> {
  await using client = open(port);
  const keys = new Set<string>();
  for await (const { key } of client.range({ prefix })) keys.add(key);
  return keys;
}

/** All up to `least` is there, nothing is missing below what is there, and no b is there without its a. */
function expectCut(keys: ReadonlySet<string>, least: readonly number[]): void {
  const sizes = least.map((_, writer) => {
    const [a, b] = ["a", "b"].map((letter) => [...keys].filter((key) => key.startsWith(`${letter}/${writer}/`)).length);
    return { a: a!, b: b! };
  });
  for (const [writer, { a, b }] of sizes.entries()) {
    expect(b, `writer ${writer}`).toBeGreaterThanOrEqual(least[writer]!);
    expect([b, b + 1], `writer ${writer}`).toContain(a);
    for (let n = 1; n <= a; n++) expect(keys.has(name("a", writer, n)), name("a", writer, n)).toBe(true);
    for (let n = 1; n <= b; n++) expect(keys.has(name("b", writer, n)), name("b", writer, n)).toBe(true);
  }
}

describe("a snapshot that is saved under load", () => {
  test.each(MODES.map((mode, i) => [mode, MODES[(i + 1) % MODES.length]!, MODES[(i + 2) % MODES.length]!] as const))(
    "of %s holds what was acknowledged before, as a cut, and %s and %s begin with it",
    async (mode, ...others) => {
      const from = await startMode(mode);
      // So much that the snapshot takes a while, in which the writers go on.
      const lines = Array.from(
        { length: 3000 },
        (_, i) => JSON.stringify({ key: `fill/${i}`, value: "x".repeat(1000) }),
      );
      const file = join(folder, `${mode}.kvsnap`);
      const fill = join(folder, `${mode}.jsonl`);
      writeFileSync(fill, lines.join("\n"));
      expect((await client(from.ports[0]!, "import", fill)).stdout).toBe("imported 3000 entries\n");
      const writers = new Writers(from.ports, 6);
      await expect.poll(() => Math.min(...writers.acknowledged), { timeout: 20_000 }).toBeGreaterThan(5);
      const least = [...writers.acknowledged];
      // Through a replica that need not lead.
      const saved = await client(from.ports.at(-1)!, "snapshot", "save", file);
      const after = [...writers.acknowledged];
      await writers.stop();
      expect(saved.stdout).toMatch(/^saved \d+ keys of revision \d+ to /);
      expect(after.some((n, writer) => n > least[writer]!), "the writers went on").toBe(true);
      const status = JSON.parse((await run(["snapshot", "status", file, "-o", "json"])).stdout) as Record<
        string,
        unknown
      >;
      expect(status).toMatchObject({
        formatVersion: 1,
        product: "0.1.0",
        replication: mode,
        bytes: statSync(file).size,
      });
      expect(status["sessions"]).toBeGreaterThan(0);
      await from.close();
      for (const other of others) {
        const to = await startMode(other, file);
        for (const port of to.ports) {
          const keys = await keysOf(port, "");
          expect(keys.size).toBe(status["keys"]);
          expectCut(keys, least);
        }
        await using writer = open(to.ports[0]!);
        expect((await writer.put("after", "1")).revision).toBe((status["revision"] as number) + 1);
        await to.close();
      }
    },
  );
});

/** The most that a server has had in memory, in MiB. */
function peak_mib(pid: number): number {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}

const KEYS = Number(process.env["KVPAXOS_BACKUP_KEYS"] ?? 0);

// Takes minutes and a gigabyte: run with KVPAXOS_BACKUP_KEYS=1000000.
test.skipIf(KEYS === 0)(
  "as many keys as KVPAXOS_BACKUP_KEYS says go through import, save, restore and export in bounded memory",
  async () => {
    const figures: Record<string, string> = {};
    const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      const since_ms = performance.now();
      await work();
      figures[what] = `${((performance.now() - since_ms) / 1000).toFixed(1)} s`;
    };
    const [lines, again, file] = ["in.jsonl", "out.jsonl", "all.kvsnap"].map((each) => join(folder, each)) as [
      string,
      string,
      string,
    ];
    const descriptor = openSync(lines, "w");
    for (let i = 0; i < KEYS; i++) {
      const key = `key/${String(i).padStart(9, "0")}`;
      writeSync(descriptor, `${JSON.stringify({ key, value: `${i}`.padEnd(256, ".") })}\n`);
    }
    closeSync(descriptor);
    const from = await servers.start();
    await timed("import", () => client(from.port, "import", lines, "--timeout", "60s"));
    const before = peak_mib(from.child.pid!);
    await timed("save", () => client(from.port, "snapshot", "save", file));
    const after = peak_mib(from.child.pid!);
    await timed("status", () => client(from.port, "snapshot", "status", file));
    await from.kill();
    let to = from;
    await timed("restore", async () => {
      to = await servers.spawn({ flags: ["--restore", file] });
      // Longer than servers are waited for that begin with little.
      await expect.poll(() => / is ready: /.test(to.output), { timeout: 600_000, interval: 100 }).toBe(true);
    });
    const restored = peak_mib(to.child.pid!);
    await timed("export", () => client(to.port, "export", again));
    expect(statSync(again).size).toBe(statSync(lines).size);
    expect(readFileSync(again).equals(readFileSync(lines))).toBe(true);
    const size = Math.round(statSync(file).size / 1024 / 1024);
    console.log(JSON.stringify({ keys: KEYS, ...figures, file: `${size} MiB`, before, after, restored }));
    // A save takes slices, not the state: what it adds does not grow with the keys.
    expect(after - before).toBeLessThan(200);
  },
  1_800_000,
);

describe("kvclient snapshot save", () => {
  test("that is killed leaves no file under the name, and the next one is whole", async () => {
    const { port } = await servers.start();
    const lines = Array.from({ length: 60 }, (_, i) => JSON.stringify({ key: `k${i}`, value: "x".repeat(900_000) }));
    const fill = join(folder, "large.jsonl");
    writeFileSync(fill, lines.join("\n"));
    await client(port, "import", fill);
    const file = join(folder, "killed.kvsnap");
    const child = spawn(KVCLIENT, ["--port", String(port), "snapshot", "save", file], { stdio: "ignore" });
    const exited = new Promise((done) => child.once("close", done));
    await expect.poll(() => existsSync(`${file}.part`) && statSync(`${file}.part`).size, {
      interval: 1,
      timeout: 20_000,
    })
      .toBeGreaterThan(0);
    child.kill("SIGKILL");
    await exited;
    expect(existsSync(file)).toBe(false);
    await client(port, "snapshot", "save", file);
    expect(readdirSync(folder).filter((each) => each.startsWith("killed"))).toEqual(["killed.kvsnap"]);
    expect((await run(["snapshot", "status", file])).stdout).toMatch(/keys: +60, of which 0 expire\n.*\n.*\n.* ok\n/);
  });

  test("says why when no server gives one, and leaves nothing", async () => {
    const file = join(folder, "unreachable.kvsnap");
    const { code, stderr } = await run(["--server", "127.0.0.1:1", "snapshot", "save", file, "--timeout", "2s"]);
    expect(code).toBe(5);
    expect(stderr).toMatch(/127\.0\.0\.1:1001: .*over HTTP/);
    expect(readdirSync(folder).filter((each) => each.startsWith("unreachable.kvsnap"))).toEqual([]);
  });
});

test("a file that is damaged is refused by status and by kvserver, each with the file and what to do", async () => {
  const { port } = await servers.start();
  await client(port, "put", "a", "1");
  const file = join(folder, "damaged.kvsnap");
  await client(port, "snapshot", "save", file);
  const bytes = readFileSync(file);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(file, bytes);
  const status = await run(["snapshot", "status", file]);
  expect(status.code).toBe(1);
  expect(status.stderr).toMatch(/damaged\.kvsnap is damaged at offset \d+: .*use another copy/);
  const server = await servers.spawn({ flags: ["--restore", file] });
  expect(await server.exited).toMatchObject({ code: 1 });
  expect(server.output).toMatch(/cannot start: .*damaged\.kvsnap is damaged at offset \d+/);
});

test("export and import carry entries to another server, and name the line that is wrong", async () => {
  const [a, b] = [await servers.start(), await servers.start()];
  await client(a.port, "put", "user/1", "Ä");
  await client(a.port, "put", "user/2", "2", "--ttl", "1h");
  await client(a.port, "put", "other", "3");
  expect((await run(["--port", String(a.port), "put", "user/3", "-"], "")).code).toBe(0);
  const file = join(folder, "some.jsonl");
  const exported = await client(a.port, "export", file, "--prefix", "user/");
  expect(exported.stdout).toMatch(/^exported 3 keys of revision 4 to /);
  expect(readFileSync(file, "utf8")).toMatch(
    /^\{"key":"user\/1","value":"Ä"\}\n\{"key":"user\/2","value":"2","ttl_ms":3[56]\d{5}\}\n\{"key":"user\/3","value":""\}\n$/,
  );
  for (const _ of ["once", "twice"]) expect((await client(b.port, "import", file)).stdout).toBe("imported 3 entries\n");
  const again = await client(b.port, "export", "-");
  expect(again.stdout.replace(/"ttl_ms":\d+/, "")).toBe(readFileSync(file, "utf8").replace(/"ttl_ms":\d+/, ""));
  const wrong = await run(["--port", String(b.port), "import", "-"], '{"key":"x","value":"1"}\n\n{"key":"y"}\n');
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^kvclient: -, line 3: value is missing/) });
  const large = JSON.stringify({ key: "large", value: "x".repeat(1024 * 1024 + 1) });
  const refused = await run(["--port", String(b.port), "import", "-"], `{"key":"x","value":"1"}\n${large}\n`);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/-, line 2: .*1048577/) });
});
