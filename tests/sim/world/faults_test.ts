import { expect, test } from "vitest";
import { FAULT_KINDS, intensitiesOf, parseFaultProfile } from "../../../src/sim/world/faults.ts";

test("profiles are none, light, heavy, or a list", () => {
  expect(parseFaultProfile("heavy")).toBe("heavy");
  expect(parseFaultProfile("loss, crash=0.5")).toEqual({ loss: 1, crash: 0.5 });
  expect(intensitiesOf({ loss: 0.25 })).toMatchObject({ loss: 0.25, crash: 0 });
  // A leader that is cut off again and again is a run of its own.
  expect(FAULT_KINDS.map((kind) => intensitiesOf("heavy")[kind])).toEqual(
    FAULT_KINDS.map((kind) => kind === "leaderCut" ? 0 : 1),
  );
  expect(intensitiesOf({ leaderCut: 1 }).leaderCut).toBe(1);
  expect(FAULT_KINDS.every((kind) => intensitiesOf("none")[kind] === 0)).toBe(true);
});

test("a fault that there is not is refused, with those that there are", () => {
  expect(() => parseFaultProfile("lightning")).toThrow(
    /there is no fault "lightning": use none, light, heavy, or a list of loss/,
  );
  expect(() => parseFaultProfile("loss=2")).toThrow("the intensity of loss is 2; it is a number from 0 to 1");
  expect(() => parseFaultProfile("loss=")).toThrow("the intensity of loss is NaN");
});
