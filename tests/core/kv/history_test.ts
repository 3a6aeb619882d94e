import { expect, test } from "vitest";
import { History } from "../../../src/core/kv/history.ts";
import { DEFAULT_LIMITS } from "../../../src/core/kv/limits.ts";
import type { WatchEvent } from "../../../src/core/kv/result.ts";
import { bytes, key } from "./arbitraries.ts";

function event(revision: number, value = "v"): WatchEvent {
  const entry = { value: bytes(value), version: 1, createRevision: revision, modRevision: revision, expiry: 0 };
  return { type: "put", revision, key: key("k"), entry };
}

function kept(history: History): number[] {
  const revisions: number[] = [];
  history.scan(0, (found) => revisions.push(found.revision) > 0);
  return revisions;
}

test("a revision is kept with all its events or not at all", () => {
  const history = new History({ ...DEFAULT_LIMITS, maxHistoryEvents: 6 }, 0);
  for (const revision of [1, 1, 1, 2, 3, 3]) history.push(event(revision));
  expect([kept(history), history.floor, history.length]).toEqual([[1, 1, 1, 2, 3, 3], 0, 6]);
  history.push(event(4));
  expect([kept(history), history.floor, history.length]).toEqual([[2, 3, 3, 4], 1, 4]);
  for (let i = 0; i < 9; i++) history.push(event(5));
  expect([kept(history), history.floor, history.length, history.bytes]).toEqual([[], 5, 0, 0]);
  history.push(event(6));
  expect([kept(history), history.floor]).toEqual([[6], 5]);
});

test("an event larger than all that may be kept is not kept", () => {
  const history = new History({ ...DEFAULT_LIMITS, maxHistoryBytes: 1000 }, 7);
  history.push(event(8, "x".repeat(2000)));
  expect([history.floor, history.length, history.bytes]).toEqual([8, 0, 0]);
  for (let revision = 9; revision < 200; revision++) history.push(event(revision));
  expect(history.bytes).toBeLessThanOrEqual(1000);
  expect(history.length).toBeGreaterThan(50);
  expect(kept(history)[0]).toBe(history.floor + 1);
});
