import { describe, expect, test } from "vitest";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { CLOCK_DRIFT, Lease, LeasePromise } from "../../../src/core/paxos/lease.ts";

const [OF_1, LATER_OF_1, OF_2] = [makeBallot(3, 1), makeBallot(7, 1), makeBallot(5, 2)];
const LONG_AGO = -10_000;

describe("the promise of a lease", () => {
  test("forbids every ballot of another replica while it lasts, and none of the one that leads", () => {
    const promise = new LeasePromise(LONG_AGO, 500);
    expect(promise.forbids(OF_2, 0)).toBe(false);
    expect(promise.give(OF_1, 0)).toBe(500);
    expect([0, 499, 500].map((now) => promise.forbids(OF_2, now))).toEqual([true, true, false]);
    expect(promise.forbids(LATER_OF_1, 1)).toBe(false);
    expect(promise.until).toBe(500);
  });

  test("goes over to the leader of a higher ballot", () => {
    const promise = new LeasePromise(LONG_AGO, 500);
    promise.give(OF_1, 0);
    promise.give(OF_2, 100);
    expect([promise.forbids(OF_2, 200), promise.forbids(LATER_OF_1, 599), promise.forbids(LATER_OF_1, 600)])
      .toEqual([false, true, false]);
  });

  test("may have been forgotten by an acceptor that is back: it promises nobody anything for as long", () => {
    const promise = new LeasePromise(1000, 500);
    promise.give(OF_1, 1100);
    expect([1499, 1500].map((now) => promise.forbids(LATER_OF_1, now))).toEqual([true, false]);
    expect(promise.until).toBe(1600);
  });

  test("is for whole milliseconds, no longer than it lasts", () => {
    expect(new LeasePromise(LONG_AGO, 99.9).give(OF_1, 0)).toBe(99);
  });

  test("is not given, and nothing is waited for, where leases are off", () => {
    const promise = new LeasePromise(0, 0);
    expect(promise.give(OF_1, 0)).toBe(0);
    expect([promise.forbids(OF_2, 0), promise.until]).toEqual([false, Number.NEGATIVE_INFINITY]);
  });
});

describe("a lease", () => {
  test("is held when a majority has promised, from the first sending on, and shorter by what clocks may differ", () => {
    const lease = new Lease(3);
    lease.begin(1, 1000);
    lease.onPromise(0, 1, 500);
    lease.onPromise(0, 1, 500);
    expect(lease.until).toBe(Number.NEGATIVE_INFINITY);
    lease.onPromise(2, 1, 500);
    expect(lease.until).toBe(1000 + 500 * (1 - CLOCK_DRIFT));
  });

  test("is no longer than the shortest promise", () => {
    const lease = new Lease(3);
    lease.begin(1, 1000);
    lease.onPromise(0, 1, 500);
    lease.onPromise(1, 1, 100);
    expect(lease.until).toBe(1090);
  });

  test("does not rest on answers without a promise, nor on those to other rounds", () => {
    const lease = new Lease(3);
    lease.begin(1, 1000);
    lease.onPromise(0, 1, 500);
    lease.onPromise(1, 1, 0);
    lease.begin(2, 2000);
    lease.onPromise(1, 1, 500);
    lease.onPromise(2, 1, 500);
    expect(lease.until).toBe(Number.NEGATIVE_INFINITY);
  });

  test("never ends sooner because of a later round", () => {
    const lease = new Lease(3);
    for (const [round, lasts_ms] of [[1, 500], [2, 100]] as const) {
      lease.begin(round, 1000 * round);
      for (const from of [0, 1]) lease.onPromise(from, round, lasts_ms);
    }
    expect(lease.until).toBe(2090);
    lease.begin(3, 2010);
    for (const from of [0, 1]) lease.onPromise(from, 3, 50);
    expect(lease.until).toBe(2090);
  });
});
