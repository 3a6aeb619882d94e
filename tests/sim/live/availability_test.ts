import { expect, test } from "vitest";
import { Availability } from "../../../src/sim/live/availability.ts";

test("availability counts the whole seconds with a success and finds the longest time without one", () => {
  const availability = new Availability(500);
  for (const at_ms of [600, 700, 1600, 4700, 5400]) availability.succeeded(at_ms);
  // Windows from 500, 1500, 2500, 3500, 4500; the last half second is no window.
  expect(availability.until(6000)).toEqual({ longestGap_ms: 3100, windows: 5, windowsServed: 3 });
});

test("a success in the last window counts only when the window is whole", () => {
  const availability = new Availability(0);
  availability.succeeded(100);
  availability.succeeded(1100);
  expect(availability.until(1500)).toMatchObject({ windows: 1, windowsServed: 1 });
  expect(availability.until(2000)).toMatchObject({ windows: 2, windowsServed: 2 });
});

test("without any success nothing was served, and all of it is the gap", () => {
  expect(new Availability(10).until(3010)).toEqual({ longestGap_ms: 3000, windows: 3, windowsServed: 0 });
});
