/** Five built replicas: any of them answers, a majority is enough, and what was acknowledged stays. */
import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePorts } from "../support/free_ports.ts";
import { SocketClient } from "../support/resp_client.ts";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { KVCLIENT, KVSERVER, temporaryFolder } from "./support/server_process.ts";

/** What each replica holds by its own state, without asking the others. */
async function contents(cluster: Cluster): Promise<string[]> {
  return await Promise.all(cluster.running.map(async (id) => {
    const entries = await cluster.client([id]).range({ prefix: "k", consistency: "stale" }).toArray();
    return entries.map(({ key, value }) => `${key}=${value}`).join(" ");
  }));
}

test.each(["tcp", "http"])(
  "five replicas over %s go on when the leader is killed, and all agree after",
  async (way) => {
    const cluster = await startCluster({ flags: [`--transport=${way}`] });
    for (const id of cluster.ids) await cluster.client([id]).put(`k${id}`, `through ${id}`);
    for (const id of cluster.ids) expect(await cluster.client([id]).count({ prefix: "k" })).toBe(5);

    const leader = await cluster.leader();
    const others = cluster.ids.filter((id) => id !== leader);
    const client = cluster.client(others);
    await cluster.kill(leader);
    const killed_ms = performance.now();
    await client.put("k-after", "survives");
    const gap_ms = performance.now() - killed_ms;
    expect(await client.count({ prefix: "k" })).toBe(6);
    expect(await cluster.leader(others)).not.toBe(leader);

    await cluster.start(leader);
    expect((await cluster.client([leader]).get("k-after"))?.value).toBe("survives");
    await cluster.caughtUp();
    expect(new Set(await contents(cluster)).size).toBe(1);
    for (const id of cluster.ids) expect(await cluster.stop(id)).toEqual({ code: 0, signal: null });
    console.log(`over ${way}: the first write after the leader was killed took ${gap_ms.toFixed(0)} ms`);
  },
);

test("with three of five stopped requests fail fast and may be retried, stale reads answer, and one back is enough", async () => {
  const cluster = await startCluster();
  await cluster.client().put("k", "v");
  await cluster.caughtUp();
  for (const id of [2, 3, 4]) await cluster.stop(id);
  await cluster.until("replica 0 knows", async () => (await cluster.place(0)).unready !== null);
  const client = cluster.client([0], { deadline_ms: 2000 });
  await expect(client.put("k", "w")).rejects.toMatchObject({ name: expect.stringMatching(/Error|OutcomeUnknown/) });
  await expect(client.get("k")).rejects.toMatchObject({ retryable: true });
  expect((await client.get("k", { consistency: "stale" }))?.value).toBe("v");
  await cluster.start(2);
  await cluster.client([0]).put("k", "x");
  expect((await cluster.client([1]).get("k"))?.value).toBe("x");
});

test("a replica that comes back without its data is refused, says so everywhere, and the others go on", async () => {
  const cluster = await startCluster({ replicas: 3 });
  await cluster.client().put("k", "v");
  await cluster.kill(2);
  rmSync(cluster.dataDir(2), { recursive: true });
  const process = await cluster.spawn(2);
  await cluster.until("it is refused", async () => /not the one/.test((await cluster.place(2)).unready ?? ""));
  expect((await cluster.place(2)).mayVote).toBe(false);
  const readyz = await fetch(`${process.url}/readyz`);
  expect([readyz.status, (await readyz.json() as { detail: string }).detail]).toEqual([
    503,
    expect.stringContaining("bring its data directory back"),
  ]);
  expect(process.output).toMatch(/ERROR +replica \d \(127\.0\.0\.1:\d+\) remembers another log of this replica/);
  await expect(cluster.client([2], { deadline_ms: 1000 }).get("k")).rejects.toMatchObject({ retryable: true });
  await cluster.client([0, 1]).put("k", "w");
});

test("a directory serves only the replica and the list that it was made for", async () => {
  const cluster = await startCluster({ replicas: 3 });
  for (const id of cluster.ids) await cluster.stop(id);
  const refusal = (...flags: string[]): string => {
    const { status, stderr } = spawnSync(KVSERVER, [`--data-dir=${cluster.dataDir(0)}`, ...flags], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(status).toBe(1);
    return stderr;
  };
  const [first, second] = cluster.ports.map((port) => `127.0.0.1:${port}`);
  const port = `--port=${cluster.ports[0]}`;
  expect(refusal(port)).toMatch(/that of a replica of a cluster .* start it with its --peers/);
  expect(refusal(port, `--peers=${first},${second}`)).toMatch(/the list of a cluster with data cannot be changed/);
  const third = cluster.ports.map((each) => `127.0.0.1:${each}`).join(",");
  expect(refusal(`--port=${cluster.ports[1]}`, `--peers=${third}`)).toContain(`that of the replica ${first}`);
});

test("kvclient status finds every replica from one, and says which does not answer", async () => {
  const cluster = await startCluster();
  await cluster.kill(3);
  const ask = (...args: string[]) =>
    spawnSync(KVCLIENT, ["status", "--server", `127.0.0.1:${cluster.ports[1]}`, ...args], {
      encoding: "utf8",
      timeout: 20_000,
    });
  await cluster.leader();
  for (const protocol of ["TCP", "UDP", "HTTP"]) {
    const { status, stdout } = ask("-o", "json", "--protocol", protocol);
    expect(status).toBe(0);
    const reports = JSON.parse(stdout) as readonly { readonly reachable: boolean; readonly role?: string }[];
    expect(reports.map(({ reachable }) => reachable)).toEqual([true, true, true, false, true]);
    expect(reports.filter(({ role }) => role === "leader")).toHaveLength(1);
  }
  expect(ask().stdout).toMatch(/REPLICA +ROLE +BALLOT +LEADER[^]*unreachable/);
});

test("kvserver cluster starts five replicas, starts one again that dies, and stops them all", async () => {
  const folder = temporaryFolder("cluster-command");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [first] = await freePorts(5);
  const child = spawn(KVSERVER, ["cluster", "--port", String(first), "--data-dir", join(folder, "data")]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Uint8Array) => output += chunk);
  const exited = new Promise<number | null>((done) => child.once("close", done));
  onTestFinished(() => void child.kill("SIGKILL"));
  const seen = async (what: RegExp): Promise<void> => {
    for (const since = performance.now(); !what.test(output);) {
      if (performance.now() - since > 30_000 || child.exitCode !== null) throw new Error(`no ${what} in:\n${output}`);
      await new Promise((wait) => setTimeout(wait, 20));
    }
  };
  await seen(/all 5 replicas are ready/);
  const { processId } = await processOf(first! + 2);
  process.kill(processId, "SIGKILL");
  await seen(/replica 3 ended: killed by SIGKILL; starting it again[^]*replica 3 \| kvserver \S+ is ready/);
  const again = spawnSync(KVSERVER, ["cluster", "--port", String(first)], { encoding: "utf8", timeout: 20_000 });
  expect(again.status).toBe(1);
  expect(again.stderr).toContain(`127.0.0.1:${first}, `);
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
  for (let port = first!; port < first! + 5; port++) await expect(processOf(port)).rejects.toThrow();
});

test("no replica outlives a kvserver cluster that is killed", async () => {
  const [port] = await freePorts(1);
  const child = spawn(KVSERVER, ["cluster", "--replicas=1", `--port=${port}`, "--memory", "--http-port=0"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (const since = performance.now(); !await holds();) {
      if (performance.now() - since > 30_000) throw new Error(`waited for 30 s until ${what}`);
      await new Promise((wait) => setTimeout(wait, 20));
    }
  };
  const answers = (): Promise<boolean> => processOf(port!).then(() => true, () => false);
  await until("it answers", answers);
  child.kill("SIGKILL");
  await until("it is gone", async () => !await answers());
});

/** The process that listens on a port, by its own word. */
async function processOf(port: number): Promise<{ readonly processId: number }> {
  const client = await SocketClient.connect(port);
  const info = await client.call("INFO", "server");
  client.close();
  return { processId: Number(/process_id:(\d+)/.exec(info)![1]) };
}
