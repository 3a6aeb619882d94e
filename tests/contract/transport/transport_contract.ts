/**
 * What every transport between replicas promises, as one suite that each of them passes.
 *
 * @module
 */
import { describe, expect, test } from "vitest";
import type { ReplicaId, Transport } from "../../../src/ports/transport.ts";

/** A frame that came. */
export interface Arrival {
  readonly from: ReplicaId;
  readonly body: Uint8Array;
}

/** A replica that only listens. */
export interface Node {
  readonly transport: Transport;
  /** What came, copied. */
  readonly arrivals: Arrival[];
  /** The hints that it got: `+1` for a peer that can be reached, `-1` for one that cannot. */
  readonly hints: string[];
}

/** Replicas that can reach each other. */
export interface Cluster {
  readonly nodes: readonly Node[];
  /** Stops a replica, as when its process ends. */
  stop(id: ReplicaId): Promise<void>;
  /** Starts a stopped replica at the same address. */
  restart(id: ReplicaId): Promise<void>;
  /** Lets time pass until `holds`, within generous bounds. */
  until(holds: () => boolean, what: string): Promise<void>;
  end(): Promise<void>;
}

/** Notes what a transport delivers, and listens on it. */
export function listenOn(transport: Transport): Node {
  const arrivals: Arrival[] = [];
  const hints: string[] = [];
  transport.listen({
    onMessage: (from, body) => {
      const copy = new Uint8Array(body.length);
      copy.set(body);
      arrivals.push({ from, body: copy });
      // Nobody may have kept it, and if the transport uses its memory twice, nothing of this may be seen again.
      body.fill(0xee);
    },
    onPeer: (peer, isConnected) => void hints.push(`${isConnected ? "+" : "-"}${peer}`),
  });
  return { transport, arrivals, hints };
}

/** Bytes that tell where they belong. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A frame of 8 bytes or more that carries a number. */
export function numbered(number: number, length = 8): Uint8Array {
  const bytes = pattern(length, number);
  new DataView(bytes.buffer).setUint32(0, number, true);
  return bytes;
}

/** The numbers of frames, sorted. */
export function numbersOf(arrivals: readonly Arrival[]): number[] {
  return arrivals.map(({ body }) => new DataView(body.buffer).getUint32(0, true)).sort((a, b) => a - b);
}

/** 0 to `count` − 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Whether two byte arrays are the same; `expect` takes seconds for megabytes. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Waits until every replica can reach every other. */
export function allConnected(cluster: Cluster): Promise<void> {
  return cluster.until(
    () => cluster.nodes.every(({ transport }) => transport.status().every(({ isConnected }) => isConnected)),
    "all are connected",
  );
}

/** Makes a `describe` block for the transport whose clusters `make` makes. */
export function describeTransport(name: string, make: (replicas: number) => Promise<Cluster>): void {
  async function withCluster(replicas: number, use: (cluster: Cluster) => Promise<void>): Promise<void> {
    const cluster = await make(replicas);
    try {
      await allConnected(cluster);
      await use(cluster);
    } finally {
      await cluster.end();
    }
  }

  describe(name, () => {
    test.each([0, 1, 200, 65_535, 65_536, 1 << 20, 8 << 20])(
      "delivers a frame of %i bytes whole",
      (length) =>
        withCluster(2, async ({ nodes: [a, b], until }) => {
          const body = pattern(length, length);
          a!.transport.send(1, body);
          // A copy was taken.
          const sent = body.slice();
          body.fill(1);
          await until(() => b!.arrivals.length > 0, "it came");
          expect(b!.arrivals).toHaveLength(1);
          expect(b!.arrivals[0]!.from).toBe(0);
          expect(same(b!.arrivals[0]!.body, sent)).toBe(true);
          expect(a!.arrivals).toEqual([]);
        }),
    );

    test("delivers frames of all sizes among each other, once each, in both directions", () =>
      withCluster(3, async ({ nodes, until }) => {
        const sizes = [0, 1, 7, 4083, 4084, 4085, 70_000, 131_060, 131_072, 300_000, 12, 500_000, 3, 65_536];
        const expected = nodes.map(() => new Map<string, number>());
        const keyOf = ({ from, body }: Arrival): string => `${from} ${body.length} ${body.reduce((a, b) => a + b, 0)}`;
        for (const [from, node] of nodes.entries()) {
          for (const [to, seen] of expected.entries()) {
            if (to === from) continue;
            for (const [i, size] of sizes.entries()) {
              const body = pattern(size, from * 100 + to * 10 + i);
              node.transport.send(to, body);
              seen.set(keyOf({ from, body }), 1);
            }
          }
        }
        await until(() => nodes.every(({ arrivals }) => arrivals.length >= 2 * sizes.length), "all came");
        for (const [to, { arrivals }] of nodes.entries()) {
          expect(arrivals.map(keyOf).toSorted()).toEqual([...expected[to]!.keys()].toSorted());
        }
      }));

    test("delivers many frames of many turns, none invented and none repeated", () =>
      withCluster(2, async ({ nodes: [a, b], until }) => {
        const count = 5000;
        for (let i = 0; i < count; i++) {
          a!.transport.send(1, numbered(i, 8 + (i % 90)));
          if (i % 500 === 499) await until(() => true, "a turn passed");
        }
        await until(() => b!.arrivals.length >= count, "all came");
        expect(numbersOf(b!.arrivals)).toEqual(upTo(count));
        const [status] = a!.transport.status();
        expect(status).toMatchObject({ id: 1, isConnected: true, refusal: null, sentFrames: count, droppedFrames: 0 });
        expect(b!.transport.status()[0]).toMatchObject({ id: 0, receivedFrames: count });
      }));

    test("never throws for a peer that is away, and delivers again when it is back", () =>
      withCluster(3, async (cluster) => {
        const { nodes, until } = cluster;
        await cluster.stop(1);
        await until(() => nodes[0]!.transport.status()[0]!.isConnected === false, "it is known to be away");
        for (let i = 0; i < 1000; i++) nodes[0]!.transport.send(1, numbered(7));
        expect(nodes[0]!.transport.status()[0]!.queued_bytes).toBe(0);
        nodes[0]!.transport.send(2, numbered(1));
        await until(() => nodes[2]!.arrivals.length === 1, "the other peer heard");

        await cluster.restart(1);
        await allConnected(cluster);
        nodes[0]!.transport.send(1, numbered(2));
        nodes[1]!.transport.send(0, numbered(3));
        // What was sent to the peer while it was away may come late, or never.
        const heardNow = (): number[] => numbersOf(nodes[1]!.arrivals).filter((number) => number !== 7);
        await until(() => heardNow().length > 0 && nodes[0]!.arrivals.length > 0, "both heard");
        expect(heardNow()).toEqual([2]);
        expect(numbersOf(nodes[0]!.arrivals)).toEqual([3]);
      }));

    test("refuses a receiver that there is not", () =>
      withCluster(2, ({ nodes: [a] }) => {
        expect(() => a!.transport.send(0, new Uint8Array(1))).toThrow("replica 0 cannot send to 0");
        expect(() => a!.transport.send(2, new Uint8Array(1))).toThrow("replica 0 cannot send to 2");
        expect(() => a!.transport.send(0.5, new Uint8Array(1))).toThrow("replica 0 cannot send to 0.5");
        return Promise.resolve();
      }));

    test("has one owner", () =>
      withCluster(2, ({ nodes: [a] }) => {
        expect(() => a!.transport.listen({ onMessage: () => {} })).toThrow("has a listener already");
        return Promise.resolve();
      }));

    test("says and delivers nothing once it is closed", () =>
      withCluster(2, async ({ nodes: [a, b], until }) => {
        for (let i = 0; i < 100; i++) a!.transport.send(1, numbered(i, 50_000));
        b!.transport.close();
        const hints = b!.hints.length;
        const arrivals = b!.arrivals.length;
        b!.transport.send(0, new Uint8Array(1));
        b!.transport.close();
        await until(() => a!.transport.status()[0]!.isConnected === false, "the peer knows");
        a!.transport.close();
        expect(b!.arrivals).toHaveLength(arrivals);
        expect(b!.hints).toHaveLength(hints);
        expect(a!.arrivals).toEqual([]);
        expect(b!.transport.status()[0]).toMatchObject({ isConnected: false, queued_bytes: 0 });
      }));
  });
}
