import { expect, test } from "vitest";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";

test("a seed gives the same numbers on every runtime", () => {
  const random = new SimRandom(81_223);
  expect([random.bits(), random.bits(), random.bits()]).toEqual([3_941_723_739, 2_290_417_055, 3_616_752_826]);
  expect([...random.bytes(6)]).toEqual([41, 245, 148, 96, 62, 252]);
});

test("what one fork draws does not change what another gets", () => {
  const one = new SimRandom(5);
  const other = new SimRandom(5);
  const disturbed = one.fork("network");
  for (let i = 0; i < 10; i++) {
    disturbed.bits();
    one.bits();
  }
  expect(one.fork("disk").bits()).toBe(other.fork("disk").bits());
  expect(one.fork("disk").bits()).not.toBe(one.fork("network").bits());
});

test("neighbouring seeds, and seeds that differ above 32 bits, have nothing in common", () => {
  const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  expect(new Set(seeds.map((seed) => new SimRandom(seed).bits())).size).toBe(seeds.length);
  expect(() => new SimRandom(-1)).toThrow("a seed is a whole number from 0 to 2^53 - 1, not -1");
});

test("numbers are spread evenly, and waits have the mean that was asked for", () => {
  const random = new SimRandom(3);
  const counts = new Array<number>(10).fill(0);
  let waited = 0;
  for (let i = 0; i < 20_000; i++) {
    counts[random.below(10)]!++;
    waited += random.wait(7);
  }
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(250);
  expect(Math.abs(waited / 20_000 - 7)).toBeLessThan(0.3);
});
