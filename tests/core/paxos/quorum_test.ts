import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countVotes,
  hasMajority,
  hasVote,
  majorityOf,
  NO_VOTES,
  withVote,
  witnessesOf,
} from "../../../src/core/paxos/quorum.ts";
import { MAX_REPLICAS } from "../../../src/core/replica_count.ts";

const sizes = fc.integer({ min: 1, max: MAX_REPLICAS });

describe("quorums", () => {
  test("any two majorities have a replica in common, and no smaller number would do", () => {
    fc.assert(fc.property(sizes, (replicas) => {
      expect(2 * majorityOf(replicas)).toBeGreaterThan(replicas);
      expect(2 * (majorityOf(replicas) - 1)).toBeLessThanOrEqual(replicas);
    }));
  });

  test("a replica that votes twice counts once", () => {
    fc.assert(fc.property(sizes, fc.array(fc.nat(MAX_REPLICAS - 1)), (replicas, voters) => {
      const votes = voters.reduce(withVote, NO_VOTES);
      const distinct = new Set(voters);
      expect(countVotes(votes)).toBe(distinct.size);
      for (let replica = 0; replica < MAX_REPLICAS; replica++) {
        expect(hasVote(votes, replica)).toBe(distinct.has(replica));
      }
      expect(hasMajority(votes, replicas)).toBe(distinct.size > replicas / 2);
    }));
  });

  test("whoever lost its log and asks as many others as it needs meets one that remembers", () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: MAX_REPLICAS }), (replicas) => {
      expect(2 * witnessesOf(replicas)).toBeGreaterThan(replicas - 1);
      expect(witnessesOf(replicas)).toBeLessThanOrEqual(replicas - 1);
    }));
    expect(witnessesOf(1)).toBe(0);
  });
});
