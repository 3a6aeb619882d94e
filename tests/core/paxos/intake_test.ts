import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Intake } from "../../../src/core/paxos/intake.ts";
import { type Forward, MESSAGE } from "../../../src/core/paxos/messages.ts";

function forward(number: number, { life = 1, first = 1, bytes = 1 } = {}): Forward {
  return { type: MESSAGE.forward, life, number, first, batch: new Uint8Array(bytes).fill(number % 256) };
}

function numbers(intake: Intake, message: Forward, origin = 0): number[] {
  return intake.take(origin, message).map(({ number }) => number);
}

describe("the intake of a leader", () => {
  test("lets a batch that came too early wait for its predecessor", () => {
    const intake = new Intake();
    expect(numbers(intake, forward(3))).toEqual([]);
    expect(numbers(intake, forward(2))).toEqual([]);
    expect(numbers(intake, forward(1))).toEqual([1, 2, 3]);
  });

  test("takes all that an origin sends again in one go, whatever the order and however often, each once", () => {
    const sent = Array.from({ length: 200 }, (_, index) => index + 1);
    fc.assert(fc.property(fc.shuffledSubarray([...sent, ...sent], { minLength: 400 }), (arriving) => {
      const intake = new Intake();
      const taken = arriving.flatMap((number) => numbers(intake, forward(number)));
      expect(taken).toEqual(sent);
    }));
  });

  test("passes over what was applied, and what waited for it goes on", () => {
    const intake = new Intake();
    expect(numbers(intake, forward(5, { first: 3 }))).toEqual([]);
    expect(numbers(intake, forward(2, { first: 1 }))).toEqual([]);
    expect(numbers(intake, forward(9, { first: 5 }))).toEqual([5]);
    expect(numbers(intake, forward(5, { first: 5 }))).toEqual([]);
  });

  test("forgets what waited of an earlier life, and takes nothing more of it", () => {
    const intake = new Intake();
    numbers(intake, forward(2, { life: 1 }));
    expect(numbers(intake, forward(1, { life: 2 }))).toEqual([1]);
    expect(numbers(intake, forward(1, { life: 1 }))).toEqual([]);
  });

  test("keeps origins apart", () => {
    const intake = new Intake();
    expect(numbers(intake, forward(2), 0)).toEqual([]);
    expect(numbers(intake, forward(1), 1)).toEqual([1]);
    expect(numbers(intake, forward(1), 0)).toEqual([1, 2]);
  });

  test("keeps no more waiting than it has room for; the rest comes again", () => {
    const intake = new Intake();
    const bytes = 3 * 1024 * 1024;
    for (const number of [2, 3, 4]) expect(numbers(intake, forward(number, { bytes }))).toEqual([]);
    expect(numbers(intake, forward(5000))).toEqual([]);
    expect(numbers(intake, forward(1))).toEqual([1, 2, 3]);
    expect(numbers(intake, forward(4, { bytes, first: 4 }))).toEqual([4]);
  });
});
