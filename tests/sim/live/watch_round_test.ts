import { expect, test } from "vitest";
import { keyFromText, textToBytes } from "../../../src/codec/bytes.ts";
import type { EventType } from "../../../src/sim/checker/history.ts";
import { type RoundWrite, WatchRound } from "../../../src/sim/live/watch_round.ts";

/** A round of two watchers with puts of `x1`, `x2`, …, one after the other, that ended so at these revisions. */
function roundOf(...ends: readonly (readonly [type: EventType, revision: number])[]): WatchRound {
  const round = new WatchRound("r/", 2);
  ends.forEach(([type, revision], at) => {
    const value = `x${at + 1}`;
    const write: RoundWrite = { key: "r/k", value, began: 0, ended: 0, outcome: "open", revision: 0, changed: true };
    const event = { process: 0, f: "put", key: "r/k", value, time: 0 };
    round.note(write, { ...event, type: "invoke" }, at * 2 + 1);
    write.revision = revision;
    round.note(write, { ...event, type }, at * 2 + 2);
  });
  return round;
}

/** Shows puts of `x<number>` at revisions. */
function show(
  round: WatchRound,
  watcher: number,
  ...puts: readonly (readonly [number: number, revision: number])[]
): void {
  for (const [number, revision] of puts) {
    const value = textToBytes(`x${number}`);
    const entry = { value, version: 1, createRevision: 1, modRevision: revision, expiry: 0 };
    round.see(watcher, { type: "put", revision, key: keyFromText("r/k"), entry });
  }
}

test("a round whose watchers were shown every acknowledged write, and some of unknown outcome, is right", () => {
  const round = roundOf(["ok", 5], ["info", 0], ["fail", 0], ["ok", 9]);
  for (const watcher of [0, 1]) show(round, watcher, [1, 5], [2, 7], [4, 9]);
  expect(round.judge()).toBe(null);
});

test.each(
  [
    ["an event that only one was shown", [["ok", 5], ["ok", 6]], [[1, 5], [2, 6]], [[2, 6]], "different things"],
    ["one that none was shown", [["ok", 5], ["ok", 6]], [[2, 6]], [[2, 6]], "acknowledged at revision 5"],
    [
      "another revision than was told",
      [["ok", 5], ["ok", 7]],
      [[1, 6], [2, 7]],
      [[1, 6], [2, 7]],
      "nothing at that revision",
    ],
    ["one that was refused", [["fail", 0], ["ok", 7]], [[1, 6], [2, 7]], [[1, 6], [2, 7]], "no client did"],
    [
      "an unknown one twice",
      [["info", 0], ["ok", 7]],
      [[1, 5], [1, 6], [2, 7]],
      [[1, 5], [1, 6], [2, 7]],
      "no client did",
    ],
    ["one twice", [["ok", 5], ["ok", 7]], [[1, 5], [1, 5], [2, 7]], [[1, 5], [1, 5], [2, 7]], "after"],
    [
      "revisions against the order in time",
      [["ok", 7], ["ok", 5]],
      [[2, 5], [1, 7]],
      [[2, 5], [1, 7]],
      "before it began",
    ],
  ] as const,
)("a round with %s is wrong", (_what, ends, first, second, message) => {
  const round = roundOf(...ends);
  show(round, 0, ...first);
  show(round, 1, ...second);
  expect(round.judge()).toContain(message);
});

test("what a watcher missed because it was away for too long is not held against the server", () => {
  const round = roundOf(["ok", 5], ["ok", 6]);
  show(round, 0, [2, 6]);
  show(round, 1, [1, 5], [2, 6]);
  round.excused.add(0);
  expect(round.judge()).toBe(null);
});
