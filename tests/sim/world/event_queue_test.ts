import fc from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "../../../src/sim/world/event_queue.ts";

test("events come in the order of time, and those of one time in the order in which they were added", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 200 }), (times) => {
      const queue = new EventQueue();
      const seen: [number, number][] = [];
      times.forEach((at, index) => queue.add(at, () => void seen.push([at, index])));
      while (queue.size > 0) queue.pop()?.run?.();
      const sorted = times.map((at, index): [number, number] => [at, index]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      expect(seen).toEqual(sorted);
    }),
  );
});

test("an event that was cancelled does not count as the next", () => {
  const queue = new EventQueue();
  const first = queue.add(1, () => {});
  queue.add(2, () => {});
  first.run = null;
  expect(queue.next_us).toBe(2);
  expect(queue.size).toBe(1);
});

test("an empty queue has no next event", () => {
  const queue = new EventQueue();
  expect(queue.next_us).toBe(Number.POSITIVE_INFINITY);
  expect(queue.pop()).toBeNull();
});
