import { describe, expect, test } from "vitest";
import { type Doubt, type EndedOperation, figuresOf, priceOf } from "../../../src/sim/run/compare_figures.ts";

const LOAD = { start_ms: 1000, load_ms: 1000 };

function write(begun_ms: number, ended_ms: number, type: EndedOperation["type"] = "ok"): EndedOperation {
  return { isWrite: true, begun_ms, ended_ms, type };
}

describe("the figures of a load", () => {
  test("count what became of reads and of writes", () => {
    const { reads, writes } = figuresOf(
      [
        write(1000, 1001),
        write(1000, 1900, "fail"),
        write(1000, 1900, "info"),
        { isWrite: false, begun_ms: 1000, ended_ms: 1002, type: "ok" },
        { isWrite: false, begun_ms: 1000, ended_ms: 1900, type: "fail" },
      ],
      [],
      [],
      LOAD,
    );
    expect(writes).toEqual({ begun: 3, ok: 1, refused: 1, unknown: 1 });
    expect(reads).toEqual({ begun: 2, ok: 1, refused: 1, unknown: 0 });
  });

  test("measure availability by windows in which something ended well", () => {
    const operations = [
      write(1010, 1020),
      write(1030, 1040),
      write(1300, 1350),
      write(1500, 1510, "fail"),
      // After the load: no window is there for it.
      write(1990, 2010),
      { isWrite: false, begun_ms: 1700, ended_ms: 1701, type: "ok" } as const,
    ];
    const { windowsAnswered, windowsWritten } = figuresOf(operations, [], [], LOAD);
    expect(windowsWritten).toBe(0.2);
    expect(windowsAnswered).toBe(0.3);
  });

  test("measure standstills from the beginning of the load to its end", () => {
    const none = figuresOf([], [], [], LOAD);
    expect([none.longestStall_ms, none.stalled_ms]).toEqual([1000, 1000]);
    const { longestStall_ms, stalled_ms } = figuresOf(
      [write(1000, 1150), write(1000, 1250), write(1000, 1300), write(1000, 1600, "info"), write(1000, 1950)],
      [],
      [],
      LOAD,
    );
    expect(longestStall_ms).toBe(650);
    expect(stalled_ms).toBe(150 + 650);
  });

  test("take latencies from acknowledged writes", () => {
    const operations = Array.from({ length: 100 }, (_, index) => write(1000, 1001 + index));
    const { median_ms, p99_ms } = figuresOf([...operations, write(1000, 9000, "fail")], [], [], LOAD);
    expect([median_ms, p99_ms]).toEqual([50, 99]);
  });

  test("tell transactions in doubt from those whose coordinator had failed", () => {
    const doubts: Doubt[] = [
      { from_ms: 1000, to_ms: 1200, coordinator: 1, keys: ["a", "b"] },
      { from_ms: 1000, to_ms: 1900, coordinator: 2, keys: ["b", "c"] },
    ];
    const { inDoubt, orphaned } = figuresOf([], doubts, [2], LOAD);
    expect(inDoubt).toEqual({ transactions: 2, longest_ms: 900, keys: 3 });
    expect(orphaned).toEqual({ transactions: 1, longest_ms: 900, keys: 2 });
    const whole = figuresOf([], [{ from_ms: 0, to_ms: 1, coordinator: 0, keys: null }], [], LOAD);
    expect(whole.inDoubt.keys).toBe(null);
  });
});

test("the price of a write is what the replicas did, shared among the writes", () => {
  const before = { messages: 100, bytes: 1000, syncs: 10 };
  const after = { messages: 132, bytes: 1800, syncs: 30 };
  expect(priceOf([1, 2, 3, 10], before, after)).toEqual({
    writes: 4,
    latency_ms: 2,
    messages: 8,
    bytes: 200,
    syncs: 5,
  });
});
