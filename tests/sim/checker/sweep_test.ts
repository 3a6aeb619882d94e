import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COUNTER, KV, REGISTER } from "../../../src/sim/checker/cell_model.ts";
import { type Operation, pairEvents } from "../../../src/sim/checker/history.ts";
import type { Model } from "../../../src/sim/checker/model.ts";
import { partsOf } from "../../../src/sim/checker/parts.ts";
import { problemOf } from "../../../src/sim/checker/problem.ts";
import { search, type SearchLimits } from "../../../src/sim/checker/search.ts";
import { sweep } from "../../../src/sim/checker/sweep.ts";
import { TRANSACTIONS } from "../../../src/sim/checker/transaction_model.ts";
import { hasOrder } from "./brute_force.ts";
import { mutated } from "./mutated.ts";
import { type Kind, randomHistory } from "./random_history.ts";

const MODELS: Readonly<Record<Kind, Model>> = {
  register: REGISTER,
  kv: KV,
  counter: COUNTER,
  transactions: TRANSACTIONS,
};
const LIMITS: SearchLimits = { configurations: 10_000, trials: null, strictFrom: 0, overdue: () => false };

/** Small histories of one key, many of them wrong, and with many unknown outcomes. */
function histories(kind: Kind): fc.Arbitrary<Operation[]> {
  return fc.tuple(
    fc.integer(),
    fc.integer({ min: 1, max: 7 }),
    fc.constantFrom(0.3, 0.7),
    fc.nat({ max: 2 }),
    fc.nat(),
    fc.nat(),
  )
    .map(([seed, operations, unknown, mutations, pick, by]) => {
      let events = randomHistory({ kind, seed, operations, processes: 3, keys: 1, unknown, values: 3 });
      for (let i = 0; i < mutations; i++) events = mutated(events, pick + i, by + i);
      return pairEvents(events);
    });
}

for (const kind of Object.keys(MODELS) as Kind[]) {
  const model = MODELS[kind];
  const found = (by: typeof search, operations: readonly Operation[], limits: SearchLimits): string[] =>
    partsOf(operations, model).map((part) => by(problemOf(part.operations, model), limits).found);

  describe(`searches of ${kind}, in depth and in breadth,`, () => {
    it("find an order exactly where there is one", () => {
      fc.assert(
        fc.property(histories(kind), (operations) => {
          const expected = hasOrder(operations, kind);
          for (const by of [search, sweep]) {
            expect(!found(by, operations, LIMITS).includes("none")).toBe(expected);
          }
        }),
        { numRuns: 800 },
      );
    });

    it("find no order where operations may be used again, or little is kept, only if there is none", () => {
      let refuted = 0;
      fc.assert(
        fc.property(histories(kind), fc.constantFrom(Infinity, 1, 2), (operations, strictFrom) => {
          const results = [
            ...found(search, operations, { ...LIMITS, strictFrom }),
            ...found(sweep, operations, { ...LIMITS, strictFrom }),
            ...found(sweep, operations, { ...LIMITS, configurations: 1 }),
          ];
          if (!results.includes("none")) return;
          refuted++;
          expect(hasOrder(operations, kind)).toBe(false);
        }),
        { numRuns: 800 },
      );
      expect(refuted).toBeGreaterThan(20);
    });

    it("give an order in which each operation can follow the one before", () => {
      fc.assert(
        fc.property(histories(kind), (operations) => {
          for (const part of partsOf(operations, model)) {
            for (const by of [search, sweep]) {
              const { order, found } = by(problemOf(part.operations, model), LIMITS);
              if (found !== "order") continue;
              const required = part.operations.filter(({ outcome }) => outcome === "ok").length;
              expect(new Set(order.map(({ operation }) => operation)).size).toBe(order.length);
              expect(order.filter(({ operation }) => operation.outcome === "ok").length).toBeLessThanOrEqual(required);
              order.forEach(({ operation }, at) => {
                // What an operation of unknown outcome does it may do at any later time.
                const end = operation.outcome === "unknown" ? Infinity : operation.complete!;
                expect(order.slice(0, at).every((before) => before.operation.invoke < end)).toBe(true);
              });
            }
          }
        }),
        { numRuns: 200 },
      );
    });
  });
}
