import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { connect } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import type { ClusterOptions } from "../../../src/server/cluster/options.ts";
import { startServer } from "../../../src/server/server.ts";
import { SocketClient } from "../../support/resp_client.ts";
import { freePorts } from "../../support/free_ports.ts";
import { InProcessCluster, until } from "./in_process.ts";

const folder = mkdtempSync(join(tmpdir(), "kvpaxos-cluster-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const open: InProcessCluster[] = [];
afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});

async function clusterOf(replicas: number, options: Partial<ClusterOptions> = {}): Promise<InProcessCluster> {
  const name = `cluster-${made++}`;
  const dataDir = (id: number): string => join(folder, name, String(id));
  const cluster = new InProcessCluster(
    await freePorts(replicas),
    (id) => ({ dataDir: dataDir(id), closeDeadline_ms: 2000 }),
    { times: { patience_ms: 500 }, ...options },
  );
  open.push(cluster);
  return await cluster.startAll();
}

describe.each(["tcp", "http"] as const)("three replicas in one process over %s", (transport) => {
  test("are one store to the clients of each of them, whatever the protocol", async () => {
    const cluster = await clusterOf(3, { transport });
    for (const [id, protocol] of (["tcp", "udp", "http"] as const).entries()) {
      await cluster.client(id, protocol).put(`from-${id}`, protocol);
    }
    for (const id of [0, 1, 2]) {
      const client = cluster.client(id, "rpc");
      expect(await client.count({ prefix: "from-" })).toBe(3);
      expect((await client.get("from-1"))?.value).toBe("udp");
    }
  });

  test("go on without one, which catches up when it is back", async () => {
    const cluster = await clusterOf(3, { transport });
    const leader = await cluster.leader();
    const others = [0, 1, 2].filter((id) => id !== leader);
    await cluster.client(others[0]!).put("before", "1");
    await cluster.stop(leader);
    await cluster.client(others[0]!).put("without", "2");
    expect((await cluster.client(others[1]!).get("without"))?.value).toBe("2");
    await (await cluster.start(leader)).ready();
    expect((await cluster.client(leader).get("without"))?.value).toBe("2");
  });
});

describe("a replica", () => {
  test("says what it is, and how it reaches the others, on every page for operators", async () => {
    const cluster = await clusterOf(3);
    const leader = await cluster.leader();
    await cluster.client(leader).put("a", "1");
    await until("it is connected to both others", async () => {
      const links = (await cluster.status(leader)).cluster!.peers.map(({ link }) => link);
      return links.every((link) => link === null || link.isConnected);
    });
    const { replication, cluster: network } = await cluster.status(leader);
    expect(replication.cluster).toMatchObject({ id: leader, replicas: 3, role: "leader", leader, unready: null });
    expect(network?.peers.map(({ address }) => address)).toEqual(cluster.peers.map(({ port }) => `127.0.0.1:${port}`));
    expect(network?.peers.map(({ link }) => link?.isConnected ?? "self")).toEqual(
      [0, 1, 2].map((id) => id === leader ? "self" : true),
    );
    const metrics = await (await fetch(`${cluster.url(leader)}/metrics`)).text();
    expect(metrics).toMatch(/^kvpaxos_is_leader 1$/m);
    expect(metrics).toMatch(/^kvpaxos_role_crashes_total\{role="acceptor"\} 0$/m);
    const client = await SocketClient.connect(cluster.peers[leader]!.port);
    const info = String(await client.call("INFO", "replication"));
    expect(info).toContain("role:master\r\n");
    expect(info).toContain("kvpaxos_role:leader\r\n");
    expect(info).toMatch(/kvpaxos_peer\d:address=127\.0\.0\.1:\d+,state=connected/);
    expect(JSON.parse((await client.call("KVSTATUS")).split("\r\n")[1]!)).toMatchObject({
      replication: { protocol: "paxos" },
    });
    client.close();
  });

  test("fails fast without a majority, says why, and answers stale reads all the same", async () => {
    const cluster = await clusterOf(3);
    await cluster.client(0).put("a", "1");
    await until("replica 0 has applied it", async () => (await cluster.status(0)).store.keys === 1);
    await cluster.stop(1);
    await cluster.stop(2);
    await until(
      "it knows that it has no majority",
      async () => (await fetch(`${cluster.url(0)}/readyz`)).status === 503,
    );
    expect(await (await fetch(`${cluster.url(0)}/readyz`)).json()).toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
      detail: expect.stringContaining("majority"),
    });
    for (const protocol of ["tcp", "udp", "http", "rpc"] as const) {
      const client = cluster.client(0, protocol, 1500);
      await expect(client.get("a")).rejects.toMatchObject({ retryable: true });
      expect((await client.get("a", { consistency: "stale" }))?.value).toBe("1");
      expect(await client.range({ prefix: "a", consistency: "stale" }).toArray()).toHaveLength(1);
    }
    const response = await fetch(`${cluster.url(0)}/v1/kv/a`);
    expect(response.status).toBe(503);
    expect(await (await fetch(`${cluster.url(0)}/v1/kv/a?consistency=stale`)).text()).toBe("1");
    const resp = await SocketClient.connect(cluster.peers[0]!.port);
    expect(String(await resp.call("GET", "a"))).toContain("TRYAGAIN");
    await resp.call("READONLY");
    expect(String(await resp.call("GET", "a"))).toBe("$1\r\n1\r\n");
    await resp.call("READWRITE");
    expect(String(await resp.call("GET", "a"))).toContain("TRYAGAIN");
    resp.close();
    await (await cluster.start(1)).ready();
    expect((await cluster.client(0).get("a"))?.value).toBe("1");
  });

  test("lets its roles crash in a drill, counts that, and goes on serving with the others", async () => {
    const failures = {
      roles: ["acceptor", "proposer", "learner"] as const,
      every: { least_ms: 300, most_ms: 900 },
      lasting: { least_ms: 50, most_ms: 150 },
      seed: 7,
    };
    const cluster = await clusterOf(3, { failures });
    const client = connect({ servers: [...cluster.peers], codec: stringCodec, deadline_ms: 20_000 });
    const crashes = async (): Promise<number> => {
      const { roles } = (await cluster.status(0)).replication.cluster!;
      return Math.min(roles.acceptor.crashes, roles.proposer.crashes, roles.learner.crashes);
    };
    let count = 0;
    for (; count < 100 || await crashes() < 2; count++) expect(await client.increment("n")).toBe(BigInt(count + 1));
    await client.close();
  }, 60_000);

  test("is refused the data of a server without replicas, and the other way round", async () => {
    const cluster = await clusterOf(1);
    await cluster.client(0).put("a", "1");
    const dataDir = join(folder, `cluster-${made - 1}`, "0");
    await cluster.stop(0);
    await expect(startServer({ port: 0, httpPort: 0, dataDir })).rejects.toThrow(/that of a replica.*--peers/);
    const alone = join(folder, "alone");
    const server = await startServer({ port: 0, httpPort: 0, dataDir: alone });
    const client = connect({ servers: [server.addresses.tcp] });
    await client.put("a", new Uint8Array(1));
    await client.close();
    await server.close();
    const [port] = await freePorts(1);
    const peers = [{ host: "127.0.0.1", port: port! }];
    await expect(startServer({ port: port!, httpPort: 0, dataDir: alone, cluster: { id: 0, peers } })).rejects.toThrow(
      /without replicas.*without --peers/,
    );
  });
});
