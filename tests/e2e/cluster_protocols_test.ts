/**
 * Every protocol of clients against every replica, leader or not, with the replicas connected over TCP and over HTTP, under
 * Multi-Paxos and under two-phase commit.
 */
import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { KVCLIENT } from "./support/server_process.ts";

const run = promisify(execFile);
const TRANSPORTS = ["tcp", "http"] as const;
const PROTOCOLS = ["TCP", "UDP", "HTTP", "RPC"] as const;
/** Of each command through each of two replicas: whole pipelines, as redis-benchmark sends nothing less. */
const REQUESTS = 300 * 16;
const hasBenchmark = spawnSync("redis-benchmark", ["--version"]).status === 0;

const flagsOf = (transport: string, replication = "paxos") => ({
  flags: [`--transport=${transport}`, `--replication=${replication}`],
});

/** A leader and a follower. */
async function twoOf(cluster: Cluster): Promise<readonly (readonly [role: string, id: number])[]> {
  const leader = await cluster.leader();
  return [["the leader", leader], ["a follower", (leader + 1) % cluster.ids.length]];
}

describe.each(TRANSPORTS)("replicas over %s", (transport) => {
  test.each(["paxos", "2pc"])("pass kvclient's demo under %s with every protocol through each", async (replication) => {
    const cluster = await startCluster(flagsOf(transport, replication));
    for (const id of cluster.ids) {
      const args = ["demo", "--server-ip", "127.0.0.1", "--port", String(cluster.ports[id]), "--protocol"];
      const outputs = await Promise.all(PROTOCOLS.map((protocol) =>
        run(KVCLIENT, [...args, protocol], {
          timeout: 30_000,
          // No profile of the person who runs this is read or written.
          env: {
            ...process.env,
            XDG_CONFIG_HOME: cluster.dataDir(id),
            XDG_STATE_HOME: cluster.dataDir(id),
            NO_COLOR: "1",
          },
        })
      ));
      for (const [at, { stdout }] of outputs.entries()) {
        expect(stdout).toContain(`Demo: ${PROTOCOLS[at]} to 127.0.0.1:`);
        expect(stdout.match(/ ok$/gm)?.length).toBeGreaterThanOrEqual(15);
        expect(stdout).toContain("every reply was right");
      }
    }
  }, 90_000);

  // Debian's redis-tools bring it; without them there is nothing to run.
  test.skipIf(!hasBenchmark)(
    `serve redis-benchmark through the leader and through a follower${hasBenchmark ? "" : " (redis-tools is missing)"}`,
    async () => {
      const cluster = await startCluster(flagsOf(transport));
      for (const [role, id] of await twoOf(cluster)) {
        const flags = `-p ${cluster.ports[id]} -t set,get,incr,mset -P 16 -q -n ${REQUESTS}`;
        const { stdout, stderr } = await run("redis-benchmark", flags.split(" "), { timeout: 60_000 });
        expect(stdout + stderr).not.toMatch(/error/i);
        const rates = [...stdout.matchAll(/(SET|GET|INCR|MSET)[^:\r\n]*: ([\d.]+) requests per second/g)];
        expect(rates.map(([, name]) => name)).toEqual(["SET", "GET", "INCR", "MSET"]);
        const counted = await cluster.client([id]).get("counter:__rand_int__");
        expect(counted?.value).toBe(String(REQUESTS * (role === "the leader" ? 1 : 2)));
        console.log(
          `over ${transport}, redis-benchmark against ${role}, a second: ` +
            rates.map(([, name, rate]) => `${name} ${Math.round(Number(rate))}`).join(", "),
        );
      }
    },
    150_000,
  );
});
