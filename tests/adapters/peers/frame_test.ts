import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  FrameReader,
  PeerFrameError,
  TYPE_MESSAGE,
} from "../../../src/adapters/peers/frame.ts";
import { FrameQueue } from "../../../src/adapters/peers/frame_queue.ts";
import { SharedCopies } from "../../../src/adapters/peers/shared_copies.ts";
import { concatBytes, toHex } from "../../../src/codec/bytes.ts";
import { pattern, same } from "../../contract/transport/transport_contract.ts";

/** The bodies in `wire`, which comes in pieces that end at `cuts`. */
function read(wire: Uint8Array, cuts: readonly number[] = [], limit = 1 << 20): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  const reader = new FrameReader(limit, (_, body) => void bodies.push(body.slice()));
  let at = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), wire.length]) {
    reader.push(wire.subarray(at, cut));
    at = cut;
  }
  return bodies;
}

describe("frames between replicas", () => {
  test("have these bytes", () => {
    expect(toHex(encodeFrame(TYPE_MESSAGE, new Uint8Array([1, 2, 3])))).toBe(
      "0300000002040000" + "5ffa9750" + "010203",
    );
    expect(toHex(encodeFrame(TYPE_MESSAGE))).toBe("0000000002040000" + "00000402");
  });

  test("are found however the stream is cut", () => {
    const sizes = fc.oneof(fc.nat(40), fc.constantFrom(4083, 4084, 4085, 9000, 16_384, 70_000));
    fc.assert(fc.property(fc.array(sizes, { maxLength: 12 }), fc.array(fc.nat(1_000_000)), (lengths, cuts) => {
      const bodies = lengths.map((length, i) => pattern(length, i));
      const wire = concatBytes(bodies.map((body) => encodeFrame(TYPE_MESSAGE, body)));
      const found = read(wire, cuts.map((cut) => cut % (wire.length + 1)));
      expect(found.length).toBe(bodies.length);
      expect(found.every((body, i) => same(body, bodies[i]!))).toBe(true);
    }));
  });

  test("are not handed out when any bit of them was turned over", () => {
    const frame = encodeFrame(TYPE_MESSAGE, pattern(20, 1));
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const damaged = frame.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      let bodies: Uint8Array[] = [];
      try {
        bodies = read(damaged, [], 1000);
      } catch (error) {
        expect(error).toBeInstanceOf(PeerFrameError);
      }
      expect(bodies).toEqual([]);
    }
  });

  test("cost little memory when only their length has come", () => {
    const header = encodeFrame(TYPE_MESSAGE, new Uint8Array(0));
    header[3] = 0x3f;
    for (let i = 0; i < 1000; i++) {
      const one = new FrameReader(1 << 30, () => {});
      one.push(header);
      one.push(new Uint8Array(10));
      expect(one.isBetweenFrames).toBe(false);
    }
  });

  test("are handed out as plain bytes, whose copies are copies", () => {
    const wire = Buffer.from(concatBytes([encodeFrame(TYPE_MESSAGE, pattern(9, 1)), new Uint8Array(0)]));
    const seen: Uint8Array[] = [];
    new FrameReader(100, (_, body) => {
      expect(body.constructor).toBe(Uint8Array);
      seen.push(body.slice());
    }).push(wire);
    wire.fill(0);
    expect(same(seen[0]!, pattern(9, 1))).toBe(true);
  });

  test("are handed out no more once the reader is stopped", () => {
    const seen: number[] = [];
    const reader = new FrameReader(100, (_, body) => {
      seen.push(body.length);
      if (body.length === 2) reader.stop();
    });
    reader.push(concatBytes([1, 2, 3].map((length) => encodeFrame(TYPE_MESSAGE, new Uint8Array(length)))));
    reader.push(encodeFrame(TYPE_MESSAGE, new Uint8Array(4)));
    expect(seen).toEqual([1, 2]);
  });
});

describe("a queue of frames", () => {
  test("gives everything back once and in order, however it is taken", () => {
    const sizes = fc.oneof(fc.nat(300), fc.constantFrom(65_535, 65_536, 130_000, 262_144, 600_000));
    const step = fc.oneof(sizes.map((add) => ({ add })), fc.nat(400_000).map((take) => ({ take })));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, isWhole) => {
        const queue = new FrameQueue();
        const bodies: Uint8Array[] = [];
        const taken: Uint8Array[] = [];
        let frames = 0;
        const take = (enough: number): void => {
          const before = queue.bytes;
          const batch = queue.take(enough, isWhole);
          expect(batch.bytes).toBe(before - queue.bytes);
          expect(batch.bytes >= Math.min(before, enough)).toBe(true);
          const wire = concatBytes(batch.chunks);
          if (isWhole) expect(read(wire)).toHaveLength(batch.frames);
          taken.push(wire);
          frames += batch.frames;
        };
        for (const one of steps) {
          if ("take" in one) take(one.take);
          else {
            const body = pattern(one.add, bodies.length);
            bodies.push(body.slice());
            queue.add(TYPE_MESSAGE, body);
            body.fill(0);
          }
        }
        take(Number.POSITIVE_INFINITY);
        expect(queue.bytes).toBe(0);
        expect(queue.frames).toBe(0);
        expect(frames).toBe(bodies.length);
        expect(read(concatBytes(taken)).every((body, i) => same(body, bodies[i]!))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("gathers small frames in few pieces, and never gives out memory that it goes on writing to", () => {
    const queue = new FrameQueue();
    for (let i = 0; i < 1000; i++) queue.add(TYPE_MESSAGE, pattern(100, i));
    const first = queue.take(Number.POSITIVE_INFINITY, false);
    expect(first.chunks.length).toBeLessThanOrEqual(2);
    const copies = first.chunks.map((chunk) => chunk.slice());
    for (let i = 0; i < 3000; i++) queue.add(TYPE_MESSAGE, pattern(100, i + 5000));
    expect(first.chunks.every((chunk, i) => same(chunk, copies[i]!))).toBe(true);
  });

  test("takes no more than asked for, by more than a piece", () => {
    const queue = new FrameQueue();
    for (let i = 0; i < 10; i++) queue.add(TYPE_MESSAGE, new Uint8Array(1_000_000));
    expect(queue.bytes).toBe(10 * (1_000_000 + FRAME_HEADER_BYTES));
    expect(queue.take(256 * 1024, false).bytes).toBeLessThanOrEqual(512 * 1024);
    expect(queue.clear()).toBe(10);
    expect(queue.bytes).toBe(0);
    expect(queue.take(1, true)).toEqual({ chunks: [], bytes: 0, frames: 0 });
  });

  test("that are large are copied once for all peers, and not shared once they have changed", () => {
    const copies = new SharedCopies();
    const [one, other] = [new FrameQueue(copies), new FrameQueue(copies)];
    const body = pattern(200_000, 1);
    one.add(TYPE_MESSAGE, body);
    other.add(TYPE_MESSAGE, body);
    body[100_000]! ^= 1;
    other.add(TYPE_MESSAGE, body);
    copies.forget();
    one.add(TYPE_MESSAGE, body);
    const memoryOf = (
      chunks: readonly Uint8Array[],
    ): ArrayBufferLike[] => [...new Set(chunks.filter(({ length }) => length > 1000).map(({ buffer }) => buffer))];
    const [first, second] = [one.take(1 << 30, true).chunks, other.take(1 << 30, true).chunks];
    expect([memoryOf(first).length, memoryOf(second).length]).toEqual([2, 2]);
    expect(memoryOf([...first, ...second]).length).toBe(3);
    const changed = body.slice();
    changed[100_000]! ^= 1;
    for (const chunks of [first, second]) {
      const bodies = read(concatBytes(chunks));
      expect([same(bodies[0]!, changed), same(bodies[1]!, body)]).toEqual([true, true]);
    }
  });
});
