import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { BackupWriter } from "../../../src/adapters/backup/writer.ts";
import { connect } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import { concatBytes } from "../../../src/codec/bytes.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { type RunningServer, startServer } from "../../../src/server/server.ts";
import { put } from "../../core/kv/arbitraries.ts";
import { freePorts } from "../../support/free_ports.ts";
import { InProcessCluster, until } from "../cluster/in_process.ts";

const folder = mkdtempSync(join(tmpdir(), "kvpaxos-restore-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let made = 0;
function fresh(): string {
  return join(folder, `data-${made++}`);
}

/** A file with `count` keys. */
function saved(name: string, count: number): string {
  const store = new KVStore();
  for (let i = 0; i < count; i++) store.execute(put(`key${i}`, `value ${i}`), 1000 + i);
  const writer = new BackupWriter();
  const { revision, time, size, sessions } = store;
  const head = { product: "1", replication: "none", revision, time_ms: time, taken_ms: 1, keys: size, sessions };
  const pieces = [writer.begin(head)];
  const source = store.backup();
  for (let slice = source.next(200); slice !== null; slice = source.next(200)) pieces.push(writer.part(slice));
  source.close();
  const path = join(folder, name);
  writeFileSync(path, concatBytes([...pieces, writer.end()]));
  return path;
}

const FILE = saved("twenty", 20);
const OTHER = saved("ten", 10);

async function start(dataDir: string, restore: string | null): Promise<RunningServer> {
  const server = await startServer({ port: 0, httpPort: null, dataDir, restore });
  closing.push(() => server.close());
  return server;
}

async function count(server: RunningServer): Promise<number> {
  await using client = connect({ servers: [server.addresses.tcp], protocol: "tcp", codec: stringCodec });
  return await client.count({ prefix: "key" });
}

function clusterOf(
  ports: readonly number[],
  protocol: "2pc" | "paxos",
  transport: "tcp" | "http",
  restore: (id: number) => string | null,
  home: string = fresh(),
): InProcessCluster {
  const cluster = new InProcessCluster(
    ports,
    (id) => ({ dataDir: join(home, String(id)), restore: restore(id), closeDeadline_ms: 2000 }),
    { protocol, transport },
  );
  closing.push(() => cluster.close());
  return cluster;
}

describe("a server that is restored", () => {
  test("begins with the state, takes writes, and goes on from its own data afterwards", async () => {
    const dataDir = fresh();
    const server = await start(dataDir, FILE);
    expect(await count(server)).toBe(20);
    {
      await using client = connect({ servers: [server.addresses.tcp], protocol: "tcp", codec: stringCodec });
      expect((await client.put("key-new", "1")).revision).toBe(21);
    }
    await server.close();
    expect(await count(await start(dataDir, null))).toBe(21);
  });

  test("leaves a directory with data as it is, and says what to do", async () => {
    const dataDir = fresh();
    await (await start(dataDir, null)).close();
    const before = readdirSync(dataDir);
    await expect(start(dataDir, FILE)).rejects.toThrow(
      /data directory .*data-\d+ has data.*leave --restore out.*--data-dir/,
    );
    expect(readdirSync(dataDir)).toEqual(before);
    expect(await count(await start(dataDir, null))).toBe(0);
  });

  test("refuses a file that is damaged, cut short, or not there, and leaves nothing in the directory", async () => {
    const bytes = readFileSync(FILE);
    const short = join(folder, "short");
    writeFileSync(short, bytes.subarray(0, bytes.length - 40));
    const damaged = join(folder, "damaged");
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(damaged, bytes);
    for (
      const [file, why] of [[short, /cut short/], [damaged, /damaged at/], [join(folder, "no"), /cannot read/]] as const
    ) {
      const dataDir = fresh();
      await expect(start(dataDir, file)).rejects.toThrow(why);
      expect(readdirSync(dataDir)).toEqual([]);
    }
  });

  test("that was interrupted is not started on, and can be restored once more", async () => {
    const dataDir = fresh();
    await (await start(dataDir, OTHER)).close();
    renameSync(join(dataDir, "restored"), join(dataDir, "restoring"));
    await expect(start(dataDir, null)).rejects.toThrow(/was not finished: start once more with --restore/);
    expect(await count(await start(dataDir, FILE))).toBe(20);
  });

  test("may have other files in its directory, as the root of a volume does", async () => {
    const dataDir = fresh();
    mkdirSync(join(dataDir, "lost+found"), { recursive: true });
    expect(await count(await start(dataDir, FILE))).toBe(20);
  });

  test("in memory makes no sense", async () => {
    await expect(startServer({ port: 0, httpPort: null, dataDir: null, restore: FILE })).rejects.toThrow(/in memory/);
  });
});

describe.each(
  [["paxos", "tcp"], ["2pc", "tcp"], ["paxos", "http"]] as const,
)("a new cluster under %s over %s", (protocol, transport) => {
  test("whose replicas are restored from one file begins with its state, and again after a restart", async () => {
    const [ports, home] = [await freePorts(3), fresh()];
    const cluster = await clusterOf(ports, protocol, transport, () => FILE, home).startAll();
    expect((await cluster.client(0).put("key-new", "1")).revision).toBe(21);
    for (const id of [0, 1, 2]) expect(await cluster.client(id).count({ prefix: "key" })).toBe(21);
    await cluster.close();
    const again = await clusterOf(ports, protocol, transport, () => null, home).startAll();
    for (const id of [0, 1, 2]) expect(await again.client(id).count({ prefix: "key" })).toBe(21);
    await again.client(1).put("key-newer", "1");
  });

  test.each([["from another file", OTHER], ["empty", null]] as const)(
    "keeps a replica out that began %s",
    async (_, other) => {
      const cluster = clusterOf(await freePorts(3), protocol, transport, (id) => id === 2 ? other : FILE);
      await Promise.all([0, 1, 2].map((id) => cluster.start(id)));
      const refusals = async (): Promise<string> => JSON.stringify((await cluster.status(2)).cluster?.peers);
      await until("it hears why", async () => /began with the snapshot [0-9a-f]{12}/.test(await refusals()));
      expect(await refusals()).toMatch(/--restore of the same file/);
      // Of three new replicas all have to know each other before one of them votes.
      for (const id of [0, 1, 2]) expect((await fetch(`${cluster.url(id)}/readyz`)).status).toBe(503);
    },
  );
});
