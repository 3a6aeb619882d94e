import { describe, expect, test } from "vitest";
import { compareProtocols } from "../../../src/sim/run/compare.ts";
import { FAILURE_MS, FAILURES, LOAD_MS, planOperations } from "../../../src/sim/run/compare_plan.ts";

const OPS = 1000;

describe("a comparison of protocols", () => {
  test.each([1, 7, 12])("of seed %d blocks two-phase commit where Paxos goes on", async (seed) => {
    const { twoPhase, paxos, failure } = await compareProtocols({ seed, ops: 2000 });
    expect([twoPhase.violations, paxos.violations]).toEqual([[], []]);
    expect([twoPhase.isLinearizable, paxos.isLinearizable]).toEqual([true, true]);
    expect(failure).toMatchObject({ name: "coordinator", replicas: [expect.any(Number)] });
    expect(twoPhase.load.longestStall_ms).toBeGreaterThan(FAILURE_MS * 0.9);
    expect(twoPhase.load.orphaned.transactions).toBeGreaterThan(0);
    expect(twoPhase.load.orphaned.longest_ms).toBeGreaterThan(FAILURE_MS * 0.9);
    // An election takes half a second to a second, and some more when two want to lead.
    expect(paxos.load.longestStall_ms).toBeLessThan(FAILURE_MS * 0.8);
    expect(paxos.load.longestStall_ms).toBeGreaterThan(100);
    expect(paxos.load.inDoubt.transactions).toBe(0);
    expect(paxos.load.windowsWritten).toBeGreaterThan(twoPhase.load.windowsWritten);
    // Keys that are not in doubt can be read all the time.
    expect(twoPhase.load.windowsAnswered).toBeGreaterThan(twoPhase.load.windowsWritten + 0.05);
  });

  test("is the same for the same seed, and another for another", async () => {
    const first = await compareProtocols({ seed: 3, ops: OPS });
    expect(await compareProtocols({ seed: 3, ops: OPS })).toEqual(first);
    const other = await compareProtocols({ seed: 4, ops: OPS });
    expect(other.twoPhase.traceHash).not.toBe(first.twoPhase.traceHash);
  });

  test.each(FAILURES)("with three replicas and the failure %s finds nothing wrong", async (failure) => {
    const { twoPhase, paxos } = await compareProtocols({ seed: 5, replicas: 3, ops: OPS, failure });
    expect([twoPhase.violations, paxos.violations]).toEqual([[], []]);
    const { begun, ok, refused, unknown } = twoPhase.load.writes;
    expect(ok + refused + unknown).toBe(begun);
    expect(begun + twoPhase.load.reads.begun).toBe(OPS);
    expect(paxos.load.writes.begun).toBe(begun);
  });

  test("without a failure lets both acknowledge everything, and shows what a write costs", async () => {
    const { twoPhase, paxos, failure } = await compareProtocols({ seed: 2, ops: OPS, failure: "none" });
    expect(failure).toBe(null);
    for (const { load: { reads, writes } } of [twoPhase, paxos]) {
      expect(reads.ok).toBe(reads.begun);
      expect(writes.ok).toBe(writes.begun);
    }
    // A vote, a decision and a commit against a vote of each and no more.
    expect(twoPhase.price.syncs).toBeGreaterThan(paxos.price.syncs);
    // Prepare, vote, go and acknowledgement with each of the four others.
    expect(twoPhase.price.messages).toBeGreaterThanOrEqual(16);
    expect(twoPhase.price.latency_ms).toBeGreaterThan(paxos.price.latency_ms);
  });

  test("with a slow disk makes two-phase commit wait for it, and not Paxos", async () => {
    const { twoPhase, paxos } = await compareProtocols({ seed: 2, ops: OPS, failure: "slow" });
    expect(twoPhase.load.p99_ms).toBeGreaterThan(100);
    expect(paxos.load.p99_ms).toBeLessThan(50);
  });

  test("lets its caller breathe, and ends with what that throws", async () => {
    let breaths = 0;
    const breathe = (): Promise<void> => ++breaths < 3 ? Promise.resolve() : Promise.reject(new Error("enough"));
    await expect(compareProtocols({ seed: 1, ops: 10, breathe })).rejects.toThrow("enough");
  });

  test("refuses what makes no sense", async () => {
    await expect(compareProtocols({ seed: 1, replicas: 4 })).rejects.toThrow("3 or 5 replicas, not 4");
    await expect(compareProtocols({ seed: 1, ops: 1.5 })).rejects.toThrow("ops is 1.5");
    await expect(compareProtocols({ seed: -1 })).rejects.toThrow(RangeError);
  });
});

test("the plan of a seed is the same whoever asks, within the load and in order", () => {
  const plan = planOperations(7, 500);
  expect(planOperations(7, 500)).toEqual(plan);
  expect(planOperations(8, 500)).not.toEqual(plan);
  const times = plan.map(({ at_ms }) => at_ms);
  expect(times.toSorted((a, b) => a - b)).toEqual(times);
  expect(times.every((at_ms) => at_ms >= 0 && at_ms < LOAD_MS)).toBe(true);
});
