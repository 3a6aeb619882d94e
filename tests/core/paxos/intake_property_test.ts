import fc from "fast-check";
import { expect, test } from "vitest";
import { Intake } from "../../../src/core/paxos/intake.ts";
import { type Forward, MESSAGE } from "../../../src/core/paxos/messages.ts";

function forward(number: number, first: number, life = 1): Forward {
  return { type: MESSAGE.forward, life, number, first, batch: new Uint8Array([number]) };
}

test("a leader takes the batches of a life in the order of their numbers, each once, however frames come", () => {
  const frames = fc.array(
    fc.record({ life: fc.integer({ min: 1, max: 2 }), number: fc.integer({ min: 1, max: 12 }) }),
    {
      maxLength: 80,
    },
  );
  fc.assert(fc.property(frames, fc.nat(11), (all, applied) => {
    const intake = new Intake();
    const taken: { life: number; number: number }[] = [];
    for (const [i, { life, number }] of all.entries()) {
      // Nothing is applied at first; later frames say that some of it was.
      const first = Math.min(number, i < all.length / 2 ? 1 : applied + 1);
      for (const proposal of intake.take(2, forward(number, first, life))) {
        taken.push(proposal);
        expect([...proposal.batch]).toEqual([proposal.number]);
      }
    }
    for (const [i, { life, number }] of taken.entries()) {
      const before = taken[i - 1];
      if (before === undefined) continue;
      expect(life).toBeGreaterThanOrEqual(before.life);
      if (life === before.life) expect(number).toBeGreaterThan(before.number);
    }
    // A frame that says what comes next is always taken up: nothing makes a leader wait for what will not come.
    const next = forward(100, 100, 3);
    expect(intake.take(2, next).map(({ number }) => number)).toEqual([100]);
    expect(intake.take(2, forward(300, 300, 3)).map(({ number }) => number)).toEqual([300]);
    expect(intake.take(2, next)).toEqual([]);
  }));
});

test("what comes too early waits, up to a limit", () => {
  const intake = new Intake();
  expect([3, 2, 5000].flatMap((number) => intake.take(0, forward(number, 1)))).toEqual([]);
  expect(intake.take(0, forward(1, 1)).map(({ number }) => number)).toEqual([1, 2, 3]);
  const large = (number: number): Forward => ({ ...forward(number, 4), batch: new Uint8Array(5 * 1024 * 1024) });
  expect([6, 5].flatMap((number) => intake.take(0, large(number)))).toEqual([]);
  expect(intake.take(0, forward(4, 4)).map(({ number }) => number)).toEqual([4]);
  expect(intake.take(0, large(5)).map(({ number }) => number)).toEqual([5, 6]);
});
