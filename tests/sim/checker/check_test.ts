import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkHistory, DEFAULT_LIMITS } from "../../../src/sim/checker/check.ts";
import type { HistoryEvent, Value } from "../../../src/sim/checker/history.ts";
import { pairEvents } from "../../../src/sim/checker/history.ts";
import { COUNTER, KV, KV_EMPTY, REGISTER } from "../../../src/sim/checker/cell_model.ts";
import type { Model } from "../../../src/sim/checker/model.ts";
import { TRANSACTIONS } from "../../../src/sim/checker/transaction_model.ts";
import type { Limits, Verdict } from "../../../src/sim/checker/verdict.ts";
import { hasOrder } from "./brute_force.ts";
import { faultyHistory } from "./faulty_store.ts";
import { mutated } from "./mutated.ts";
import { type Kind, randomHistory } from "./random_history.ts";

const LIMITS: Limits = { ...DEFAULT_LIMITS, clock: { monotonic: () => 0 } };
const MODELS: Readonly<Record<Kind, Model>> = {
  register: REGISTER,
  kv: KV,
  counter: COUNTER,
  transactions: TRANSACTIONS,
};
const KINDS = Object.keys(MODELS) as Kind[];

function check(events: readonly HistoryEvent[], model: Model, limits = LIMITS): Verdict {
  return checkHistory(pairEvents(events), model, limits);
}

/** A history without keys, from `[process, type, f, value]`. */
function history(...steps: readonly (readonly [number, HistoryEvent["type"], string, Value])[]): HistoryEvent[] {
  return steps.map(([process, type, f, value], time) => ({ process, type, f, key: null, value, time }));
}

describe("the verdict on a few operations", () => {
  for (const kind of KINDS) {
    it(`of ${kind} is that of trying every order, whether it is right or wrong`, () => {
      const seen = { linearizable: 0, "not linearizable": 0, undecided: 0 };
      fc.assert(
        fc.property(
          fc.integer(),
          fc.integer({ min: 1, max: 7 }),
          fc.constantFrom(0, 0.3, 0.6),
          fc.nat({ max: 3 }),
          fc.nat(),
          fc.nat(),
          (seed, operations, unknown, mutations, pick, by) => {
            let events = randomHistory({ kind, seed, operations, processes: 3, keys: 2, unknown, values: 3 });
            for (let i = 0; i < mutations; i++) events = mutated(events, pick + i, by + i);
            const { verdict } = check(events, MODELS[kind]);
            seen[verdict]++;
            expect(verdict).toBe(hasOrder(pairEvents(events), kind) ? "linearizable" : "not linearizable");
          },
        ),
        { numRuns: 1500 },
      );
      expect(seen.linearizable).toBeGreaterThan(100);
      expect(seen["not linearizable"]).toBeGreaterThan(100);
    });
  }
});

describe("the explanation", () => {
  it("is the shortest prefix without an order, and a conflict in which each part is needed", () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom<Kind>("register", "kv", "counter"), fc.nat(), fc.nat(), (...given) => {
        const [seed, kind, pick, by] = given;
        const shape = { kind, seed, operations: 20, processes: 4, keys: 2, unknown: 0.1, values: 3 };
        const events = mutated(randomHistory(shape), pick, by);
        const result = check(events, MODELS[kind]);
        if (result.verdict !== "not linearizable") return;
        const { lastEvent, conflict, operations, culprit, isShortest, isSmallest } = result.violation;
        expect({ isShortest, isSmallest }).toEqual({ isShortest: true, isSmallest: true });
        const keys = new Set(operations.map(({ key }) => key));
        const cut = (end: number): HistoryEvent[] => events.slice(0, end).filter(({ key }) => keys.has(key));
        expect(check(cut(lastEvent + 1), MODELS[kind]).verdict).toBe("not linearizable");
        expect(check(cut(lastEvent), MODELS[kind]).verdict).toBe("linearizable");
        expect(conflict).toContain(culprit);
        const forget = (keep: readonly unknown[]): Verdict =>
          checkHistory(
            operations.map((each) => keep.includes(each) ? each : { ...each, outcome: "unknown", output: null }),
            MODELS[kind],
            LIMITS,
          );
        expect(forget(conflict).verdict).toBe("not linearizable");
        for (const each of conflict) {
          expect(forget(conflict.filter((one) => one !== each)).verdict).toBe("linearizable");
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a register", () => {
  it("that answers with an older value is caught", () => {
    const events = history(
      [0, "invoke", "write", 1],
      [0, "ok", "write", 1],
      [0, "invoke", "write", 2],
      [0, "ok", "write", 2],
      [1, "invoke", "read", null],
      [1, "ok", "read", 1],
    );
    const result = check(events, REGISTER);
    expect(result).toMatchObject({ verdict: "not linearizable", violation: { lastEvent: 5, culprit: { f: "read" } } });
    expect(check(events.slice(0, 5), REGISTER).verdict).toBe("linearizable");
  });

  it("may take over a write of unknown outcome late or never, but not twice", () => {
    const lost = history([0, "invoke", "write", 1], [0, "info", "write", null]);
    const at = (...values: readonly Value[]): HistoryEvent[] => [
      ...lost,
      ...history([1, "invoke", "write", 2], [1, "ok", "write", 2]),
      ...values.flatMap((value) => history([1, "invoke", "read", null], [1, "ok", "read", value])),
    ];
    expect(check(at(2, 2), REGISTER).verdict).toBe("linearizable");
    expect(check(at(2, 1, 1), REGISTER).verdict).toBe("linearizable");
    expect(check(at(2, 1, 2), REGISTER).verdict).toBe("not linearizable");
    expect(check(at(3), REGISTER).verdict).toBe("not linearizable");
  });

  it("tells a cas that found another value from one that failed with an error", () => {
    const cas = (value: Value): HistoryEvent[] =>
      history(
        [0, "invoke", "write", 1],
        [0, "ok", "write", 1],
        [0, "invoke", "cas", [1, 2]],
        [0, "fail", "cas", value],
      );
    expect(check(cas([1, 2]), REGISTER).verdict).toBe("not linearizable");
    expect(check(cas("the disk is full"), REGISTER).verdict).toBe("linearizable");
  });

  it("does not take a write of the same value for one that changes nothing", () => {
    const events = history(
      [0, "invoke", "write", 1],
      [0, "ok", "write", 1],
      [0, "invoke", "write", 1],
      [1, "invoke", "write", 2],
      [1, "ok", "write", 2],
      [1, "invoke", "read", null],
      [1, "ok", "read", 1],
      [0, "ok", "write", 1],
    );
    expect(check(events, REGISTER).verdict).toBe("linearizable");
  });
});

describe("a counter", () => {
  it("that loses or repeats an increment is caught", () => {
    const adds = (second: number): HistoryEvent[] =>
      history(
        [0, "invoke", "add", null],
        [1, "invoke", "add", null],
        [0, "ok", "add", 1],
        [1, "ok", "add", second],
      );
    expect(check(adds(2), COUNTER).verdict).toBe("linearizable");
    expect(check(adds(1), COUNTER).verdict).toBe("not linearizable");
    expect(check(adds(3), COUNTER).verdict).toBe("not linearizable");
  });
});

describe("a store whose absent keys read as the empty text", () => {
  it("is not one whose absent keys are absent", () => {
    const events = history([0, "invoke", "get", null], [0, "ok", "get", ""]);
    expect(check(events, KV_EMPTY).verdict).toBe("linearizable");
    expect(check(events, KV).verdict).toBe("not linearizable");
  });
});

describe("transactions", () => {
  it("that show half of another are caught", () => {
    const reads = (a: Value, b: Value): HistoryEvent[] =>
      history(
        [0, "invoke", "txn", [["w", "a", 1], ["w", "b", 1]]],
        [1, "invoke", "txn", [["r", "a", null], ["r", "b", null]]],
        [1, "ok", "txn", [["r", "a", a], ["r", "b", b]]],
        [0, "ok", "txn", null],
      );
    expect(check(reads(1, 1), TRANSACTIONS).verdict).toBe("linearizable");
    expect(check(reads(null, null), TRANSACTIONS).verdict).toBe("linearizable");
    expect(check(reads(1, null), TRANSACTIONS)).toMatchObject({
      verdict: "not linearizable",
      violation: { keys: ["a", "b"] },
    });
  });

  it("with a condition take effect only where it holds", () => {
    const guarded = (value: Value): HistoryEvent[] =>
      history(
        [0, "invoke", "txn", [["is", "a", 5], ["w", "b", 1]]],
        [0, "info", "txn", null],
        [1, "invoke", "txn", [["r", "b", null]]],
        [1, "ok", "txn", [["r", "b", value]]],
      );
    expect(check(guarded(null), TRANSACTIONS).verdict).toBe("linearizable");
    expect(check(guarded(1), TRANSACTIONS).verdict).toBe("not linearizable");
  });
});

describe("limits", () => {
  const shape = { kind: "kv", seed: 1, operations: 2000, processes: 8, keys: 1, unknown: 0.05, values: 5 } as const;

  it("of memory and of time make a check undecided", () => {
    const events = randomHistory(shape);
    expect(check(events, KV, { ...LIMITS, configurations: 100 })).toMatchObject({
      verdict: "undecided",
      limit: "memory",
    });
    let now = 0;
    const clock = { monotonic: (): number => now += 1000 };
    expect(check(randomHistory({ ...shape, operations: 20_000, unknown: 0 }), KV, { ...LIMITS, clock, timeout_ms: 1 }))
      .toMatchObject({ verdict: "undecided", limit: "time" });
  });

  it("do not keep a violation from being found behind a part that is hard to decide", () => {
    const bad = history(
      [90, "invoke", "read", null],
      [90, "ok", "read", 7],
    ).map((event) => ({ ...event, key: "other" }));
    expect(check([...randomHistory(shape), ...bad], KV, { ...LIMITS, configurations: 100 }).verdict).toBe(
      "not linearizable",
    );
  });
});

describe("an explanation that runs out of time", () => {
  it("leaves the verdict as it is, and says that it is not the shortest", () => {
    const shape = { kind: "kv", seed: 2, operations: 40, processes: 8, keys: 1, unknown: 0, values: null } as const;
    const events = faultyHistory(shape, "stale read");
    let now = 0;
    const clock = { monotonic: (): number => now++ };
    const whole = check(events, KV);
    // Enough for the decision, which looks at the time now and then, and for nothing else.
    const hasty = check(events, KV, { ...LIMITS, clock, timeout_ms: 2 });
    expect(whole).toMatchObject({ verdict: "not linearizable", violation: { isShortest: true, isSmallest: true } });
    expect(hasty).toMatchObject({ verdict: "not linearizable", violation: { isSmallest: false } });
  });
});

describe("long histories", () => {
  it("of 10,000 operations of 16 clients on 8 keys are decided", () => {
    const shape = { seed: 5, operations: 10_000, processes: 16, keys: 8, unknown: 0.01, values: 5 };
    for (const kind of ["kv", "counter"] as const) {
      expect(check(randomHistory({ ...shape, kind }), MODELS[kind]).verdict).toBe("linearizable");
    }
  });

  it("of 2,000 operations of 8 clients on one key, one in twenty of unknown outcome, are decided", () => {
    const shape = { seed: 5, operations: 2_000, processes: 8, keys: 1, unknown: 0.05 };
    for (const values of [5, null]) {
      const events = randomHistory({ ...shape, kind: "register", values });
      expect(check(events, REGISTER).verdict).toBe("linearizable");
    }
  });

  it("of more clients than a word has bits are decided", () => {
    const shape = { seed: 3, operations: 400, processes: 80, keys: 1, unknown: 0.02, values: 3 };
    expect(check(randomHistory({ ...shape, kind: "register" }), REGISTER).verdict).toBe("linearizable");
  });
});
