/**
 * Locks between processes: holders that are killed, holders that stand still, and leaders of the cluster that go while a
 * lock is held. Nothing here is timed: a test waits for what must come.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { op, when } from "../../src/client/txn_builder.ts";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { KVCLIENT } from "./support/server_process.ts";

const PATIENCE_MS = 120_000;

/** A `kvclient` that is running. */
interface Running {
  readonly child: ChildProcess;
  /** What it and its command have written. */
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

function kvclient(cluster: Cluster, ...args: readonly string[]): Running {
  const servers = cluster.ports.map((port) => `127.0.0.1:${port}`).join(",");
  const [command, ...rest] = args;
  const child = spawn(KVCLIENT, [command!, "--server", servers, ...rest], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  }
  onTestFinished(() => void child.kill("SIGKILL"));
  // Not "close": a command that outlives its kvclient has the same streams.
  return { child, output: () => output, ended: new Promise((done) => child.once("exit", (code) => done(code))) };
}

/** A command that says under which process, token and key it runs, and runs until it is told to end. */
const STAYS = `trap 'echo told to end; exit 9' TERM
echo "pid=$$ token=$KVPAXOS_LOCK_TOKEN key=$KVPAXOS_LOCK_KEY;"
while :; do sleep 0.05; done`;

interface Holder {
  readonly pid: number;
  readonly token: number;
  readonly key: string;
}

/** What the command of a kvclient says, once it runs. */
async function holderOf(cluster: Cluster, running: Running): Promise<Holder> {
  const read = (): RegExpExecArray | null => /pid=(\d+) token=(\d+) key=(\S+);/.exec(running.output());
  await cluster.until("a command runs under the lock", () => Promise.resolve(read() !== null));
  const [, pid, token, key] = read()!;
  const holder = { pid: Number(pid), token: Number(token), key: key! };
  onTestFinished(() => {
    try {
      process.kill(holder.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  });
  return holder;
}

/** Whether a write that is fenced by a holder's token is done. */
async function isTaken(cluster: Cluster, { key, token }: Holder): Promise<boolean> {
  const compare = [when.createRevision(key, "=", token)];
  return (await cluster.client().txn({ compare, then: [op.put("guarded", String(token))] })).succeeded;
}

test(
  "the lock of a holder that is killed goes to the next one, and the old token writes nothing",
  async () => {
    const cluster = await startCluster({ replicas: 3 });
    const first = kvclient(cluster, "lock", "job", "--ttl", "2s", "--", "sh", "-c", STAYS);
    const old = await holderOf(cluster, first);
    expect(await isTaken(cluster, old)).toBe(true);
    expect(await kvclient(cluster, "lock", "job", "--wait", "0s", "--", "true").ended).toBe(6);
    const second = kvclient(cluster, "lock", "job", "--ttl", "2s", "--", "sh", "-c", STAYS);
    first.child.kill("SIGKILL");
    const present = await holderOf(cluster, second);
    expect(present.token).toBeGreaterThan(old.token);
    expect([await isTaken(cluster, old), await isTaken(cluster, present)]).toEqual([false, true]);
    // A signal goes on to the command, whose exit code is that of the whole.
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(9);
    expect(await kvclient(cluster, "lock", "job", "--wait", "0s", "--", "sh", "-c", "exit 3").ended).toBe(3);
  },
  PATIENCE_MS,
);

test(
  "a holder that stands still loses its lock: its command is ended when it goes on, and its token writes nothing",
  async () => {
    const cluster = await startCluster({ replicas: 3 });
    const first = kvclient(cluster, "lock", "job", "--ttl", "2s", "--", "sh", "-c", STAYS);
    const old = await holderOf(cluster, first);
    first.child.kill("SIGSTOP");
    const present = await holderOf(cluster, kvclient(cluster, "lock", "job", "--ttl", "2s", "--", "sh", "-c", STAYS));
    expect(present.token).toBeGreaterThan(old.token);
    expect([await isTaken(cluster, old), await isTaken(cluster, present)]).toEqual([false, true]);
    first.child.kill("SIGCONT");
    expect(await first.ended).toBe(9);
    expect(first.output()).toContain("is lost");
    expect(first.output()).toContain("told to end");
    expect(await isTaken(cluster, present)).toBe(true);
  },
  PATIENCE_MS,
);

test(
  "locks and leaderships stay with their holders when the leader of the cluster is killed",
  async () => {
    const cluster = await startCluster({ replicas: 3 });
    const survivors = async (): Promise<number[]> => {
      const leader = await cluster.leader();
      return cluster.ids.filter((id) => id !== leader);
    };
    const client = cluster.client();
    const lock = await client.lock("job", { ttl_ms: 20_000 });
    const elected = kvclient(cluster, "elect", "boss", "--value", "me", "--ttl", "20s", "--", "sh", "-c", STAYS);
    const boss = await holderOf(cluster, elected);
    const rest = await survivors();
    await cluster.kill(await cluster.leader());
    await cluster.leader(rest);
    const { succeeded } = await client.txn({ compare: [lock.fence], then: [op.put("guarded", "yes")] });
    expect([succeeded, lock.isHeld, await isTaken(cluster, boss)]).toEqual([true, true, true]);
    const leaders = cluster.client(rest).observe("boss");
    expect((await leaders.next()).value).toMatchObject({ value: "me", token: boss.token });
    const next = leaders.next();
    elected.child.kill("SIGTERM");
    expect(await elected.ended).toBe(9);
    expect((await next).value).toBeNull();
    await leaders.return(undefined);
    expect(await lock.release()).toBe(true);
  },
  PATIENCE_MS,
);
