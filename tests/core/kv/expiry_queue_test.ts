import fc from "fast-check";
import { expect, test } from "vitest";
import type { Key } from "../../../src/codec/bytes.ts";
import { ExpiryQueue } from "../../../src/core/kv/expiry_queue.ts";
import { key } from "./arbitraries.ts";

test("gives what is due in the order of time and key, whatever was changed before", () => {
  const change = fc.record({ name: fc.nat(30).map((n) => key(`k${n}`)), time: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300, size: "max" }), (changes) => {
      const expiries = new Map<Key, number>();
      const queue = new ExpiryQueue((name) => expiries.get(name) ?? 0);
      for (const { name, time } of changes) {
        const before = expiries.get(name) ?? 0;
        if (time === 0) expiries.delete(name);
        else expiries.set(name, time);
        queue.change(name, before, time);
      }
      const expected = [...expiries].sort(([a, at], [b, bt]) => at - bt || (a < b ? -1 : 1));
      for (const [name, time] of expected) {
        expect(queue.nextTime()).toBe(time);
        expect(queue.nextKey(time - 1)).toBeNull();
        expect(queue.nextKey(time)).toBe(name);
        expiries.delete(name);
        queue.change(name, time, 0);
      }
      expect(queue.nextTime()).toBeNull();
      expect(queue.length).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test("takes memory in proportion to the keys, not to their changes", () => {
  const expiries = new Map<Key, number>();
  const queue = new ExpiryQueue((name) => expiries.get(name) ?? 0);
  let largest = 0;
  for (let i = 1; i <= 50_000; i++) {
    const name = key(`k${i % 100}`);
    const before = expiries.get(name) ?? 0;
    expiries.set(name, 1_000_000 - i);
    queue.change(name, before, 1_000_000 - i);
    largest = Math.max(largest, queue.length);
  }
  expect(largest).toBeLessThanOrEqual(201);
  for (const [name, time] of expiries) {
    expiries.set(name, 0);
    queue.change(name, time, 0);
  }
  expect(queue.length).toBeLessThanOrEqual(64);
});
