import { describe, expect, test } from "vitest";
import { segmentName } from "../../src/log/file_names.ts";
import { Bench, payload } from "./support.ts";

const SIZES = { segmentBytes: 1024 * 1024, reserveBytes: 64 * 1024 };
const FIRST = segmentName(1);

describe("what a log reserves ahead", () => {
  test("is a step of zeros for small records", () => {
    const bench = new Bench(SIZES);
    bench.flush(payload(1, 100));
    const { length } = bench.disk.bytesOf(FIRST);
    expect(length).toBeGreaterThanOrEqual(SIZES.reserveBytes);
    bench.flush(payload(2, 100));
    expect(bench.disk.bytesOf(FIRST).length).toBe(length);
  });

  test("is nothing for records that are nearly as large as a step, which would be written twice", () => {
    const bench = new Bench(SIZES);
    const payloads = [1, 2, 3, 4, 5, 6].map((number) => payload(number, 32 * 1024));
    for (const each of payloads) bench.flush(each);
    expect(bench.disk.bytesOf(FIRST).length).toBe(bench.log.status().bytes);
    bench.flush(payload(7, 100));
    expect(bench.disk.bytesOf(FIRST).length).toBe(bench.log.status().bytes + SIZES.reserveBytes);
    bench.open(bench.disk.kill());
    expect(bench.payloads()).toEqual([...payloads, payload(7, 100)]);
  });
});
