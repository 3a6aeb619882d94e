import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textToBytes } from "../../../../src/codec/bytes.ts";
import {
  anyExpiry,
  decimalArgument,
  INT64_MAX,
  INT64_MIN,
  MAX_EXPIRY_MS,
  optionName,
  parseInt64,
  positiveExpiry,
  quoted,
} from "../../../../src/server/resp/commands/arguments.ts";

const NOW = 1_700_000_000_000;

describe("parseInt64", () => {
  it("reads every signed 64-bit integer in its canonical form, and nothing else", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: INT64_MIN * 4n, max: INT64_MAX * 4n }), (value) => {
        const fits = value >= INT64_MIN && value <= INT64_MAX;
        expect(parseInt64(textToBytes(`${value}`))).toBe(fits ? value : null);
      }),
    );
    for (const value of [0n, INT64_MIN, INT64_MAX]) expect(parseInt64(textToBytes(`${value}`))).toBe(value);
  });

  it("refuses whatever is not what the number itself would be written as", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("0", "1", "9", "-", "+", " ", ".", "e"), maxLength: 22 }),
        (text) => {
          const value = parseInt64(textToBytes(text));
          expect(value === null || `${value}` === text).toBe(true);
        },
      ),
    );
  });
});

describe("decimalArgument", () => {
  it("takes what C takes as a decimal number", () => {
    for (const text of ["1", "-1.5", "+2", ".5", "5.", "1e3", "1E-3", "007"]) {
      expect(decimalArgument(textToBytes(text))).toBe(text);
    }
  });

  it("refuses the rest in Redis's words", () => {
    for (const text of ["", " 1", "1 ", "nan", "0x10", "1e", ".", "-", "1\n", "1".repeat(6000)]) {
      expect(() => decimalArgument(textToBytes(text)), text).toThrow("ERR value is not a valid float");
    }
    for (const text of ["inf", "-INF", "+Infinity"]) {
      expect(() => decimalArgument(textToBytes(text)), text).toThrow("ERR increment would produce NaN or Infinity");
    }
  });
});

describe("expiries", () => {
  it("stay what the store can hold, whatever the number", () => {
    const unit = fc.constantFrom("ex", "px", "exat", "pxat");
    const amount = fc.oneof(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), fc.bigInt({ min: -10n, max: 10n ** 16n }));
    fc.assert(
      fc.property(unit, amount, fc.constantFrom(positiveExpiry, anyExpiry), (unit, amount, read) => {
        let expiry;
        try {
          expiry = read(unit as "ex", textToBytes(`${amount}`), "set", NOW);
        } catch (error) {
          expect(String(error)).toContain("invalid expire time in 'set' command");
          return;
        }
        if (expiry.type === "after") expect(expiry.duration_ms).toBeGreaterThan(0);
        const time = expiry.type === "after" ? NOW + expiry.duration_ms : expiry.type === "at" ? expiry.time_ms : NaN;
        expect(Number.isSafeInteger(time)).toBe(true);
        expect(time).toBeGreaterThan(0);
        expect(time).toBeLessThanOrEqual(MAX_EXPIRY_MS);
      }),
      { numRuns: 2000 },
    );
  });

  it("leave room for a replica whose clock is ahead", () => {
    const nearTheEnd = textToBytes(`${MAX_EXPIRY_MS - NOW - 1}`);
    expect(anyExpiry("px", nearTheEnd, "pexpire", NOW)).toEqual({ type: "at", time_ms: MAX_EXPIRY_MS - 1 });
  });
});

describe("words", () => {
  it("end at a zero byte, as in C", () => {
    expect(optionName(textToBytes("Nx\0tail"))).toBe("nx");
    expect(quoted(textToBytes("Ab\0tail"))).toBe("Ab");
  });
});
