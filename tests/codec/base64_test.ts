import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "../../src/codec/base64.ts";
import { CodecError } from "../../src/codec/byte_reader.ts";

describe("base64", () => {
  test("agrees with the runtime's own, in both alphabets", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const native = btoa(String.fromCharCode(...bytes));
      expect(toBase64(bytes)).toBe(native);
      expect(toBase64Url(bytes)).toBe(native.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
      expect(fromBase64(native)).toEqual(bytes);
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
    }));
  });

  test("what is accepted encodes back to the same text", () => {
    const text = fc.string({ unit: fc.constantFrom(..."AQZaz09+/-_=! é"), maxLength: 12 });
    fc.assert(
      fc.property(text, (text) => {
        for (const [decode, encode] of [[fromBase64, toBase64], [fromBase64Url, toBase64Url]] as const) {
          try {
            expect(encode(decode(text))).toBe(text);
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["A", "AA", "AA=", "AAA", "A===", "====", "AB==", "AA==AA==", "A-__", "AAA é"])("%j is refused", (text) => {
    expect(() => fromBase64(text)).toThrow(CodecError);
  });

  test.each(["A", "AA==", "AB", "A+//", "AAAAA"])("%j is refused as base64url", (text) => {
    expect(() => fromBase64Url(text)).toThrow(CodecError);
  });
});
