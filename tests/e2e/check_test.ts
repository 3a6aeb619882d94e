/**
 * The built `kvclient check` against real servers: it finds nothing wrong with a cluster whose leader is killed, and
 * what is wrong where reads may be stale.
 */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { SocketClient } from "../support/resp_client.ts";
import { redisMissing, RedisProcess } from "./redis_differential/servers.ts";
import { startCluster } from "./support/cluster.ts";
import { KVCLIENT, temporaryFolder } from "./support/server_process.ts";

/** What `-o json` prints, as far as it is looked at here. */
interface Report {
  readonly verdict: string;
  readonly protocol: string;
  readonly servers: readonly string[];
  readonly operations: { readonly ok: number; readonly unknown: number };
  readonly judged: number;
  readonly read_again_through: number;
  readonly availability: { readonly share: number; readonly longest_gap_ms: number };
  readonly violation: { readonly lines: readonly string[] } | null;
}

/** A check under way. */
interface Running {
  /** Whether it has ended. */
  readonly isOver: () => boolean;
  readonly ended: Promise<{ readonly code: number | null; readonly report: Report; readonly error: string }>;
}

/** Starts a check that writes its files into `folder`. */
function startCheck(folder: string, ...args: readonly string[]): Running {
  const child = spawn(KVCLIENT, ["check", "-o", "json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [output, error] = ["", ""];
  child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  child.stderr.on("data", (chunk: Uint8Array) => error += new TextDecoder().decode(chunk));
  let isOver = false;
  const ended = new Promise<{ code: number | null; report: Report; error: string }>((resolve, reject) => {
    child.once("close", (code) => {
      isOver = true;
      if (output === "") reject(new Error(`kvclient check ended with ${code} and no report:\n${error}`));
      else resolve({ code, report: JSON.parse(output), error });
    });
  });
  return { isOver: () => isOver, ended };
}

function newFolder(): string {
  const folder = temporaryFolder("check");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("kvclient check finds nothing wrong with three replicas whose leader is killed and comes back", async () => {
  const cluster = await startCluster({ replicas: 3 });
  const folder = newFolder();
  const leader = await cluster.leader();
  const other = cluster.ports[(leader + 1) % 3]!;
  const history = join(folder, "history.jsonl");
  const check = startCheck(folder, "--server", `127.0.0.1:${other}`, "--duration", "6s", "--history", history);
  await sleep(2000);
  await cluster.kill(leader);
  await sleep(1500);
  await cluster.start(leader);
  const { code, report } = await check.ended;
  expect([code, report.verdict, report.violation]).toEqual([0, "linearizable", null]);
  // One server was named; the others were found.
  expect(report.servers).toEqual(cluster.ports.map((port) => `127.0.0.1:${port}`));
  expect(report.read_again_through).toBe(3);
  expect(report.operations.ok).toBeGreaterThan(100);
  expect(report.judged).toBeGreaterThan(1);
  const lines = readFileSync(history, "utf8").trimEnd().split("\n");
  expect(lines.filter((line) => line.includes('"type":"ok"')).length).toBeGreaterThan(100);
  console.log(
    `a leader killed under kvclient check: ${report.operations.ok} operations ok, ` +
      `${report.operations.unknown} unknown, ${(report.availability.share * 100).toFixed(1)} % of one-second windows ` +
      `served, the longest time without a success ${report.availability.longest_gap_ms} ms`,
  );
}, 60_000);

test("kvclient check finds the violation in our own cluster when it is read with stale consistency", async () => {
  const cluster = await startCluster({ replicas: 3 });
  const folder = newFolder();
  const follower = (await cluster.leader() + 1) % 3;
  const others = cluster.ids.filter((id) => id !== follower);
  const [servers, from] = [others, [follower]].map((ids) => ids.map((id) => `127.0.0.1:${cluster.ports[id]}`).join());
  const picture = join(folder, "wrong.html");
  const stale = ["--stale-reads", "--read-from", from!, "--picture", picture];
  const check = startCheck(folder, "--server", servers!, "--duration", "90s", "--mix", "read=2,write=1", ...stale);
  // Mostly the follower's usual lag is enough. Else it is made one that nobody can miss: it comes back from where it was
  // killed, and cannot ask the others for what was acknowledged meanwhile.
  await sleep(1000);
  while (!check.isOver()) {
    await cluster.kill(follower);
    await sleep(500);
    for (const id of others) cluster.pause(id);
    await cluster.spawn(follower);
    await sleep(2000);
    for (const id of others) cluster.resume(id);
    await sleep(1000);
  }
  const { code, report } = await check.ended;
  expect([code, report.verdict]).toEqual([1, "not linearizable"]);
  expect(report.violation!.lines.join("\n")).toMatch(/has no order[^]*This cannot be placed/);
  expect(readFileSync(picture, "utf8")).toContain('class="culprit"');
}, 120_000);

const missing = redisMissing();

test.skipIf(missing !== null)(
  `kvclient check finds nothing wrong with one Redis, and the violation in one that is read from its asynchronous replica${
    missing === null ? "" : ` (skipped: ${missing})`
  }`,
  async () => {
    const redis = await RedisProcess.start();
    onTestFinished(() => redis.stop());
    const folder = newFolder();
    const server = `127.0.0.1:${redis.port}`;
    for (const workload of ["register", "counter", "bank", "append"]) {
      const { code, report } = await startCheck(folder, "--server", server, "--workload", workload, "--duration", "1s")
        .ended;
      expect([workload, code, report.verdict, report.protocol]).toEqual([workload, 0, "linearizable", "resp"]);
      expect(report.operations.ok).toBeGreaterThan(100);
    }

    const replica = await RedisProcess.start(["--replicaof", `127.0.0.1 ${redis.port}`]);
    onTestFinished(() => replica.stop());
    const admin = await SocketClient.connect(replica.port);
    for (const since_ms = performance.now(); !/master_link_status:up/.test(await admin.call("INFO", "replication"));) {
      if (performance.now() - since_ms > 30_000) {
        throw new Error("the replica of Redis did not reach its master in 30 s");
      }
      await sleep(50);
    }
    const check = startCheck(
      folder,
      "--server",
      server,
      "--read-from",
      `127.0.0.1:${replica.port}`,
      "--duration",
      "60s",
    );
    // Its usual lag may be too short to be seen; a replica that has lost its master answers with what it has.
    await sleep(500);
    await admin.call("REPLICAOF", "127.0.0.1", "1");
    admin.close();
    const { code, report } = await check.ended;
    expect([code, report.verdict, report.protocol]).toEqual([1, "not linearizable", "resp"]);
    expect(report.violation!.lines[0]).toContain("has no order");
  },
  120_000,
);
