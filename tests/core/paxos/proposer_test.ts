import { describe, expect, test } from "vitest";
import { SLACK_MS } from "../../../src/core/paxos/awaited_votes.ts";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { type Accept, type AcceptedEntry, MESSAGE, type Message } from "../../../src/core/paxos/messages.ts";
import { Proposer } from "../../../src/core/paxos/proposer.ts";
import { SlotLog } from "../../../src/core/paxos/slot_log.ts";
import { readValue } from "../../../src/core/paxos/value.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { HeldLog } from "../../support/paxos_log.ts";

/** Replica 0 of three proposes; the test speaks for the acceptors. */
class Bench {
  readonly clock = new ManualClock();
  readonly log = new HeldLog(this.clock, new Uint8Array(16));
  readonly slots = new SlotLog(this.log, 1 << 20);
  chosen = 0;
  said: { to: number; message: Message }[] = [];
  accepts: Accept[] = [];
  acceptsTo: number[] = [];
  announced = 0;
  readonly wanted: number[] = [];
  readonly leads: boolean[] = [];
  readonly proposer: Proposer;

  constructor(seen = 0) {
    this.proposer = new Proposer(seen, {
      id: 0,
      replicas: 3,
      slots: this.slots,
      chosen: () => this.chosen,
      send: (to, message) => void this.said.push({ to, message }),
      sendAccept: (to, accept) => {
        this.acceptsTo.push(to);
        // One of the receivers stands for all.
        if (to === 1) this.accepts.push({ ...accept, value: accept.value.slice() });
      },
      onChosen: (_ballot, slot) => void (this.announced = slot),
      onLeadership: (isLeader) => void this.leads.push(isLeader),
      catchUp: (slot) => void this.wanted.push(slot),
      leaseReads: true,
      heartbeat_ms: 100,
      patience_ms: 500,
    });
    this.log.listen({
      onDurable: (position) => this.proposer.onDurable(position, this.clock.monotonic()),
      onFailure: () => {},
    });
  }

  get now(): number {
    return this.clock.monotonic();
  }

  campaign(): void {
    this.proposer.campaign();
    this.clock.run();
  }

  promise(from: number, entries: readonly AcceptedEntry[] = [], chosen = 0, ballot = this.proposer.ballot): void {
    const reply = { type: MESSAGE.promise, ballot, tag: 0, chosen, from: chosen + 1, to: 0, entries } as const;
    this.proposer.onPromise(from, reply, this.now);
  }

  lead(entries: readonly AcceptedEntry[] = []): void {
    this.campaign();
    this.promise(1, entries);
    this.promise(2);
  }

  accepted(from: number, first: number, last = first, ballot = this.proposer.ballot): void {
    this.proposer.onAccepted(from, { type: MESSAGE.accepted, ballot, tag: 0, ranges: [first, last] }, this.now);
  }

  forward(number: number, first: number, life = 1): void {
    this.proposer.onForward(1, { type: MESSAGE.forward, life, number, first, batch: new Uint8Array([number]) });
    this.proposer.flush(this.now);
  }

  /** What was proposed, as slot=value of one byte or slot=batch numbers. */
  proposed(): string[] {
    return this.accepts.splice(0).map(({ slot, value }) => {
      if (value.length === 1) return `${slot}=${value[0]}`;
      const numbers: number[] = [];
      readValue(value, ({ number }) => void numbers.push(number));
      return `${slot}=[${numbers.join(" ")}]`;
    });
  }

  said1(type: number): Message[] {
    return this.said.filter(({ to, message }) => to === 1 && message.type === type).map(({ message }) => message);
  }
}

function entry(slot: number, round: number, value: number): AcceptedEntry {
  return { slot, ballot: makeBallot(round, 1), value: new Uint8Array([value]) };
}

describe("a proposer's phase 1", () => {
  test("uses no ballot before its round is durable, and none twice", () => {
    const bench = new Bench(makeBallot(7, 2));
    bench.log.isHeld = true;
    bench.campaign();
    // What was appended before is durable; the round is not.
    bench.proposer.onDurable(bench.log.lastPosition - 1, bench.now);
    expect(bench.said).toEqual([]);
    bench.log.release();
    bench.clock.run();
    expect(bench.said.map(({ message }) => message)).toContainEqual({
      type: MESSAGE.prepare,
      ballot: makeBallot(8, 0),
      chosen: 0,
    });
    bench.campaign();
    expect(bench.proposer.ballot).toBe(makeBallot(9, 0));
    expect(bench.slots.facts.round).toBe(9);
  });

  test("leads with a majority of promises of this very ballot, each acceptor counted once", () => {
    const bench = new Bench();
    bench.campaign();
    const stale = bench.proposer.ballot;
    bench.campaign();
    bench.promise(1, [], 0, stale);
    bench.promise(2, [], 0, stale);
    bench.promise(1);
    bench.promise(1);
    expect(bench.proposer.phase).toBe("preparing");
    bench.promise(2);
    expect(bench.leads).toEqual([true]);
  });

  test("proposes what the highest ballot has, fills gaps with no-ops and ends with a slot of its own", () => {
    const bench = new Bench();
    bench.campaign();
    bench.promise(1, [entry(1, 2, 20), entry(4, 1, 41)]);
    bench.promise(2, [entry(1, 3, 30)]);
    expect(bench.accepts.every(({ ballot }) => ballot === bench.proposer.ballot)).toBe(true);
    expect(bench.proposed()).toEqual(["1=30", "2=[]", "3=[]", "4=41", "5=[]"]);
  });

  test("does not lead below the watermark of its quorum before it has caught up", () => {
    const bench = new Bench();
    bench.campaign();
    bench.promise(1, [entry(6, 1, 60)], 5);
    bench.promise(2);
    expect([bench.proposer.phase, bench.wanted, bench.proposed()]).toEqual(["catching up", [5], []]);
    bench.chosen = 5;
    bench.proposer.onWatermark(5, bench.now);
    expect(bench.proposed()).toEqual(["6=60", "7=[]"]);
  });

  test("begins anew when its learner has forgotten what the others were not asked for", () => {
    const bench = new Bench();
    bench.chosen = 5;
    bench.campaign();
    const first = bench.proposer.ballot;
    bench.chosen = 3;
    bench.promise(1, [entry(6, 1, 60)], 2);
    bench.promise(2, [], 4);
    expect([bench.leads, bench.proposed(), bench.wanted]).toEqual([[], [], []]);
    bench.clock.run();
    expect(bench.proposer.ballot).toBeGreaterThan(first);
    bench.promise(1, [entry(6, 1, 60)], 2);
    bench.promise(2, [entry(4, 1, 40), entry(5, 1, 50)], 3);
    expect(bench.proposed()).toEqual(["4=40", "5=50", "6=60", "7=[]"]);
  });

  test("ends when a higher ballot is heard of", () => {
    const bench = new Bench();
    bench.campaign();
    bench.promise(1);
    bench.proposer.onBallot(makeBallot(50, 1));
    bench.promise(2);
    expect(bench.proposer.phase).toBe("idle");
    expect(bench.proposer.nextBallot).toBe(makeBallot(51, 0));
  });
});

describe("a proposer's phase 2", () => {
  test("counts a majority of its own ballot, each acceptor once, and slots in order", () => {
    const bench = new Bench();
    bench.lead();
    bench.forward(1, 1);
    bench.accepted(1, 2);
    bench.accepted(2, 2);
    expect(bench.announced).toBe(0);
    bench.accepted(1, 1);
    bench.accepted(1, 1);
    bench.accepted(2, 1, 1, makeBallot(90, 0));
    expect(bench.announced).toBe(0);
    bench.accepted(0, 1);
    expect(bench.announced).toBe(2);
  });

  test("confirms no read before a slot of its own ballot is chosen", () => {
    const bench = new Bench();
    bench.lead([entry(1, 1, 10)]);
    bench.accepted(1, 1);
    bench.accepted(2, 1);
    expect(bench.proposer.onRead(1, 1, 1, bench.now)).toBe(false);
    bench.accepted(1, 2);
    bench.accepted(2, 2);
    expect(bench.proposer.onRead(1, 1, 2, bench.now)).toBe(true);
    expect(bench.said1(MESSAGE.readReply)).toEqual([]);
  });

  test("tells acceptors whose votes come after the majority that they need not hurry", () => {
    const bench = new Bench();
    bench.lead();
    for (let slot = 1; slot <= 10; slot++) {
      bench.forward(slot, slot);
      for (const from of [0, 2, 1]) bench.accepted(from, slot);
    }
    bench.said = [];
    bench.clock.advance(100);
    bench.proposer.onTick(bench.now);
    const slacks = bench.said.map(({ to, message }) => message.type === MESSAGE.heartbeat && [to, message.slack_ms]);
    expect(slacks).toEqual([[0, 0], [1, SLACK_MS], [2, 0]]);
  });

  test("gives up when a slot that it has proposed in was chosen with another value", () => {
    const bench = new Bench();
    bench.lead();
    bench.forward(1, 1);
    // A higher ballot, of which this replica has not heard, has chosen something else; the learner got it elsewhere.
    bench.slots.appendLearned(1, new Uint8Array([99]));
    bench.chosen = 1;
    bench.proposer.onWatermark(1, bench.now);
    expect([bench.leads, bench.announced]).toEqual([[true, false], 0]);
    const told = bench.said1(MESSAGE.heartbeat).map((message) => message.type === MESSAGE.heartbeat && message.chosen);
    expect(told).toEqual([0]);
  });

  test("gives up when a slot was chosen in which it has not proposed", () => {
    const bench = new Bench();
    bench.lead();
    for (const slot of [1, 2]) bench.slots.appendLearned(slot, new Uint8Array(0));
    bench.proposer.onWatermark(2, bench.now);
    expect(bench.leads).toEqual([true, false]);
  });

  test("goes on when what was chosen is what it has proposed", () => {
    const bench = new Bench();
    bench.lead([entry(1, 1, 10)]);
    bench.slots.appendLearned(1, new Uint8Array([10]));
    bench.proposer.onWatermark(1, bench.now);
    bench.accepted(1, 2);
    bench.accepted(2, 2);
    expect([bench.leads, bench.announced]).toEqual([[true], 2]);
  });

  test("sends again to those that have not answered", () => {
    const bench = new Bench();
    bench.lead();
    bench.accepted(1, 1);
    bench.acceptsTo = [];
    bench.clock.advance(300);
    bench.proposer.onTick(bench.now);
    expect(bench.acceptsTo).toEqual([0, 2]);
  });

  test("gives large values the time to arrive before it sends them again", () => {
    const bench = new Bench();
    bench.lead();
    bench.accepted(1, 1);
    bench.accepted(2, 1);
    const batch = new Uint8Array(8 * 1024 * 1024);
    bench.proposer.onForward(1, { type: MESSAGE.forward, life: 1, number: 1, first: 1, batch });
    bench.proposer.flush(bench.now);
    bench.acceptsTo = [];
    const hear = (): void => {
      for (const from of [1, 2]) {
        const reply = { type: MESSAGE.heartbeatReply, tag: 0, round: 0, chosen: 0, lease_ms: 0 } as const;
        bench.proposer.onHeartbeatReply(from, { ...reply, ballot: bench.proposer.ballot }, bench.now);
      }
      bench.proposer.onTick(bench.now);
    };
    for (let time = 0; time < 800; time += 100) {
      bench.clock.advance(100);
      hear();
    }
    expect(bench.acceptsTo).toEqual([]);
    bench.clock.advance(100);
    hear();
    expect(bench.acceptsTo).toEqual([0, 1, 2]);
  });

  test("steps down when no majority answers", () => {
    const bench = new Bench();
    bench.lead();
    for (let i = 0; i < 6; i++) {
      bench.clock.advance(100);
      bench.accepted(1, 1);
      bench.proposer.onTick(bench.now);
    }
    expect(bench.leads).toEqual([true, false]);
  });
});

describe("a leader takes batches", () => {
  test("of an origin in the order of their numbers, each once", () => {
    const bench = new Bench();
    bench.lead();
    bench.proposed();
    for (const number of [5, 4, 5, 4, 5, 6]) bench.forward(number, 4);
    expect(bench.proposed().join(" ").match(/[4-6](?=[ \]])/g)).toEqual(["4", "5", "6"]);
  });

  test("although a late copy of one that was applied long ago came first", () => {
    const bench = new Bench();
    bench.lead();
    bench.proposed();
    bench.forward(3, 3);
    for (const number of [10, 11]) bench.forward(number, 10);
    expect(bench.proposed()).toEqual(["2=[3]", "3=[10]", "4=[11]"]);
  });

  test("of the present life of an origin only", () => {
    const bench = new Bench();
    bench.lead();
    bench.proposed();
    bench.forward(1, 1, 2);
    bench.forward(1, 1, 1);
    bench.forward(2, 1, 1);
    bench.forward(2, 1, 2);
    expect(bench.proposed()).toEqual(["2=[1]", "3=[2]"]);
  });
});
