import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COUNTER, KV, REGISTER } from "../../../src/sim/checker/cell_model.ts";
import { checkHistory, DEFAULT_LIMITS } from "../../../src/sim/checker/check.ts";
import { type HistoryEvent, pairEvents } from "../../../src/sim/checker/history.ts";
import type { Model } from "../../../src/sim/checker/model.ts";
import { TRANSACTIONS } from "../../../src/sim/checker/transaction_model.ts";
import type { Limits, Verdict } from "../../../src/sim/checker/verdict.ts";
import { FAULTS, faultyHistory } from "./faulty_store.ts";
import { type HistoryShape, type Kind, randomHistory } from "./random_history.ts";

const LIMITS: Limits = { ...DEFAULT_LIMITS, clock: { monotonic: () => 0 } };
const MODELS: Readonly<Record<Kind, Model>> = {
  register: REGISTER,
  kv: KV,
  counter: COUNTER,
  transactions: TRANSACTIONS,
};

function shapes(kind: Kind): fc.Arbitrary<HistoryShape> {
  return fc.record({
    kind: fc.constant(kind),
    seed: fc.integer(),
    operations: fc.integer({ min: 1, max: kind === "transactions" ? 25 : 60 }),
    processes: fc.integer({ min: 1, max: 8 }),
    keys: fc.integer({ min: 1, max: 3 }),
    unknown: fc.constantFrom(0, 0.05, 0.2),
    values: fc.constantFrom(3, null),
  });
}

function verdict(events: readonly HistoryEvent[], kind: Kind): Verdict["verdict"] {
  return checkHistory(pairEvents(events), MODELS[kind], LIMITS).verdict;
}

for (const kind of Object.keys(MODELS) as Kind[]) {
  describe(`the model ${kind}`, () => {
    it("accepts 1,000 random histories of a sequential object", () => {
      fc.assert(
        fc.property(shapes(kind), (shape) => {
          expect(verdict(randomHistory(shape), kind)).toBe("linearizable");
        }),
        { numRuns: 1000 },
      );
    });

    for (const fault of FAULTS) {
      it(`flags a store with a ${fault} in every case`, () => {
        fc.assert(
          fc.property(shapes(kind), (shape) => {
            expect(verdict(faultyHistory(shape, fault), kind)).toBe("not linearizable");
          }),
          { numRuns: 300 },
        );
      });
    }
  });
}
