/** The transport over TCP against peers that do not keep to the protocol, or to the time. */
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  PEER_MAGIC,
  TYPE_CHALLENGE,
  TYPE_HELLO,
  TYPE_MESSAGE,
  TYPE_PING,
  TYPE_PONG,
  TYPE_PROOF,
  TYPE_REFUSAL,
  TYPE_WELCOME,
} from "../../src/adapters/peers/frame.ts";
import { decodeHello, decodeRefusal, encodeRefusal } from "../../src/adapters/peers/hello.ts";
import { proofOf } from "../../src/adapters/peers/proof.ts";
import { concatBytes } from "../../src/codec/bytes.ts";
import { loneReplicas, messageFrame as message } from "../contract/transport/lone_replica.ts";
import { callRaw, helloOf, opening, type RawPeer, type Seen, watchFrames } from "../contract/transport/raw_peer.ts";
import {
  freePort,
  listenTcp,
  type Overrides,
  socketCluster,
  type SocketNode,
} from "../contract/transport/socket_cluster.ts";
import { allConnected, numbered, numbersOf, pattern, same, upTo } from "../contract/transport/transport_contract.ts";
import { until } from "../support/resp_client.ts";
import { keepSecret } from "../support/secrets/secrets.ts";

const { called: replica, calling, atEnd } = loneReplicas("tcp");

async function call(port: number, ...bytes: readonly Uint8Array[]): Promise<RawPeer> {
  const peer = await callRaw(port, concatBytes(bytes));
  atEnd(() => peer.socket.destroy());
  return peer;
}

/** A replica 0 that calls a peer played by the test, which gets every socket. */
async function caller(onSocket: (socket: Socket, seen: Seen[]) => void, overrides?: Overrides): Promise<SocketNode> {
  const server = await listenTcp(0, (socket) => onSocket(socket, watchFrames(socket, true)));
  atEnd(() => server.close());
  return await calling(server.port, overrides);
}

/** A message of which one bit was turned over on the way. */
function damaged(bit: number): Uint8Array {
  const frame = message(1, 100);
  frame[bit >> 3]! ^= 1 << (bit & 7);
  return frame;
}

describe("a replica that is called over TCP", () => {
  test("welcomes a peer, and takes its frames however they are cut", async () => {
    const { node, port } = await replica();
    const wire = concatBytes([opening(helloOf("c")), ...upTo(50).map((n) => message(n, 8 + n * 31))]);
    const peer = await call(port);
    for (let at = 0; at < wire.length; at += 97) {
      peer.socket.write(wire.subarray(at, at + 97));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => node.arrivals.length === 50, "all came");
    expect(numbersOf(node.arrivals)).toEqual(upTo(50));
    expect(peer.seen.map(({ type }) => type)).toEqual([TYPE_WELCOME]);
    peer.socket.write(encodeFrame(TYPE_PING));
    await until(() => peer.seen.length === 2, "an answer came");
    expect(peer.seen[1]!.type).toBe(TYPE_PONG);
  });

  test.each([
    ["a body", 8 * FRAME_HEADER_BYTES + 5, "a frame of 100 bytes with a wrong checksum"],
    ["a checksum", 8 * 8 + 3, "a frame of 100 bytes with a wrong checksum"],
    ["a length", 0, "a frame of 101 bytes with a wrong checksum"],
    ["a version", 8 * 4, "a frame of version 3, where 2 is spoken"],
    ["a type", 8 * 5, "a frame of 100 bytes with a wrong checksum"],
    ["the unused bytes", 8 * 6, "bytes that are no frame"],
  ])("closes the connection on which a bit of %s was damaged, and says so", async (_, bit, why) => {
    const { node, port } = await replica();
    const peer = await call(port, opening(helloOf("c")), message(0), damaged(bit), message(2, 1000));
    await until(() => peer.isClosed(), "the connection was closed");
    expect(numbersOf(node.arrivals)).toEqual([0]);
    const said = node.said.filter((line) => line.includes("closed a connection"));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^warning: closed a connection between replicas from replica 127\.0\.0\.1:\d+: /);
    expect(said[0]).toContain(why);
  });

  test("closes the connection on which a frame beyond the limit is announced, and does not wait for it", async () => {
    const { node, port } = await replica({ maxFrame_bytes: 1000 });
    const header = encodeFrame(TYPE_MESSAGE, new Uint8Array(1001)).subarray(0, FRAME_HEADER_BYTES);
    const peer = await call(port, opening(helloOf("c")), message(0, 1000), header);
    await until(() => peer.isClosed(), "the connection was closed");
    expect(node.arrivals).toHaveLength(1);
    expect(node.said.at(-1)).toContain("a frame of 1001 bytes, where 1000 is the most");
  });

  test.each([
    ["frames before a hello", concatBytes([PEER_MAGIC, message(1)]), "a frame of type 4 before the hello"],
    ["a wrong first word", new Uint8Array([PEER_MAGIC[0]!, 1, 2, 3]), "bytes that no replica begins with"],
    ["a hello that is none", concatBytes([PEER_MAGIC, encodeFrame(TYPE_HELLO, pattern(30, 1))]), ""],
    ["an endless hello", concatBytes([PEER_MAGIC, encodeFrame(TYPE_HELLO, new Uint8Array(20_000))]), "is the most"],
    ["a cluster that cannot be shown", opening(helloOf("c\n")), "cannot be named so"],
    ["a second hello", concatBytes([opening(helloOf("c")), encodeFrame(TYPE_HELLO)]), "out of turn"],
  ])("closes the connection of somebody with %s", async (_, bytes, why) => {
    const { node, port } = await replica();
    const peer = await call(port, bytes);
    await until(() => peer.isClosed(), "the connection was closed");
    expect(node.said.find((line) => line.includes("closed a connection"))).toContain(why);
    expect(node.arrivals).toEqual([]);
  });

  test("closes a connection without a hello after a while, and one that fell silent", async () => {
    const { node, port } = await replica({ connectTimeout_ms: 50, silence_ms: 30 });
    const [mute, half, silent] = [
      await call(port, PEER_MAGIC.subarray(0, 2)),
      await call(port, opening(helloOf("c")).subarray(0, 20)),
      await call(port, opening(helloOf("c"))),
    ];
    await until(() => mute!.isClosed() && half!.isClosed() && silent!.isClosed(), "all were closed");
    expect(node.said.find((line) => line.includes("closed a connection"))).toContain("no hello within 50 ms");
  });

  test("closes the connections of those who are not heard yet when it is closed, and takes no more", async () => {
    const { node, port } = await replica({ connectTimeout_ms: 60_000 });
    const early = await call(port, PEER_MAGIC);
    await until(() => early.socket.bytesWritten > 0, "the first bytes left");
    await new Promise((resolve) => setTimeout(resolve, 50));
    node.transport.close();
    const late = await call(port, opening(helloOf("c")));
    await until(() => early.isClosed() && late.isClosed(), "both were closed");
    expect(late.seen).toEqual([]);
  });

  test("is not hurt by 1,000 connections of garbage", async () => {
    const cluster = await socketCluster("tcp", 2);
    atEnd(() => cluster.end());
    await allConnected(cluster);
    const { port } = cluster.peers[1]!;
    for (let round = 0; round < 10; round++) {
      const peers = await Promise.all(
        upTo(100).map((i) => {
          const bytes = pattern(1 + ((round * 100 + i) * 37) % 3000, i);
          // Half of them know how to begin.
          if (i % 2 === 0) bytes.set(PEER_MAGIC.subarray(0, bytes.length));
          else bytes[0] = PEER_MAGIC[0]!;
          return callRaw(port, bytes);
        }),
      );
      for (const peer of peers) peer.socket.destroy();
    }
    const [a, b] = cluster.nodes;
    a!.transport.send(1, numbered(1));
    await until(() => b!.arrivals.length > 0, "a frame came");
    expect(numbersOf(b!.arrivals)).toEqual([1]);
    expect(b!.said.filter((line) => line.startsWith("warning")).length).toBeLessThan(5);
    expect(a!.transport.status()[0]).toMatchObject({ isConnected: true, droppedFrames: 0 });
  });
});

describe("a replica that calls over TCP", () => {
  test("says who it is, and sends its frames after the welcome", async () => {
    let frames: Seen[] = [];
    const node = await caller((socket, seen) => {
      frames = seen;
      socket.write(encodeFrame(TYPE_WELCOME));
    });
    await until(() => node.transport.status()[0]!.isConnected, "it is connected");
    node.transport.send(1, numbered(7));
    await until(() => frames.some(({ type }) => type === TYPE_MESSAGE), "a frame came");
    expect(frames[0]!.type).toBe(TYPE_HELLO);
    expect(decodeHello(frames[0]!.body)).toMatchObject({
      from: 0,
      to: 1,
      cluster: "c",
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(same(frames.find(({ type }) => type === TYPE_MESSAGE)!.body, numbered(7))).toBe(true);
  });

  test("holds a bounded queue for a peer that reads slowly, and sends on when it reads", async () => {
    const sockets: Socket[] = [];
    let frames: Seen[] = [];
    const node = await caller((socket, seen) => {
      frames = seen;
      sockets.push(socket);
      socket.write(encodeFrame(TYPE_WELCOME));
      socket.pause();
    }, { maxQueue_bytes: 4_000_000, maxFrame_bytes: 300_000, silence_ms: 60_000 });
    const status = (): ReturnType<typeof node.transport.status>[number] => node.transport.status()[0]!;
    await until(() => status().isConnected, "it is connected");
    let sent = 0;
    while (status().droppedFrames === 0) {
      for (let i = 0; i < 20; i++) node.transport.send(1, numbered(sent++, 20_000 + (sent % 7) * 40_000));
      expect(status().queued_bytes).toBeLessThanOrEqual(4_000_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const dropped = status().droppedFrames;
    sockets[0]!.resume();
    const messages = (): Seen[] => frames.filter(({ type }) => type === TYPE_MESSAGE);
    await until(() => messages().length === sent - dropped, "the others came");
    node.transport.send(1, numbered(sent));
    await until(() => messages().length === sent - dropped + 1, "the next one came");
    expect(new Set(messages().map(({ body }) => new DataView(body.buffer).getUint32(0, true))).size).toBe(
      messages().length,
    );
    expect(status()).toMatchObject({ queued_bytes: 0, droppedFrames: dropped, sentFrames: sent - dropped + 1 });
    expect(sockets).toHaveLength(1);
  });

  test("hands a socket no more than it takes: the rest is known to be lost when the connection breaks", async () => {
    const sockets: Socket[] = [];
    const node = await caller((socket) => {
      socket.write(encodeFrame(TYPE_WELCOME));
      sockets.push(socket.pause());
    }, { silence_ms: 60_000, pingEvery_ms: 60_000 });
    const status = (): ReturnType<typeof node.transport.status>[number] => node.transport.status()[0]!;
    await until(() => status().isConnected, "it is connected");
    // More than the system's buffers of a connection take.
    for (let i = 0; i < 50; i++) {
      node.transport.send(1, numbered(i, 1_000_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(status().droppedFrames).toBe(0);
    sockets[0]!.destroy();
    await until(() => status().droppedFrames > 0, "the connection broke");
    expect(status().droppedFrames).toBeGreaterThan(20);
    expect(status().droppedFrames + status().sentFrames).toBe(50);
  });

  test("gives up a connection on which there is no sign of life, and calls again", async () => {
    let calls = 0;
    const node = await caller((socket) => {
      calls++;
      socket.write(encodeFrame(TYPE_WELCOME));
    }, { pingEvery_ms: 10, silence_ms: 60 });
    await until(() => calls >= 3, "it called again");
    expect(node.said.some((line) => line.includes("no sign of life for 60 ms"))).toBe(true);
    expect(node.hints.slice(0, 3)).toEqual(["+1", "-1", "+1"]);
  });

  test("says once why a call cannot be made", async () => {
    const alone = await calling(await freePort());
    await until(() => alone.said.some((line) => line.includes("ECONNREFUSED")), "it said why");
    expect(alone.said).toHaveLength(1);
    expect(alone.transport.status()[0]).toMatchObject({ isConnected: false, refusal: null });
  });

  test("tells of a refusal by a newer version, whatever that means by it", async () => {
    const text = "come back\nwith version 9";
    const body = encodeRefusal({ code: "OTHER_VERSION", message: text });
    const node = await caller((socket) => void socket.end(encodeFrame(TYPE_REFUSAL, body, 9)));
    await until(() => node.transport.status()[0]!.refusal !== null, "it was refused");
    expect(node.transport.status()[0]!.refusal).toBe("come back?with version 9");
  });

  test("calls again when a connection breaks in the middle of a frame, and counts what was lost", async () => {
    let calls = 0;
    const node = await caller((socket) => {
      calls++;
      socket.write(encodeFrame(TYPE_WELCOME));
      let received = 0;
      socket.on("data", (chunk: Uint8Array) => {
        received += chunk.length;
        if (received > 100_000) socket.destroy();
      });
    });
    await until(() => node.transport.status()[0]!.isConnected, "it is connected");
    for (let i = 0; i < 30; i++) node.transport.send(1, numbered(i, 1_000_000));
    await until(() => calls >= 2, "it called again");
    const { sentFrames, droppedFrames, queued_bytes } = node.transport.status()[0]!;
    expect(sentFrames + droppedFrames).toBe(30);
    expect(queued_bytes).toBeLessThan(1000);
  });

  test("closes its connections when it is closed, also those on the way", async () => {
    const sockets: Socket[] = [];
    const node = await caller((socket) => void sockets.push(socket));
    await until(() => sockets.length > 0, "it called");
    node.transport.close();
    await until(() => sockets.every((socket) => socket.readableEnded || socket.destroyed), "all were closed");
    const calls = sockets.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sockets).toHaveLength(calls);
  });
});

describe("replicas with a secret over TCP", () => {
  const secret = keepSecret("a secret of 24 characters");
  const hello = helloOf("c");

  /** Calls as a replica, and answers the challenge by `answer`. */
  async function prove(port: number, answer: (challenge: Uint8Array) => Uint8Array): Promise<Seen[]> {
    const peer = await callRaw(port, opening(hello));
    await until(() => peer.seen.some(({ type }) => type === TYPE_CHALLENGE), "it is challenged");
    peer.socket.write(encodeFrame(TYPE_PROOF, answer(peer.seen[0]!.body)));
    await until(() => peer.seen.length === 2, "it is answered");
    peer.socket.destroy();
    return peer.seen;
  }

  test("hear who proves that it knows it, and prove it in turn", async () => {
    const { port } = await replica({ secret });
    let asked: Uint8Array = new Uint8Array();
    const [, welcome] = await prove(port, (challenge) => proofOf(secret, "caller", hello, asked = challenge));
    expect(welcome!.type).toBe(TYPE_WELCOME);
    expect(same(welcome!.body, proofOf(secret, "called", hello, asked))).toBe(true);
  });

  test("refuse a replayed proof, another secret's, and one for another purpose or another pair", async () => {
    const { node, port } = await replica({ secret });
    let overheard: Uint8Array = new Uint8Array();
    await prove(port, (challenge) => overheard = proofOf(secret, "caller", hello, challenge));
    const attempts: ((challenge: Uint8Array) => Uint8Array)[] = [
      () => overheard,
      (challenge) => proofOf("another secret of characters", "caller", hello, challenge),
      (challenge) => proofOf(secret, "called", hello, challenge),
      (challenge) => proofOf(secret, "caller", { ...hello, from: 1 }, challenge),
      (challenge) => proofOf(secret, "caller", { ...hello, cluster: "d" }, challenge),
      (challenge) => challenge,
      () => new Uint8Array(),
    ];
    for (const attempt of attempts) {
      const [, answer] = await prove(port, attempt);
      expect(answer!.type).toBe(TYPE_REFUSAL);
      expect(decodeRefusal(answer!.body)).toMatchObject({ code: "UNAUTHENTICATED" });
    }
    expect(node.said.join("\n")).toMatch(
      /refused a call from .* has another cluster secret; give every replica the same/,
    );
    expect(node.said.join("\n")).not.toContain(secret);
  });

  test("hear no message before the proof", async () => {
    const { node, port } = await replica({ secret });
    const peer = await callRaw(port, concatBytes([opening(hello), encodeFrame(TYPE_MESSAGE, numbered(1))]));
    await until(() => peer.isClosed(), "it is closed");
    expect(node.arrivals).toEqual([]);
  });

  test("do not take a welcome without a proof for one of a replica", async () => {
    const frames: Seen[][] = [];
    const node = await caller((socket, seen) => {
      frames.push(seen);
      socket.write(concatBytes([
        encodeFrame(TYPE_CHALLENGE, new Uint8Array(32)),
        encodeFrame(TYPE_WELCOME, new Uint8Array(32)),
      ]));
    }, { secret });
    await until(() => node.transport.status()[0]!.refusal !== null, "it refuses");
    expect(node.transport.status()[0]!.refusal).toMatch(/did not prove that it knows the cluster secret/);
    expect(node.transport.status()[0]!.isConnected).toBe(false);
    for (const seen of frames) expect(seen.filter(({ type }) => type === TYPE_MESSAGE)).toEqual([]);
  });
});
