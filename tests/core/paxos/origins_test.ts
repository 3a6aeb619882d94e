import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../../src/codec/byte_reader.ts";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { Origins } from "../../../src/core/paxos/origins.ts";

const batch = new Uint8Array(0);
const proposals = fc.array(
  fc.record({
    origin: fc.nat(3),
    life: fc.integer({ min: 1, max: 3 }),
    number: fc.integer({ min: 1, max: 5 }),
    batch: fc.constant(batch),
  }),
  { maxLength: 100 },
);

function copyOf(origins: Origins): Origins {
  const writer = new ByteWriter(16);
  origins.write(writer);
  return Origins.read(new ByteReader(writer.take()));
}

describe("which batches were applied", () => {
  test("each at most once, those of a life in their order, and none of a life that is over", () => {
    fc.assert(fc.property(proposals, (all) => {
      const origins = new Origins();
      const applied: { life: number; number: number }[][] = [[], [], [], []];
      for (const proposal of all) if (origins.admit(proposal)) applied[proposal.origin]!.push(proposal);
      for (const [origin, ofOrigin] of applied.entries()) {
        let last = { life: 0, number: 0 };
        for (const { life, number } of ofOrigin) {
          expect(life).toBeGreaterThanOrEqual(last.life);
          expect(number).toBe(life === last.life ? last.number + 1 : 1);
          last = { life, number };
        }
        expect(origins.lastOf(origin, last.life)).toBe(last.number);
        expect(origins.lastOf(origin, last.life + 1)).toBe(0);
      }
    }));
  });

  test("a copy that went through bytes decides alike ever after", () => {
    fc.assert(fc.property(proposals, proposals, (before, after) => {
      const origins = new Origins();
      for (const proposal of before) origins.admit(proposal);
      const copy = copyOf(origins);
      for (const proposal of after) expect(copy.admit(proposal)).toBe(origins.admit(proposal));
    }));
  });

  test("one that comes before its predecessor is passed over, and taken when it comes again", () => {
    const origins = new Origins();
    const [first, second] = [1, 2].map((number) => ({ origin: 2, life: 4, number, batch }));
    expect([second!, first!, second!, first!].map((each) => origins.admit(each))).toEqual([false, true, true, false]);
  });
});
