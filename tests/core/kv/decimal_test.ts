import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addDecimals, formatDecimal, isI64, parseDecimal, parseI64 } from "../../../src/core/kv/decimal.ts";
import { bytes } from "./arbitraries.ts";

function sum(a: string, b: string): string | null {
  const [left, right] = [parseDecimal(a), parseDecimal(b)];
  return left === null || right === null ? "not a number" : formatDecimal(addDecimals(left, right));
}

describe("parseI64", () => {
  test("takes the canonical form of every 64-bit integer", () => {
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(parseI64(bytes(`${value}`))).toBe(value);
    }));
    for (const value of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 999_999_999_999_999n, 1_000_000_000_000_000n]) {
      expect(parseI64(bytes(`${value}`))).toBe(value);
    }
  });

  test.each([
    "",
    "-",
    "+1",
    "-0",
    "00",
    "01",
    "-01",
    " 1",
    "1 ",
    "1.0",
    "1e3",
    "0x1",
    "a",
    "1a",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999",
    "100000000000000000000",
    "\x001",
    "１",
  ])(
    "refuses %j, as Redis does",
    (text) => {
      expect(parseI64(bytes(text))).toBeNull();
    },
  );

  test("tells what fits into 64 bits", () => {
    expect([2n ** 63n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n) - 1n].map(isI64)).toEqual([false, true, true, false]);
  });
});

describe("decimals", () => {
  test.each([
    ["0.1", "0.2", "0.3"],
    ["3", "1.0e10", "10000000003"],
    ["5.0e3", "2.0e2", "5200"],
    ["10.5", "-10.5", "0"],
    ["-0", "0", "0"],
    ["-0.4", "0.1", "-0.3"],
    ["+1.50", "0", "1.5"],
    [".5", "5.", "5.5"],
    ["1E+2", "1e-2", "100.01"],
    ["17179869184", "17179869184", "34359738368"],
    ["9007199254740993", "0.00000000000000001", "9007199254740993.00000000000000001"],
    ["0.000000000000000005", "0", "0"],
    ["0.000000000000000015", "0", "0.00000000000000002"],
    ["0.0000000000000000051", "0", "0.00000000000000001"],
    ["-0.000000000000000001", "0", "0"],
    ["0.99999999999999999999", "0", "1"],
    ["1e4931", "1", `1${"0".repeat(4930)}1`],
    ["0e999999999999", "1", "1"],
    [`${"0".repeat(4000)}1`, "1", "2"],
  ])("%s + %s is exact", (a, b, expected) => {
    expect(sum(a, b)).toBe(expected);
    expect(sum(b, a)).toBe(expected);
  });

  test.each([
    "",
    " ",
    "1 ",
    " 1",
    "abc",
    "1a",
    ".",
    "-",
    "e5",
    "1e",
    "1e+",
    "inf",
    "-Infinity",
    "nan",
    "0x10",
    "1_0",
    "1,5",
    "--1",
    "1e99999",
    "1e-99999",
    "1e999999999999999999999",
    "1\0",
    "1".repeat(4933),
    "1".repeat(6000),
  ])(
    "%j is no decimal number",
    (text) => {
      expect(parseDecimal(text)).toBeNull();
    },
  );

  test("a sum past the largest number is none", () => {
    expect(sum(`9e4931`, `9e4931`)).toBeNull();
    expect(sum(`-9e4931`, `-9e4931`)).toBeNull();
  });

  test("are printed so that they are read as the same number", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.nat(17), (digits, scale) => {
        const text = formatDecimal({ digits, scale })!;
        expect(text).toMatch(/^(0|-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?)$/);
        const read = parseDecimal(text)!;
        expect(read.digits * 10n ** BigInt(scale)).toBe(digits * 10n ** BigInt(read.scale));
      }),
    );
  });
});
