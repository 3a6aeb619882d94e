import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CHOSEN_BALLOT,
  formatBallot,
  makeBallot,
  NO_BALLOT,
  replicaOf,
  roundOf,
} from "../../../src/core/paxos/ballot.ts";

const ballots = fc.record({ round: fc.integer({ min: 1, max: 2 ** 44 }), replica: fc.integer({ min: 0, max: 255 }) });

describe("ballots", () => {
  test("are ordered by round and then by replica, and tell both", () => {
    fc.assert(fc.property(ballots, ballots, (a, b) => {
      const [x, y] = [makeBallot(a.round, a.replica), makeBallot(b.round, b.replica)];
      expect([roundOf(x), replicaOf(x)]).toEqual([a.round, a.replica]);
      expect(Math.sign(x - y)).toBe(Math.sign(a.round - b.round) || Math.sign(a.replica - b.replica));
      expect(x > NO_BALLOT && x < CHOSEN_BALLOT && Number.isSafeInteger(x)).toBe(true);
    }));
  });

  test("are of rounds that count from 1", () => {
    expect(() => makeBallot(0, 1)).toThrow(RangeError);
    expect(() => makeBallot(1.5, 1)).toThrow(RangeError);
    expect(() => makeBallot(2 ** 45, 1)).toThrow(RangeError);
  });

  test("are told to people with replicas counted from 1", () => {
    expect([makeBallot(7, 0), NO_BALLOT, CHOSEN_BALLOT].map(formatBallot)).toEqual(["7.1", "none", "chosen"]);
  });
});
