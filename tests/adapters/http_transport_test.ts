/** The transport over HTTP against peers that do not keep to the protocol, or to the time. */
import { describe, expect, test } from "vitest";
import { serveHttp } from "../../src/adapters/http_serve.ts";
import { encodeFrame, TYPE_PING } from "../../src/adapters/peers/frame.ts";
import type { Hello } from "../../src/adapters/peers/hello.ts";
import { headersOf } from "../../src/adapters/peers/http_hello.ts";
import { bytesOf } from "../../src/adapters/peers/http_sessions.ts";
import { digestOf, macOf, proofOf } from "../../src/adapters/peers/proof.ts";
import { concatBytes } from "../../src/codec/bytes.ts";
import { loneReplicas, messageFrame as message, postFrames as post } from "../contract/transport/lone_replica.ts";
import { helloOf } from "../contract/transport/raw_peer.ts";
import { openDoor, type Overrides, type SocketNode, startNode } from "../contract/transport/socket_cluster.ts";
import { numbered, numbersOf, upTo } from "../contract/transport/transport_contract.ts";
import { until } from "../support/resp_client.ts";
import { keepSecret } from "../support/secrets/secrets.ts";

const { called: replica, calling, atEnd } = loneReplicas("http");
const hello = headersOf(helloOf("c"));

/** A replica 0 that calls a peer played by the test. */
async function caller(answer: (request: Request) => Promise<Response>, overrides?: Overrides): Promise<SocketNode> {
  const server = await serveHttp({ fetch: answer, host: "127.0.0.1", port: 0 });
  atEnd(() => server.close(0));
  return await calling(server.port, overrides);
}

describe("a replica that is called over HTTP", () => {
  test("takes the frames of a request, and those of a repeated one once", async () => {
    const { node, port } = await replica();
    const first = { ...hello, "KV-Peer-Sequence": "1" };
    const frames = concatBytes(upTo(20).map((n) => message(n, 8 + n * 100)));
    expect((await post(port, first, frames)).status).toBe(204);
    expect((await post(port, first, frames)).status).toBe(204);
    expect(numbersOf(node.arrivals)).toEqual(upTo(20));
    expect((await post(port, { ...hello, "KV-Peer-Sequence": "2" }, message(30))).status).toBe(204);
    expect(node.arrivals).toHaveLength(21);
  });

  test.each([
    ["a damaged frame", message(1, 100).fill(7, 50), "a frame of 100 bytes with a wrong checksum"],
    ["half a frame", message(1, 100).subarray(0, 99), "a body that ends within a frame"],
    ["garbage", new Uint8Array(50).fill(200), "bytes that are no frame"],
    ["a frame of another kind", encodeFrame(TYPE_PING), "a frame of type 5 out of turn"],
    ["a frame beyond the limit", message(1, 2000), "a frame of 2000 bytes, where 1000 is the most"],
  ])("refuses the rest of a request with %s, and says so", async (_, bytes, why) => {
    const { node, port } = await replica({ maxFrame_bytes: 1000 });
    const body = concatBytes([message(0), bytes, message(2)]);
    const answer = await post(
      port,
      { ...hello, "KV-Peer-Sequence": "1" },
      why.includes("ends") ? concatBytes([message(0), bytes]) : body,
    );
    expect(answer).toMatchObject({ status: 400, type: "application/problem+json", problem: { code: "BAD_FRAME" } });
    expect(String(answer.problem["detail"])).toContain(why);
    expect(numbersOf(node.arrivals)).toEqual([0]);
    expect(node.said.filter((line) => line.includes(why))).toHaveLength(1);
  });

  test.each([
    ["another cluster", headersOf(helloOf("d")), 409, "OTHER_CLUSTER"],
    ["nothing to be known by", { "Content-Type": "application/octet-stream" }, 400, "BAD_FRAME"],
    ["a number that is none", { ...hello, "KV-Peer-From": "-1" }, 400, "BAD_FRAME"],
  ])("refuses a caller with %s by a problem", async (_, headers, status, code) => {
    const { node, port } = await replica();
    const answer = await post(port, { "KV-Peer-Sequence": "1", ...headers }, message(1));
    expect(answer).toMatchObject({ status, type: "application/problem+json", problem: { code, status } });
    expect(node.arrivals).toEqual([]);
  });

  describe("and has a secret", () => {
    const secret = keepSecret("a secret of 24 characters");

    /** The headers of a request with a proof, as a replica that knows `known` makes them. */
    function proved(
      challenge: string,
      sequence: number,
      bytes: Uint8Array,
      known: string = secret,
      said: Hello = helloOf("c"),
    ): Record<string, string> {
      const key = proofOf(known, "session", said, bytesOf(challenge));
      const digest = digestOf(bytes);
      return {
        ...headersOf(said),
        "KV-Peer-Sequence": String(sequence),
        "KV-Peer-Challenge": challenge,
        "KV-Peer-Digest": digest,
        "KV-Peer-Mac": macOf(key, "request", sequence, digest),
      };
    }

    async function challengeOf(port: number, said = helloOf("c")): Promise<string> {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/peer/frames`, {
        method: "POST",
        headers: { ...headersOf(said), "KV-Peer-Sequence": "1" },
      });
      expect(answer.status).toBe(401);
      expect(await answer.text()).not.toContain("127.0.0.1");
      return answer.headers.get("kv-peer-challenge")!;
    }

    test("tells a caller without it nothing of the cluster, and hears who proves that it knows it", async () => {
      const { node, port } = await replica({ secret });
      const challenge = await challengeOf(port, helloOf("other"));
      expect(challenge).toMatch(/^[0-9a-f]{64}$/);
      expect((await post(port, proved(challenge, 1, message(1)), message(1))).status).toBe(204);
      expect((await post(port, proved(challenge, 2, message(2)), message(2))).status).toBe(204);
      expect(numbersOf(node.arrivals)).toEqual([1, 2]);
    });

    test("refuses another secret, and a nonce is good for one attempt", async () => {
      const { node, port } = await replica({ secret });
      const challenge = await challengeOf(port);
      const wrong = await post(
        port,
        proved(challenge, 1, message(1), keepSecret("another secret of characters")),
        message(1),
      );
      expect(wrong).toMatchObject({ status: 401, problem: { code: "UNAUTHENTICATED" } });
      expect(node.said.join("\n")).toMatch(/refused a call over HTTP: .* has another cluster secret/);
      const late = await post(port, proved(challenge, 1, message(1)), message(1));
      expect(late).toMatchObject({ status: 401, problem: { code: "CHALLENGE" } });
      expect(node.arrivals).toEqual([]);
      expect(node.said.join("\n")).not.toContain(secret);
    });

    test("hears nothing that was overheard again, nor anything that was changed on the way", async () => {
      const { node, port } = await replica({ secret });
      const first = await challengeOf(port);
      const overheard = proved(first, 1, message(1));
      expect((await post(port, overheard, message(1))).status).toBe(204);
      // As it was.
      expect((await post(port, overheard, message(1))).status).toBe(204);
      // With another number, another body, another life of the sender, in another session.
      expect((await post(port, { ...overheard, "KV-Peer-Sequence": "2" }, message(1))).status).toBe(401);
      const other = proved(first, 2, message(2));
      expect(await post(port, other, message(3))).toMatchObject({ status: 400, problem: { code: "BAD_FRAME" } });
      const reborn = { ...overheard, "KV-Peer-Incarnation": "1800000000000-ffffffffffffffff" };
      expect((await post(port, reborn, message(1))).status).toBe(401);
      expect((await post(port, { ...overheard, "KV-Peer-From": "1" }, message(1))).status).toBe(401);
      const second = await challengeOf(port);
      expect((await post(port, proved(second, 3, message(4)), message(4))).status).toBe(204);
      expect(await post(port, overheard, message(1))).toMatchObject({ status: 401, problem: { code: "CHALLENGE" } });
      expect(numbersOf(node.arrivals)).toEqual([1, 4]);
    });
  });

  test("asks callers to come again once it is closed", async () => {
    const { node, port } = await replica();
    node.transport.close();
    const answer = await post(port, { ...hello, "KV-Peer-Sequence": "1" }, message(1));
    expect(answer).toMatchObject({ status: 503, problem: { code: "NOT_READY", retryable: true } });
  });
});

describe("a replica that calls over HTTP", () => {
  test("has one request in flight, and sends what gathers meanwhile in the next", async () => {
    let waiting: (() => void)[] = [];
    let isOpen = true;
    let most = 0;
    const bodies: number[] = [];
    const node = await caller(async (request) => {
      const body = await request.arrayBuffer();
      bodies.push(body.byteLength);
      if (!isOpen) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          most = Math.max(most, waiting.length);
        });
      }
      return new Response(null, { status: 204 });
    }, { maxQueue_bytes: 1_000_000, maxFrame_bytes: 100_000, pingEvery_ms: 60_000 });
    const status = (): ReturnType<typeof node.transport.status>[number] => node.transport.status()[0]!;
    await until(() => status().isConnected, "it is connected");
    isOpen = false;
    node.transport.send(1, numbered(0, 1000));
    await until(() => waiting.length === 1, "the first is under way");
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 10; j++) node.transport.send(1, numbered(1, 10_000));
      await new Promise((resolve) => setImmediate(resolve));
      expect(status().queued_bytes).toBeLessThanOrEqual(1_000_000);
    }
    expect(status().droppedFrames).toBeGreaterThan(90);
    isOpen = true;
    for (const resume of waiting) resume();
    waiting = [];
    await until(() => status().queued_bytes === 0, "all left");
    expect(most).toBe(1);
    expect(bodies).toHaveLength(3);
    expect(bodies[1]).toBe(1012);
    expect(bodies[2]).toBe((status().sentFrames - 1) * 10_012);
  });

  test("sends no frame a second time when its request fails", async () => {
    let isBroken = false;
    const bodies: number[] = [];
    const node = await caller(async (request) => {
      bodies.push((await request.arrayBuffer()).byteLength);
      return new Response(null, { status: isBroken ? 500 : 204 });
    });
    const isConnected = (): boolean => node.transport.status()[0]!.isConnected;
    await until(isConnected, "it is connected");
    isBroken = true;
    node.transport.send(1, numbered(1, 500));
    await until(() => !isConnected(), "it failed");
    isBroken = false;
    await until(isConnected, "it is connected again");
    expect(bodies.filter((length) => length > 0)).toEqual([512]);
    expect(node.said.some((line) => line.includes("answered with status 500"))).toBe(true);
  });

  test("calls again after a request that was not answered", async () => {
    let calls = 0;
    const node = await caller(() => {
      calls++;
      return calls === 1 ? new Promise<Response>(() => {}) : Promise.resolve(new Response(null, { status: 204 }));
    }, { connectTimeout_ms: 50 });
    await until(() => node.transport.status()[0]!.isConnected, "it called again");
  });

  test("sends frames larger than a request in whole", async () => {
    const { node, port } = await replica();
    const door = await openDoor("http");
    const peers = [{ host: "127.0.0.1", port: door.port }, { host: "127.0.0.1", port }];
    const sender = await startNode("http", { id: 0, peers, cluster: "c" }, door);
    atEnd(() => sender.stop());
    await until(() => sender.transport.status()[0]!.isConnected, "it is connected");
    for (let i = 0; i < 4; i++) sender.transport.send(1, numbered(i, 5_000_000));
    await until(() => node.arrivals.length === 4, "all came");
    expect(numbersOf(node.arrivals)).toEqual(upTo(4));
    expect(sender.transport.status()[0]!.sentFrames).toBe(4);
  });
});

describe("a replica that calls over HTTP and has a secret", () => {
  const secret = keepSecret("a secret of 24 characters");

  test("does not take an answer for one of a replica that cannot prove that it knows it", async () => {
    const bodies: number[] = [];
    const node = await caller(async (request) => {
      bodies.push((await request.arrayBuffer()).byteLength);
      if (request.headers.get("kv-peer-challenge") !== null) {
        return new Response(null, { status: 204, headers: { "KV-Peer-Mac": "0".repeat(64) } });
      }
      const challenge = { "KV-Peer-Challenge": "0".repeat(64), "Content-Type": "application/problem+json" };
      return new Response(JSON.stringify({ code: "CHALLENGE", detail: "" }), { status: 401, headers: challenge });
    }, { secret });
    await until(() => node.transport.status()[0]!.refusal !== null, "it refuses");
    expect(node.transport.status()[0]).toMatchObject({ isConnected: false });
    expect(node.transport.status()[0]!.refusal).toMatch(/did not prove that it knows the cluster secret/);
    expect(Math.max(...bodies)).toBe(0);
  });
});
