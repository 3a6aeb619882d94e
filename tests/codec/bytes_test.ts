import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bytesToText,
  bytesToTextStrict,
  compareBytes,
  concatBytes,
  copyBytes,
  copyRange,
  EMPTY,
  equalBytes,
  type Key,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  keyToText,
  portableCopyRange,
  portableKeyFromBytes,
  portableWriteKey,
  prefixEnd,
  textToBytes,
  toHex,
  writeKey,
} from "../../src/codec/bytes.ts";

const anyBytes = fc.uint8Array({ maxLength: 200 });

describe("keys", () => {
  test("hold bytes and give them back", () => {
    fc.assert(fc.property(anyBytes, (bytes) => {
      const key = keyFromBytes(bytes);
      expect(key.length).toBe(bytes.length);
      expect(keyToBytes(key)).toEqual(bytes);
    }));
  });

  test("order as their bytes do", () => {
    fc.assert(fc.property(anyBytes, anyBytes, (a, b) => {
      const [left, right] = [keyFromBytes(a), keyFromBytes(b)];
      expect(Math.sign(compareBytes(a, b))).toBe(left < right ? -1 : left > right ? 1 : 0);
      expect(equalBytes(a, b)).toBe(left === right);
    }));
  });

  test("are read and written by the portable code exactly as by the native", () => {
    const ranges = fc.tuple(fc.uint8Array({ maxLength: 20_000, size: "max" }), fc.nat(), fc.nat());
    fc.assert(
      fc.property(ranges, ([bytes, a, b]) => {
        const [start, end] = [a % (bytes.length + 1), b % (bytes.length + 1)].sort((x, y) => x - y) as [number, number];
        const key = keyFromBytes(bytes, start, end);
        expect(portableKeyFromBytes(bytes, start, end) === key).toBe(true);
        const [native, portable] = [new Uint8Array(end + 3), new Uint8Array(end + 3)];
        writeKey(native, start, key);
        portableWriteKey(portable, start, key);
        expect(equalBytes(native, portable)).toBe(true);
        expect(equalBytes(native.subarray(start, end), bytes.subarray(start, end))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("of text are its UTF-8 bytes", () => {
    expect(keyFromText("abc")).toBe("abc");
    expect(keyFromText("é€")).toBe("\xc3\xa9\xe2\x82\xac");
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(keyToBytes(keyFromText(text))).toEqual(textToBytes(text));
      expect(keyToText(keyFromText(text))).toBe(text);
    }));
    expect(keyToText("\xff" as Key)).toBe("\ufffd");
  });
});

describe("bytes", () => {
  test("that are not UTF-8 are told or replaced, and a byte order mark is kept", () => {
    const bad = Uint8Array.of(0x61, 0xff);
    expect(bytesToTextStrict(bad)).toBeNull();
    expect(bytesToText(bad)).toBe("a\ufffd");
    expect(bytesToTextStrict(textToBytes("\ufeffa"))).toBe("\ufeffa");
    expect(bytesToText(textToBytes("\ufeffa"))).toBe("\ufeffa");
  });

  test("are copied from one place to another by the portable code exactly as by the native", () => {
    const ranges = fc.tuple(fc.uint8Array({ maxLength: 300, size: "max" }), fc.nat(), fc.nat(), fc.nat(40));
    fc.assert(fc.property(ranges, ([bytes, a, b, at]) => {
      const [start, end] = [a % (bytes.length + 1), b % (bytes.length + 1)].sort((x, y) => x - y) as [number, number];
      const [native, portable] = [new Uint8Array(400), new Uint8Array(400)];
      copyRange(bytes, start, end, native, at);
      portableCopyRange(bytes, start, end, portable, at);
      const expected = new Uint8Array(400);
      expected.set(bytes.subarray(start, end), at);
      expect(native).toEqual(expected);
      expect(portable).toEqual(expected);
    }));
  });

  test("are copied into memory of exactly their size, out of a Node Buffer too", () => {
    const large = new Uint8Array(1000).fill(7);
    const views = [large.subarray(10, 20)];
    if ("Buffer" in globalThis) views.push(Buffer.from(large.buffer, 10, 10));
    for (const view of views) {
      const copy = copyBytes(view);
      expect(copy).toEqual(new Uint8Array(10).fill(7));
      expect(copy.buffer.byteLength).toBe(10);
      expect(copy.constructor).toBe(Uint8Array);
    }
    const copy = copyBytes(views.at(-1)!);
    large.fill(0);
    expect(copy[0]).toBe(7);
  });

  test("are joined and shown", () => {
    expect(concatBytes([Uint8Array.of(1), EMPTY, Uint8Array.of(2, 3)])).toEqual(Uint8Array.of(1, 2, 3));
    expect(concatBytes([])).toEqual(EMPTY);
    expect(toHex(Uint8Array.of(0, 15, 255))).toBe("000fff");
  });
});

describe("prefixEnd", () => {
  test.each([["a", "b"], ["ab", "ac"], ["a\xff", "b"], ["a\xff\xff", "b"], ["\xff", null], ["", null], [
    "\xfe\xff",
    "\xff",
  ]])(
    "of %j is %j",
    (prefix, end) => {
      expect(prefixEnd(prefix as Key)).toBe(end);
    },
  );

  test("bounds exactly the keys with the prefix", () => {
    const short = fc.array(fc.constantFrom(0, 1, 0xfe, 0xff), { maxLength: 3 }).map((bytes) =>
      String.fromCharCode(...bytes) as Key
    );
    fc.assert(fc.property(short, short, (prefix, key) => {
      const end = prefixEnd(prefix);
      expect(key >= prefix && (end === null || key < end)).toBe(key.startsWith(prefix));
    }));
  });
});
