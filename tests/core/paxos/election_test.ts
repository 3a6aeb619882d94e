import { describe, expect, test } from "vitest";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { Election } from "../../../src/core/paxos/election.ts";
import { LeasePromise } from "../../../src/core/paxos/lease.ts";
import { MESSAGE, type Message } from "../../../src/core/paxos/messages.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const [ROUND_3, ROUND_5] = [makeBallot(3, 1), makeBallot(5, 0)];

function make(
  seed = 1,
  lease: LeasePromise | null = null,
): { election: Election; said: { to: number; message: Message }[] } {
  const said: { to: number; message: Message }[] = [];
  const election = new Election(0, {
    id: 0,
    replicas: 3,
    random: new SeededRandom(seed),
    send: (to, message) => void said.push({ to, message }),
    chosen: () => 7,
    lease: () => lease,
    timeout_ms: 500,
  });
  return { election, said };
}

const granted = (ballot: number): { type: 4; ballot: number; isGranted: boolean; seen: number; chosen: number } => ({
  type: MESSAGE.preVoteReply,
  ballot,
  isGranted: true,
  seen: 0,
  chosen: 0,
});

describe("an election", () => {
  test("grants no pre-vote while a leader is alive, nor for a ballot that is too low", () => {
    const { election, said } = make();
    election.onLeader(ROUND_3, 0);
    const ask = (ballot: number, now: number): unknown => {
      election.onPreVote(2, { type: MESSAGE.preVote, ballot }, ROUND_3, now);
      return said.pop()!.message;
    };
    expect(ask(ROUND_5, 499)).toMatchObject({ isGranted: false });
    expect(ask(ROUND_3, 500)).toMatchObject({ isGranted: false, seen: ROUND_3 });
    expect(ask(ROUND_5, 500)).toEqual({ ...granted(ROUND_5), seen: ROUND_3, chosen: 7 });
  });

  test("asks when the leader is silent, and campaigns with a majority of answers to this very question", () => {
    const { election, said } = make();
    election.onLeader(ROUND_3, 0);
    election.onTick(499, ROUND_5);
    expect(said).toEqual([]);
    election.onTick(1000, ROUND_5);
    expect(said.map(({ to }) => to)).toEqual([0, 1, 2]);
    expect(election.onPreVoteReply(1, granted(ROUND_3), 1000)).toBe(false);
    expect(election.onPreVoteReply(1, granted(ROUND_5), 1000)).toBe(false);
    expect(election.onPreVoteReply(1, granted(ROUND_5), 1000)).toBe(false);
    expect(election.onPreVoteReply(0, granted(ROUND_5), 1000)).toBe(true);
    expect(election.onPreVoteReply(2, granted(ROUND_5), 1000)).toBe(false);
  });

  test("asks for nobody and grants nobody anything while its acceptor has promised a lease to another", () => {
    const lease = new LeasePromise(-10_000, 500);
    const { election, said } = make(1, lease);
    election.onLeader(ROUND_3, 0);
    lease.give(ROUND_3, 400);
    election.onLeaderLost(410);
    expect(election.deadline).toBeGreaterThanOrEqual(950);
    election.onPreVote(2, { type: MESSAGE.preVote, ballot: ROUND_5 }, ROUND_3, 899);
    expect(said.pop()!.message).toMatchObject({ isGranted: false });
    election.onPreVote(1, { type: MESSAGE.preVote, ballot: makeBallot(5, 1) }, ROUND_3, 899);
    expect(said.pop()!.message).toMatchObject({ isGranted: true });
    lease.give(ROUND_3, 1000);
    election.onTick(1100, ROUND_5);
    expect(said).toEqual([]);
    expect(election.deadline).toBeGreaterThanOrEqual(1550);
    election.onTick(1700, ROUND_5);
    expect(said.map(({ to }) => to)).toEqual([0, 1, 2]);
  });

  test("gives up its question when a leader is heard", () => {
    const { election } = make();
    election.onTick(1000, ROUND_5);
    election.onLeader(ROUND_3, 1001);
    expect(election.onPreVoteReply(1, granted(ROUND_5), 1002)).toBe(false);
    expect(election.onPreVoteReply(2, granted(ROUND_5), 1002)).toBe(false);
  });

  test("tries at another time on every replica, so that few duel", () => {
    const deadlines = Array.from({ length: 20 }, (_, seed) => {
      const { election } = make(seed);
      election.onLeader(ROUND_3, 0);
      return election.deadline;
    });
    expect(new Set(deadlines).size).toBe(20);
    expect(deadlines.every((deadline) => deadline >= 500 && deadline <= 1000)).toBe(true);
  });

  test("takes a lower leader's word for nothing", () => {
    const { election } = make();
    election.onLeader(ROUND_5, 0);
    election.onLeader(ROUND_3, 400);
    expect([election.leaderBallot, election.leader(499), election.leader(500)]).toEqual([ROUND_5, 0, null]);
  });
});
