import { describe, expect, test } from "vitest";
import { ReadRounds } from "../../../src/core/paxos/read_rounds.ts";

const read = (id: number): { from: number; life: number; id: number; slot: number } => ({
  from: 1,
  life: 1,
  id,
  slot: id,
});

describe("rounds that confirm reads", () => {
  test("confirm the reads that came before the round began, by a majority, once", () => {
    const rounds = new ReadRounds(3);
    rounds.add(read(1));
    const round = rounds.begin(0);
    expect(rounds.onReply(0, round, 0)).toEqual([]);
    expect(rounds.onReply(0, round, 0)).toEqual([]);
    expect(rounds.onReply(2, round, 0)).toEqual([read(1)]);
    expect(rounds.onReply(1, round, 0)).toEqual([]);
  });

  test("leave a read that came later to the next round", () => {
    const rounds = new ReadRounds(3);
    const first = rounds.begin(0);
    rounds.add(read(1));
    expect([...rounds.onReply(0, first, 0), ...rounds.onReply(1, first, 0)]).toEqual([]);
    expect(rounds.wantsRound).toBe(true);
    const second = rounds.begin(0);
    expect(second).toBeGreaterThan(first);
    // Late answers to the first round say nothing of the second.
    expect([...rounds.onReply(1, first, 0), ...rounds.onReply(2, first, 0)]).toEqual([]);
    expect([...rounds.onReply(1, second, 0), ...rounds.onReply(2, second, 0)]).toEqual([read(1)]);
  });

  test("are not begun while one is under way", () => {
    const rounds = new ReadRounds(3);
    const round = rounds.begin(0);
    expect(rounds.unconfirmed).toBe(round);
    expect(() => rounds.begin(0)).toThrow("is not confirmed yet");
  });
});
