import fc from "fast-check";
import { expect, test } from "vitest";
import { textToBytes } from "../../src/codec/bytes.ts";
import { crc32, portableCrc32 } from "../../src/codec/checksum.ts";

test("crc32 is that of IEEE 802.3, natively and portably", () => {
  for (const compute of [crc32, portableCrc32]) {
    expect(compute(textToBytes("123456789"))).toBe(0xcbf43926);
    expect(compute(new Uint8Array(0))).toBe(0);
  }
});

test("crc32 goes on from an earlier result", () => {
  fc.assert(fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
    const whole = crc32(Uint8Array.of(...a, ...b));
    expect(crc32(b, crc32(a))).toBe(whole);
    expect(portableCrc32(b, portableCrc32(a))).toBe(whole);
  }));
});
