/** What the transports over real sockets promise beyond the contract of all: batches, bounds, and who is refused. */
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/adapters/system_clock.ts";
import type { PeerStatus } from "../../src/ports/transport.ts";
import { until } from "../support/resp_client.ts";
import { loneReplicas, refusalOf, stranger } from "./transport/lone_replica.ts";
import { helloOf } from "./transport/raw_peer.ts";
import {
  type Kind,
  openDoor,
  type Overrides,
  type SocketCluster,
  socketCluster,
  type SocketNode,
  startNode,
} from "./transport/socket_cluster.ts";
import { allConnected, numbered, numbersOf, upTo } from "./transport/transport_contract.ts";
import { keepSecret } from "../support/secrets/secrets.ts";

const RIGHT = keepSecret("the right secret ✓");
const WRONG = keepSecret("the wrong secret ✗");

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function clusterOf(kind: Kind, replicas: number, overrides?: Parameters<typeof socketCluster>[2]): Promise<
  SocketCluster
> {
  const cluster = await socketCluster(kind, replicas, overrides);
  ends.push(() => cluster.end());
  return cluster;
}

function statusOf(node: SocketNode, peer: number): PeerStatus {
  return node.transport.status().find(({ id }) => id === peer)!;
}

function refused(node: SocketNode, peer: number): Promise<void> {
  return until(() => statusOf(node, peer).refusal !== null, "the replica was refused");
}

describe.each(["tcp", "http"] as const)("a transport over %s", (kind) => {
  test("sends the frames of a turn in few writes", async () => {
    const cluster = await clusterOf(kind, 2);
    await allConnected(cluster);
    const [a, b] = cluster.nodes;
    const before = statusOf(a!, 1).writes;
    for (let i = 0; i < 1000; i++) a!.transport.send(1, numbered(i, 100));
    await until(() => b!.arrivals.length === 1000, "all came");
    expect(numbersOf(b!.arrivals)).toEqual(upTo(1000));
    expect(statusOf(a!, 1).writes - before).toBeLessThanOrEqual(2);
  });

  test("tells its owner who can be reached, and who cannot any more", async () => {
    const cluster = await clusterOf(kind, 3);
    await allConnected(cluster);
    const [a] = cluster.nodes;
    expect(a!.hints.toSorted()).toEqual(["+1", "+2"]);
    await cluster.stop(2);
    await until(() => a!.hints.length === 3, "it was told");
    await cluster.restart(2);
    await until(() => a!.hints.length === 4, "it was told");
    expect(a!.hints.slice(2)).toEqual(["-2", "+2"]);
    const heard = a!.said.filter((line) => line.includes(`:${cluster.peers[2]!.port}`));
    expect(heard.filter((line) => line.startsWith("info: connected to"))).toHaveLength(2);
    expect(heard.filter((line) => line.startsWith("warning: lost the connection"))).toHaveLength(1);
  });

  test("throws for a frame that no replica would take", async () => {
    const { nodes: [a] } = await clusterOf(kind, 2, () => ({ maxFrame_bytes: 1000 }));
    expect(() => a!.transport.send(1, new Uint8Array(1001))).toThrow(
      /1001 bytes to replica 127\.0\.0\.1:\d+: the limit is 1000; .*maxFrame_bytes/,
    );
  });

  test("drops what goes beyond the queue, and counts it", async () => {
    const cluster = await clusterOf(kind, 2, () => ({
      maxFrame_bytes: 100_000,
      maxQueue_bytes: 200_000,
      pingEvery_ms: 60_000,
    }));
    await allConnected(cluster);
    const [a, b] = cluster.nodes;
    for (let i = 0; i < 10; i++) a!.transport.send(1, numbered(i, 50_000));
    expect(statusOf(a!, 1)).toMatchObject({ droppedFrames: 7, queued_bytes: 3 * 50_012 });
    await until(() => b!.arrivals.length === 3 && statusOf(a!, 1).queued_bytes === 0, "the others came");
    expect(numbersOf(b!.arrivals)).toEqual([0, 1, 2]);
    expect(statusOf(a!, 1).sentFrames).toBe(3);
  });

  test("refuses a replica of another cluster, and names both", async () => {
    const cluster = await clusterOf(kind, 2, (id) => (id === 0 ? {} : { cluster: "a:1,b:2" }));
    const [a, b] = cluster.nodes;
    const list = cluster.peers.map(({ host, port }) => `${host}:${port}`).join(",");
    await Promise.all([refused(a!, 1), refused(b!, 0)]);
    expect(statusOf(a!, 1).refusal).toContain(`one of the replicas a:1,b:2, the caller one of ${list}`);
    expect(statusOf(b!, 0).refusal).toContain(`one of the replicas ${list}, the caller one of a:1,b:2`);
    a!.transport.send(1, numbered(1));
    expect(statusOf(a!, 1)).toMatchObject({ isConnected: false, droppedFrames: 1 });
    // Calls go on; the operator heard of it once as a caller, and once as one that was called.
    await until(() => b!.said.some((line) => line.includes("refused a call")), "both sides said so");
    expect(a!.said.filter((line) => line.includes("does not hear this replica"))).toHaveLength(1);
    expect(b!.arrivals).toEqual([]);
  });

  test("is heard as soon as what it was refused for is mended", async () => {
    const cluster = await clusterOf(kind, 2, (id) => ({ secret: id === 0 ? RIGHT : WRONG }));
    const [a, b] = cluster.nodes;
    await Promise.all([refused(a!, 1), refused(b!, 0)]);
    expect(statusOf(b!, 0).refusal).toMatch(/has another cluster secret; give every replica the same/);
    await cluster.stop(1);
    const again = await startNode(kind, {
      id: 1,
      peers: cluster.peers,
      cluster: cluster.peers.map(({ host, port }) => `${host}:${port}`).join(","),
      secret: RIGHT,
    });
    ends.push(() => again.stop());
    await until(() => statusOf(a!, 1).isConnected && statusOf(again, 0).isConnected, "both are connected");
    expect(statusOf(a!, 1).refusal).toBe(null);
  });

  test("asks for the secret, and hears nobody who does not ask for it", async () => {
    const cluster = await clusterOf(kind, 3, (id) => (id === 2 ? {} : { secret: RIGHT }));
    const [a, b, c] = cluster.nodes;
    await until(() => statusOf(a!, 1).isConnected && statusOf(b!, 0).isConnected, "the two are connected");
    await refused(c!, 0);
    expect(statusOf(c!, 0).refusal).toMatch(/asks for a cluster secret; give every replica the same/);
    await refused(a!, 2);
    expect(statusOf(a!, 2).refusal).toMatch(/asks for no cluster secret, and this replica has one/);
    expect(statusOf(a!, 2).isConnected).toBe(false);
    for (const { said } of cluster.nodes) expect(said.join("\n")).not.toContain(RIGHT);
  });

  test("refuses a replica that meant another", async () => {
    const cluster = await clusterOf(kind, 3, (id, peers) => ({
      peers: id === 0 ? [peers[0]!, peers[2]!, peers[1]!] : peers,
    }));
    const [a] = cluster.nodes;
    await refused(a!, 1);
    const [, one, two] = cluster.peers;
    expect(statusOf(a!, 1).refusal).toContain(
      `you reached replica 127.0.0.1:${two!.port}, not replica 127.0.0.1:${one!.port}`,
    );
  });

  test("refuses a replica that mistakes a number, and one that there is not", async () => {
    const cluster = await clusterOf(kind, 2);
    await allConnected(cluster);
    const name = cluster.peers.map(({ host, port }) => `${host}:${port}`).join(",");
    const doors = [await openDoor(kind), await openDoor(kind)];
    const [stray, other] = doors.map(({ port }) => ({ host: "127.0.0.1", port }));
    // It believes to be replica 1, and that replica 1 is number 0.
    const twin = await startNode(kind, { id: 1, peers: [cluster.peers[1]!, stray!], cluster: name }, doors[0]);
    ends.push(() => twin.stop());
    await refused(twin, 0);
    expect(statusOf(twin, 0).refusal).toContain(`you reached replica 127.0.0.1:${cluster.peers[1]!.port}, not`);
    const peers = [...cluster.peers, stray!, other!];
    const fourth = await startNode(kind, { id: 3, peers, cluster: name }, doors[1]);
    ends.push(() => fourth.stop());
    await refused(fourth, 0);
    expect(statusOf(fourth, 0).refusal).toContain("there are 2 replicas, and none is number 3");
  });

  test("hears the process that started last of two with one number, and tells the other", async () => {
    const cluster = await clusterOf(kind, 2);
    await allConnected(cluster);
    const [a, b] = cluster.nodes;
    const name = cluster.peers.map(({ host, port }) => `${host}:${port}`).join(",");
    const started = async (shift_ms: number): Promise<SocketNode> => {
      const clock = { ...systemClock, now: () => systemClock.now() + shift_ms };
      const door = await openDoor(kind);
      const peers = [{ host: "127.0.0.1", port: door.port }, cluster.peers[1]!];
      const twin = await startNode(kind, { id: 0, peers, cluster: name, clock }, door);
      ends.push(() => twin.stop());
      return twin;
    };
    const earlier = await started(-60_000);
    await refused(earlier, 1);
    expect(statusOf(earlier, 1).refusal).toContain("hears another process as replica");
    const later = await started(60_000);
    await until(() => statusOf(later, 1).isConnected, "the later one is heard");
    await refused(a!, 1);
    later.transport.send(1, numbered(5));
    await until(() => b!.arrivals.length > 0, "its frame came");
    expect(numbersOf(b!.arrivals)).toEqual([5]);
  });

  const { called, calling, atEnd } = loneReplicas(kind);

  test.each([
    ["another version", helloOf("c"), 3, "OTHER_VERSION", /speaks version 2 .* the caller version 3/],
    ["another cluster", helloOf("d"), 2, "OTHER_CLUSTER", /one of the replicas c, the caller one of d/],
    ["another addressee", helloOf("c", { to: 0 }), 2, "WRONG_ADDRESSEE", /you reached replica .*, not replica/],
    ["its own number", helloOf("c", { from: 1 }), 2, "DUPLICATE_ID", /you say that you are .* and so am I/],
    ["no number of a replica", helloOf("c", { from: 2 }), 2, "UNKNOWN_REPLICA", /there are 2 replicas/],
  ])("tells a caller with %s why it is not heard", async (_, hello, version, code, text) => {
    const { node, port } = await called();
    expect(await refusalOf(kind, port, hello, version)).toEqual([code, expect.stringMatching(text)]);
    expect(node.arrivals).toEqual([]);
  });

  test("gives up a call that is not answered", async () => {
    const peer = await stranger(kind, true);
    atEnd(() => peer.close());
    const node = await calling(peer.port, { connectTimeout_ms: 30 });
    await until(() => node.said.some((line) => line.includes("no answer within 30 ms")), "it gave up");
    expect(statusOf(node, 1).isConnected).toBe(false);
  });

  test("says that what answers is no replica", async () => {
    const peer = await stranger(kind, false);
    atEnd(() => peer.close());
    const node = await calling(peer.port);
    await refused(node, 1);
    expect(statusOf(node, 1).refusal).toContain(
      kind === "tcp" ? "what answers there is no replica" : "no replica over HTTP: it answered with status 404",
    );
  });

  test("refuses options that cannot be meant", async () => {
    const peers = [{ host: "h", port: 1 }, { host: "h", port: 2 }];
    const start = (options: Overrides): Promise<SocketNode> =>
      startNode(kind, { id: 0, peers, cluster: "c", ...options });
    await expect(start({ id: 2 })).rejects.toThrow("replica 2 is none of the 2 peers");
    await expect(start({ cluster: "" })).rejects.toThrow("1 to 4,096 visible ASCII characters");
    await expect(start({ maxQueue_bytes: 10 })).rejects.toThrow("must fit into the queue (10 bytes)");
    await expect(start({ maxFrame_bytes: 0 })).rejects.toThrow("maxFrame_bytes is 0");
  });
});
