import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { type ServerOptions, startServer } from "../../../src/server/server.ts";
import { freePorts } from "../../support/free_ports.ts";
import { SocketClient } from "../../support/resp_client.ts";
import { InProcessCluster, until } from "./in_process.ts";

const folder = mkdtempSync(join(tmpdir(), "kvpaxos-two-phase-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const open: InProcessCluster[] = [];
afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});

async function clusterOf(replicas: number, transport: "tcp" | "http" = "tcp"): Promise<InProcessCluster> {
  const name = `cluster-${made++}`;
  const cluster = new InProcessCluster(
    await freePorts(replicas),
    (id) => ({ dataDir: join(folder, name, String(id)), closeDeadline_ms: 2000 }),
    { protocol: "2pc", transport, twoPhaseTimes: { patience_ms: 500 } },
  );
  open.push(cluster);
  return await cluster.startAll();
}

describe.each(["tcp", "http"] as const)("three replicas under two-phase commit over %s", (transport) => {
  test("are one store to the clients of each of them, whatever the protocol, and agree at once", async () => {
    const cluster = await clusterOf(3, transport);
    for (const [id, protocol] of (["tcp", "udp", "http"] as const).entries()) {
      await cluster.client(id, protocol).put(`from-${id}`, protocol);
    }
    for (const id of [0, 1, 2]) {
      const client = cluster.client(id, "rpc");
      expect(await client.count({ prefix: "from-" })).toBe(3);
      expect((await client.get("from-1"))?.value).toBe("udp");
    }
    await until("all are at the same revision", async () => {
      const pages = await Promise.all([0, 1, 2].map((id) => cluster.status(id)));
      return new Set(pages.map(({ store }) => store.revision)).size === 1;
    });
  });

  test("refuse writes without one, name it on every page, read on, and take writes when it is back", async () => {
    const cluster = await clusterOf(3, transport);
    await cluster.client(0).put("a", "1");
    await cluster.stop(2);
    await until("it knows who is missing", async () => (await fetch(`${cluster.url(0)}/readyz`)).status === 503);
    expect(await (await fetch(`${cluster.url(0)}/readyz`)).json()).toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
      detail: expect.stringMatching(/replica 3/),
    });
    for (const protocol of ["tcp", "udp", "http", "rpc"] as const) {
      const client = cluster.client(0, protocol, 1000);
      await expect(client.put("a", "2")).rejects.toThrow(/replica 3/);
      expect((await client.get("a"))?.value).toBe("1");
      expect(await client.count({ prefix: "a" })).toBe(1);
    }
    const { twoPhase } = (await cluster.status(0)).replication;
    expect(twoPhase).toMatchObject({ id: 0, replicas: 3, role: "participant", missing: [2], mayVote: true });
    const metrics = await (await fetch(`${cluster.url(0)}/metrics`)).text();
    for (const line of ["ready 0", "may_vote 1", "missing_replicas 1", "in_doubt_transactions 0", "replicas 3"]) {
      expect(metrics).toContain(`\nkvpaxos_${line}\n`);
    }
    expect(metrics).toContain('protocol="2pc"');
    expect(metrics).not.toContain("kvpaxos_is_leader");
    const resp = await SocketClient.connect(cluster.peers[0]!.port);
    const info = String(await resp.call("INFO", "replication"));
    for (const line of ["role:master", "kvpaxos_protocol:2pc", "kvpaxos_role:participant", "kvpaxos_missing:2"]) {
      expect(info).toContain(`${line}\r\n`);
    }
    resp.close();
    await (await cluster.start(2)).ready();
    await cluster.client(2).put("a", "3");
    expect((await cluster.client(0).get("a"))?.value).toBe("3");
    const ready = await fetch(`${cluster.url(2)}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready" }]);
  });
});

describe("a data directory", () => {
  const protocols = ["none", "2pc", "paxos"] as const;
  const pairs = protocols.flatMap((made) => protocols.filter((other) => other !== made).map((other) => [made, other]));

  async function optionsOf(protocol: string, dataDir: string): Promise<ServerOptions> {
    const port = (await freePorts(1))[0]!;
    const common: ServerOptions = { port, httpPort: 0, dataDir };
    const peers = [{ host: "127.0.0.1", port }];
    return protocol === "none"
      ? common
      : { ...common, cluster: { id: 0, peers, protocol: protocol as "2pc" | "paxos" } };
  }

  test.each(pairs)("made under %s is refused under %s, by the names of both", async (made, other) => {
    const dataDir = join(folder, `${made}-${other}`);
    const server = await startServer(await optionsOf(made!, dataDir));
    await server.ready();
    const client = await SocketClient.connect(server.addresses.tcp.port);
    expect(await client.call("SET", "a", "1")).toBe("+OK\r\n");
    client.close();
    await server.close();
    const named = { none: /without replicas/, "2pc": /--replication 2pc/, paxos: /--replication paxos/ };
    const taken = startServer(await optionsOf(other!, dataDir));
    const refusal = await taken.then((server) => server.close().then(() => "it was taken"), String);
    expect(refusal).toMatch(named[made as keyof typeof named]);
    expect(refusal).toMatch(named[other as keyof typeof named]);
  });
});
