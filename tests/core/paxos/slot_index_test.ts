import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_BALLOT } from "../../../src/core/paxos/ballot.ts";
import { MAX_SLOT_SPAN, SlotIndex } from "../../../src/core/paxos/slot_index.ts";

type Step =
  | { readonly do: "set"; readonly slot: number; readonly ballot: number; readonly position: number }
  | { readonly do: "dropBelow"; readonly slot: number };

const slot = fc.integer({ min: 1, max: 6000 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("set" as const), slot, ballot: fc.nat(99), position: slot }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("dropBelow" as const), slot }) },
  ),
  { maxLength: 60 },
);

describe("the index of slots", () => {
  test("is a map of what was entered and not let go", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const index = new SlotIndex();
        const model = new Map<number, { ballot: number; position: number }>();
        let base = 1;
        for (const step of all) {
          if (step.do === "set") {
            if (step.slot < base) expect(() => index.set(step.slot, 1, 1)).toThrow(RangeError);
            else {
              index.set(step.slot, step.ballot, step.position);
              model.set(step.slot, step);
            }
          } else {
            index.dropBelow(step.slot);
            base = Math.max(base, step.slot);
            for (const each of model.keys()) if (each < base) model.delete(each);
          }
          expect(index.base).toBe(base);
          expect(index.end).toBeGreaterThanOrEqual(Math.max(base, ...[...model.keys()].map((each) => each + 1)));
        }
        let wrong = 0;
        for (let each = 0; each < 6100; each++) {
          const { ballot, position } = model.get(each) ?? { ballot: NO_BALLOT, position: 0 };
          if (index.ballot(each) !== ballot || index.position(each) !== position) wrong++;
        }
        expect(wrong).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test("takes slots from frames only within reach, and its own however far ahead they are", () => {
    const index = new SlotIndex(10);
    expect([9, 10, 9 + MAX_SLOT_SPAN, 10 + MAX_SLOT_SPAN].map((each) => index.accepts(each))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    index.set(10 + MAX_SLOT_SPAN, 5, 6);
    expect(index.position(10 + MAX_SLOT_SPAN)).toBe(6);
  });
});
