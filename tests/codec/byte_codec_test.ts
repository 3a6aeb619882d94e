import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, CodecError } from "../../src/codec/byte_reader.ts";
import { ByteWriter } from "../../src/codec/byte_writer.ts";
import { concatBytes, type Key, toHex } from "../../src/codec/bytes.ts";

const MAX = Number.MAX_SAFE_INTEGER;

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(0);
  write(writer);
  return writer.take();
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

describe("numbers", () => {
  test.each([
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [16383, "ff7f"],
    [16384, "808001"],
    [2 ** 31 - 1, "ffffffff07"],
    [2 ** 31, "8080808008"],
    [2 ** 32 - 1, "ffffffff0f"],
    [2 ** 32, "8080808010"],
    [2 ** 35, "808080808001"],
    [2 ** 49 - 1, "ffffffffffff7f"],
    [2 ** 49, "8080808080808001"],
    [MAX, "ffffffffffffff0f"],
  ])("varint %d is %s", (value, hex) => {
    expect(toHex(written((writer) => writer.varint(value)))).toBe(hex);
    expect(new ByteReader(fromHex(hex)).varint()).toBe(value);
  });

  test.each([
    [0, "0000000000000000"],
    [2 ** 31, "0000008000000000"],
    [2 ** 32 - 1, "ffffffff00000000"],
    [2 ** 32, "0000000001000000"],
    [MAX, "ffffffffffff1f00"],
  ])("u64 %d is %s", (value, hex) => {
    expect(toHex(written((writer) => writer.u64(value)))).toBe(hex);
    expect(new ByteReader(fromHex(hex)).u64()).toBe(value);
  });

  test("are read as they were written, one after the other", () => {
    const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const whole = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(300));
    fc.assert(
      fc.property(fc.nat(255), fc.nat(), whole, whole, i64, fc.uint8Array(), (u8, u32, u64, varint, signed, blob) => {
        const writer = new ByteWriter(1);
        writer.u8(u8);
        writer.u32(u32);
        writer.u64(u64);
        writer.varint(varint);
        writer.i64(signed);
        writer.blob(blob);
        writer.key("\xff\x00" as Key);
        writer.raw(blob);
        writer.blobRange(concatBytes([Uint8Array.of(1), blob, Uint8Array.of(2)]), 1, 1 + blob.length);
        const reader = new ByteReader(writer.view());
        expect(reader.u8()).toBe(u8);
        expect(reader.u32()).toBe(u32);
        expect(reader.u64()).toBe(u64);
        expect(reader.varint()).toBe(varint);
        expect(reader.i64()).toBe(signed);
        expect(reader.blob()).toEqual(blob);
        expect(reader.key()).toBe("\xff\x00");
        expect(reader.raw(blob.length)).toEqual(blob);
        expect(reader.blob()).toEqual(blob);
        expect(reader.remaining).toBe(0);
        reader.finish();
      }),
    );
  });

  test.each([-1, 0.5, 2 ** 53, Infinity, -Infinity, NaN])(
    "that are not whole numbers below 2^53 cannot be written: %d",
    (value) => {
      expect(() => written((writer) => writer.varint(value))).toThrow(RangeError);
      expect(() => written((writer) => writer.u64(value))).toThrow(RangeError);
    },
  );

  test("past 2^53 are refused when they are read", () => {
    for (const hex of ["ffffffffffffff10", "ffffffffffffff7f", "ffffffffffffffff00", "8080808080808080808001"]) {
      expect(() => new ByteReader(fromHex(hex)).varint()).toThrow(CodecError);
    }
    expect(() => new ByteReader(fromHex("0000000000002000")).u64()).toThrow("past 2^53");
  });
});

describe("ByteReader", () => {
  test("refuses to read past the end, whatever is asked for, and stays where it is", () => {
    const reads: ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.u8(),
      (reader) => reader.u32(),
      (reader) => reader.u64(),
      (reader) => reader.i64(),
      (reader) => reader.raw(1),
    ];
    for (const read of reads) {
      const reader = new ByteReader(new Uint8Array(20), 5, 5);
      expect(() => read(reader)).toThrow(CodecError);
      expect(reader.offset).toBe(5);
    }
    for (const hex of ["", "80", "05aabb", "ffffffffffffff0f"]) {
      expect(() => new ByteReader(fromHex(hex)).blob()).toThrow(CodecError);
      expect(() => new ByteReader(fromHex(hex)).key()).toThrow(CodecError);
    }
    expect(() => new ByteReader(new Uint8Array(2)).finish()).toThrow("2 bytes too many");
    expect(() => new ByteReader(new Uint8Array(2), 0, 3)).toThrow(RangeError);
  });

  test("reads the middle of a larger buffer", () => {
    const buffer = written((writer) => {
      writer.u64(MAX);
      writer.u32(0xdeadbeef);
      writer.i64(-5n);
      writer.u8(9);
    });
    const reader = new ByteReader(buffer.subarray(8), 0, 12);
    expect([reader.u32(), reader.i64(), reader.remaining]).toEqual([0xdeadbeef, -5n, 0]);
  });
});

describe("ByteWriter", () => {
  test("is used again after reset, and gives fresh memory", () => {
    const writer = new ByteWriter(4);
    writer.raw(Uint8Array.of(1, 2, 3, 4, 5));
    const first = writer.take();
    writer.reset();
    writer.u32(0);
    writer.patchU32(0, 0xffff_fffe);
    expect(toHex(writer.view())).toBe("feffffff");
    expect(first).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  });

  test("lets go of its first bytes", () => {
    const writer = new ByteWriter();
    writer.raw(Uint8Array.of(1, 2, 3));
    writer.drop(2);
    writer.u8(4);
    writer.drop(0);
    expect(writer.take()).toEqual(Uint8Array.of(3, 4));
    expect(() => writer.drop(3)).toThrow(RangeError);
  });
});
