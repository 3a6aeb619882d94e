import { describe, expect, it } from "vitest";
import { KV } from "../../../src/sim/checker/cell_model.ts";
import type { HistoryEvent } from "../../../src/sim/checker/history.ts";
import { judgeHistory, UNDECIDED } from "../../../src/sim/run/linearizability.ts";
import { Violations } from "../../../src/sim/run/violation.ts";
import { randomHistory } from "../checker/random_history.ts";

const LIMITS = { timeout_ms: null, configurations: 300_000, clock: { monotonic: (): number => 0 } };

function judged(events: readonly HistoryEvent[], configurations = LIMITS.configurations): Violations["all"] {
  const violations = new Violations();
  judgeHistory(violations, "register", events, KV, { ...LIMITS, configurations });
  return violations.all;
}

describe("judging the history of a run", () => {
  const shape = { kind: "kv", seed: 1, operations: 500, processes: 8, keys: 1, unknown: 0.05, values: 5 } as const;
  const events = randomHistory(shape);

  it("finds nothing where there is an order", () => {
    expect(judged(events)).toEqual([]);
  });

  it("reports what has none, with what cannot all be right", () => {
    const wrong = [
      ...events,
      ...["invoke", "ok"].map((type): HistoryEvent => ({
        process: 1_000_000,
        type: type as "invoke" | "ok",
        f: "get",
        key: "k0",
        value: type === "ok" ? "nobody wrote this" : null,
        time: 0,
      })),
    ];
    expect(judged(wrong)).toMatchObject([{ check: "register", message: expect.stringContaining("nobody wrote this") }]);
  });

  it("reports what it cannot decide, and never takes it for right", () => {
    expect(judged(events, 3)).toMatchObject([{ check: UNDECIDED, message: expect.stringContaining("register") }]);
  });
});
