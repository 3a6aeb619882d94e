import { describe, expect, test } from "vitest";
import { AwaitedVotes, SLACK_MS } from "../../../src/core/paxos/awaited_votes.ts";

const ALL = [0, 1, 2, 3, 4];

/** Who is awaited. */
function awaitedOf(votes: AwaitedVotes): number[] {
  return ALL.filter((id) => votes.slackOf(id) === 0);
}

/** Many slots in which these replicas gave the votes that made the majority. */
function slots(votes: AwaitedVotes, ...helpers: number[]): void {
  for (let slot = 0; slot < 20; slot++) {
    for (const id of helpers) votes.onHelp(id);
    votes.onChosen(1);
  }
  votes.choose();
}

describe("a leader of five", () => {
  test("awaits everybody until it has seen who helps", () => {
    const votes = new AwaitedVotes(2, 5);
    expect(awaitedOf(votes)).toEqual(ALL);
    votes.onHelp(1);
    votes.onChosen(1);
    votes.choose();
    expect(awaitedOf(votes)).toEqual(ALL);
  });

  test("awaits itself and the two whose votes made majorities, and gives the others some slack", () => {
    const votes = new AwaitedVotes(2, 5);
    slots(votes, 2, 1, 4);
    expect(awaitedOf(votes)).toEqual([1, 2, 4]);
    expect([0, 3].map((id) => votes.slackOf(id))).toEqual([SLACK_MS, SLACK_MS]);
  });

  test("awaits another when one that it awaited does not vote any more", () => {
    const votes = new AwaitedVotes(2, 5);
    slots(votes, 2, 1, 4);
    slots(votes, 2, 4, 0);
    expect(awaitedOf(votes)).toEqual([0, 2, 4]);
  });

  test("keeps whom it awaits when others help as much", () => {
    const votes = new AwaitedVotes(2, 5);
    slots(votes, 2, 1, 4);
    slots(votes, 2, 0, 1, 3, 4);
    expect(awaitedOf(votes)).toEqual([1, 2, 4]);
  });

  test("awaits one more while its own disk is the slow one", () => {
    const votes = new AwaitedVotes(2, 5);
    slots(votes, 0, 3, 4);
    expect(awaitedOf(votes)).toEqual([0, 2, 3, 4]);
  });
});
