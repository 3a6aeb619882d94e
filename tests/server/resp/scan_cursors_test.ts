import { describe, expect, it } from "vitest";
import { type Key, keyFromText } from "../../../src/codec/bytes.ts";
import { ScanCursors } from "../../../src/server/resp/scan_cursors.ts";

function sequence(...numbers: number[]) {
  let next = 0;
  return { next: () => numbers[next++ % numbers.length]!, bytes: (length: number) => new Uint8Array(length) };
}

function counter() {
  let next = 0;
  return { next: () => ++next / 2 ** 30, bytes: (length: number) => new Uint8Array(length) };
}

describe("ScanCursors", () => {
  it("finds the key of a cursor, as often as asked", () => {
    const cursors = new ScanCursors(counter());
    const cursor = cursors.issue(keyFromText("a"));
    expect(cursors.find(BigInt(cursor))).toBe("a");
    expect(cursors.find(BigInt(cursor))).toBe("a");
  });

  it("never gives out 0, nor a number twice", () => {
    const cursors = new ScanCursors(sequence(0, 0.5, 0.5, 0.25));
    const first = cursors.issue(keyFromText("a"));
    const second = cursors.issue(keyFromText("b"));
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(0);
    expect(second).not.toBe(first);
    expect(Number.isSafeInteger(first)).toBe(true);
  });

  it("forgets the oldest when there are too many", () => {
    const cursors = new ScanCursors(counter(), 3);
    const issued = ["a", "b", "c", "d"].map((key) => cursors.issue(key as Key));
    expect(cursors.size).toBe(3);
    expect(issued.map((cursor) => cursors.find(BigInt(cursor)))).toEqual([undefined, "b", "c", "d"]);
  });

  it("knows no number that it did not give out, however large", () => {
    const cursors = new ScanCursors(counter());
    expect(cursors.find(1n)).toBeUndefined();
    expect(cursors.find(2n ** 64n - 1n)).toBeUndefined();
  });
});
