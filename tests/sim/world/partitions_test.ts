import { describe, expect, test } from "vitest";
import { areConnected, drawPartition, majorityOf, PARTITION_SHAPES } from "../../../src/sim/world/partitions.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";

const ORDER = [3, 0, 4, 1, 2];

/** Whom each replica sees, in the order of `ORDER`. */
function sights(shape: typeof PARTITION_SHAPES[number]): string[] {
  return ORDER.map((a) => ORDER.filter((b) => a !== b && areConnected(shape, ORDER, a, b)).join(""));
}

describe("a partition between replicas", () => {
  test("has the shape that it is named after", () => {
    expect(sights("split")).toEqual(["04", "34", "30", "2", "1"]);
    expect(sights("isolate")).toEqual(["041", "341", "301", "304", ""]);
    expect(sights("ring")).toEqual(["02", "34", "01", "42", "31"]);
    expect(sights("chain")).toEqual(["0", "34", "01", "42", "1"]);
    expect(sights("star")).toEqual(["0412", "3", "3", "3", "3"]);
    expect(sights("constrained")).toEqual(["041", "3", "3", "3", ""]);
    expect(sights("link")).toEqual(["412", "412", "3012", "3042", "3041"]);
  });

  test("cuts both directions, or one of them", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      for (const isOneWay of [false, true]) {
        const { shape, isCut } = drawPartition(new SimRandom(seed), 5, isOneWay);
        seen.add(shape);
        let cuts = 0;
        for (let a = 0; a < 5; a++) {
          for (let b = 0; b < a; b++) {
            const both = [isCut(a, b), isCut(b, a)];
            if (both.includes(true)) cuts++;
            if (isOneWay) expect(both).not.toEqual([true, true]);
            else expect(both[0]).toBe(both[1]);
          }
        }
        if (shape !== "sides") expect(cuts).toBeGreaterThan(0);
      }
    }
    expect(seen).toEqual(new Set([...PARTITION_SHAPES, "sides"]));
  });

  test("is two sides when there is one server", () => {
    for (let seed = 1; seed <= 20; seed++) expect(drawPartition(new SimRandom(seed), 1, false).shape).toBe("sides");
  });
});

test("a majority is more than half", () => {
  expect([1, 2, 3, 4, 5].map(majorityOf)).toEqual([1, 2, 2, 3, 3]);
});
