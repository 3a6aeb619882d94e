import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { LeasePromise } from "../../../src/core/paxos/lease.ts";
import { Acceptor } from "../../../src/core/paxos/acceptor.ts";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { writeMessage } from "../../../src/core/paxos/message_codec.ts";
import { type Accept, MESSAGE, type Message, type PromiseReply } from "../../../src/core/paxos/messages.ts";
import { LogScan } from "../../../src/core/paxos/recovery.ts";
import { SlotLog } from "../../../src/core/paxos/slot_log.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { HeldLog } from "../../support/paxos_log.ts";

const ROUND_3 = makeBallot(3, 0);
const ROUND_5 = makeBallot(5, 1);

/** An acceptor with its log, and what it has said. */
class Bench {
  readonly clock = new ManualClock();
  log = new HeldLog(this.clock, new Uint8Array(16));
  slots = new SlotLog(this.log, 1 << 20);
  chosen = 0;
  said: { to: number; message: Message }[] = [];
  acceptor = this.#start(0);

  constructor() {
    this.#listen();
  }

  #start(promised: number): Acceptor {
    return new Acceptor(promised, {
      slots: this.slots,
      tag: 7,
      chosen: () => this.chosen,
      send: (to, message) => void this.said.push({ to, message }),
      lease: new LeasePromise(0, 0),
    });
  }

  #listen(): void {
    this.log.listen({ onDurable: (position) => this.acceptor.onDurable(position), onFailure: () => {} });
  }

  prepare(ballot: number, chosen = 0): void {
    this.acceptor.onPrepare(ballot % 256, { type: MESSAGE.prepare, ballot, chosen });
  }

  accept(ballot: number, slot: number, value: number): void {
    const accept: Accept = { type: MESSAGE.accept, ballot, slot, chosen: 0, value: new Uint8Array([value]) };
    const writer = new ByteWriter(64);
    writeMessage(writer, accept);
    this.acceptor.onAccept(ballot % 256, accept, writer.take());
  }

  /** Loses what was not durable and starts again from the log. */
  crash(): void {
    this.log = this.log.afterCrash(this.clock);
    this.slots = new SlotLog(this.log, 1 << 20);
    const scan = new LogScan(this.log, this.slots, null);
    while (scan.step() !== "done");
    this.acceptor = this.#start(scan.facts.promised);
    this.#listen();
  }

  /** What was said since the last time, in short. */
  heard(): string[] {
    this.clock.run();
    return this.said.splice(0).map(({ to, message }) => {
      if (message.type === MESSAGE.nack) return `${to}: no, ${message.promised / 256 | 0}`;
      if (message.type === MESSAGE.accepted) return `${to}: accepted ${message.ranges.join("-")}`;
      if (message.type !== MESSAGE.promise) return `${to}: ${message.type}`;
      const entries = message.entries.map(({ slot, ballot, value }) => `${slot}=${value[0]}@${ballot / 256 | 0}`);
      return `${to}: promise above ${message.chosen} [${entries.join(" ")}]`;
    });
  }
}

describe("an acceptor", () => {
  test("promises with what it has accepted, and refuses lower ballots from then on", () => {
    const bench = new Bench();
    bench.accept(ROUND_3, 1, 10);
    bench.accept(ROUND_3, 3, 30);
    expect(bench.heard()).toEqual(["0: accepted 1-1-3-3"]);
    bench.prepare(ROUND_5);
    expect(bench.heard()).toEqual(["1: promise above 0 [1=10@3 3=30@3]"]);
    bench.accept(ROUND_3, 4, 40);
    bench.prepare(ROUND_3);
    bench.acceptor.onHeartbeat(0, { type: MESSAGE.heartbeat, ballot: ROUND_3, round: 9, chosen: 0, slack_ms: 0 }, 0);
    expect(bench.heard()).toEqual(["0: no, 5", "0: no, 5", "0: no, 5"]);
    expect(bench.slots.value(4)).toBe(null);
  });

  test("puts its syncs off for as long as the leader of that ballot lets it", () => {
    const bench = new Bench();
    const beat = (ballot: number, slack_ms: number): void =>
      bench.acceptor.onHeartbeat(0, { type: MESSAGE.heartbeat, ballot, round: 0, chosen: 0, slack_ms }, 0);
    bench.accept(ROUND_3, 1, 10);
    beat(ROUND_3, 4);
    bench.accept(ROUND_3, 2, 20);
    bench.accept(ROUND_3, 3, 30);
    beat(ROUND_3, 0);
    bench.accept(ROUND_3, 4, 40);
    beat(ROUND_3, 4);
    bench.prepare(ROUND_5);
    bench.accept(ROUND_5, 5, 50);
    expect(bench.log.slacks).toEqual([0, 4, 4, 0, 0, 0]);
  });

  test("raises its promise when it accepts a higher ballot, also across a crash", () => {
    const bench = new Bench();
    bench.accept(ROUND_5, 1, 10);
    bench.heard();
    bench.prepare(ROUND_3);
    expect(bench.heard()).toEqual(["0: no, 5"]);
    bench.crash();
    bench.prepare(ROUND_3);
    expect(bench.heard()).toEqual(["0: no, 5"]);
  });

  test("says nothing before its record is durable, not even when it is asked again", () => {
    const bench = new Bench();
    bench.log.isHeld = true;
    bench.prepare(ROUND_3);
    bench.prepare(ROUND_3);
    bench.accept(ROUND_3, 1, 10);
    bench.accept(ROUND_3, 1, 10);
    expect(bench.heard()).toEqual([]);
    bench.log.release();
    expect(bench.heard()).toEqual(["0: promise above 0 [1=10@3]", "0: accepted 1-1"]);
  });

  test("does not promise the ballot of an acceptance that is still on its way to the disk", () => {
    const bench = new Bench();
    bench.log.isHeld = true;
    bench.accept(ROUND_5, 1, 10);
    bench.prepare(ROUND_5);
    expect(bench.heard()).toEqual([]);
    bench.crash();
    bench.prepare(ROUND_3);
    expect(bench.heard()).toEqual(["0: promise above 0 []"]);
  });

  test("repeats what is durable when it is asked again, without another record", () => {
    const bench = new Bench();
    bench.prepare(ROUND_3);
    bench.accept(ROUND_3, 1, 10);
    bench.heard();
    const { lastPosition } = bench.log;
    bench.prepare(ROUND_3);
    bench.accept(ROUND_3, 1, 10);
    expect(bench.heard()).toEqual(["0: promise above 0 [1=10@3]", "0: accepted 1-1"]);
    expect(bench.log.lastPosition).toBe(lastPosition);
  });

  test("forgets with a crash only what it has told nobody", () => {
    const bench = new Bench();
    bench.accept(ROUND_3, 1, 10);
    bench.heard();
    bench.log.isHeld = true;
    bench.accept(ROUND_5, 1, 11);
    bench.crash();
    bench.prepare(makeBallot(4, 2));
    expect(bench.heard()).toEqual(["2: promise above 0 [1=10@3]"]);
  });

  test("leaves out of a promise what is chosen, and tells how far that is", () => {
    const bench = new Bench();
    bench.accept(ROUND_3, 1, 10);
    bench.accept(ROUND_3, 2, 20);
    bench.chosen = 1;
    bench.heard();
    bench.prepare(ROUND_5);
    expect(bench.heard()).toEqual(["1: promise above 1 [2=20@3]"]);
  });

  test("leaves out of a promise what the proposer knows to be chosen", () => {
    const bench = new Bench();
    for (const slot of [1, 2, 3, 4]) bench.accept(ROUND_3, slot, 10 * slot);
    bench.heard();
    bench.prepare(ROUND_5, 2);
    expect(bench.heard()).toEqual(["1: promise above 0 [3=30@3 4=40@3]"]);
    bench.prepare(ROUND_5, 3);
    expect(bench.heard()).toEqual(["1: promise above 0 [4=40@3]"]);
  });

  test("tells a large promise in parts that follow one another", () => {
    const bench = new Bench();
    const value = new Uint8Array(700 * 1024);
    for (let slot = 1; slot <= 5; slot++) {
      bench.slots.recover(slot, ROUND_3, bench.slots.append({ type: 66, round: slot }), value);
    }
    bench.clock.run();
    bench.prepare(ROUND_5);
    bench.clock.run();
    const parts = bench.said.map(({ message }) => message as PromiseReply);
    expect(parts.map(({ from, to }) => [from, to])).toEqual([[1, 3], [3, 5], [5, 0]]);
    expect(parts.flatMap(({ entries }) => entries.map(({ slot }) => slot))).toEqual([1, 2, 3, 4, 5]);
  });

  test("keeps a value that is known to be chosen when a late accept of a lower ballot has another one", () => {
    const bench = new Bench();
    // Chosen in round 5, which this acceptor has never heard of; it has promised round 3 at most.
    bench.prepare(ROUND_3);
    bench.slots.appendLearned(1, new Uint8Array([50]));
    bench.chosen = 1;
    bench.heard();
    bench.accept(ROUND_3, 1, 30);
    expect(bench.heard()).toEqual([]);
    expect(bench.slots.value(1)).toEqual(new Uint8Array([50]));
    // Also when the learner has crashed and nobody here remembers that it is chosen but the record.
    bench.chosen = 0;
    bench.accept(ROUND_3, 1, 30);
    expect(bench.heard()).toEqual([]);
    bench.crash();
    expect(bench.slots.value(1)).toEqual(new Uint8Array([50]));
    bench.accept(ROUND_3, 1, 50);
    expect(bench.heard()).toEqual(["0: accepted 1-1"]);
  });

  test("ignores a slot that is absurdly far ahead, and one that was let go", () => {
    const bench = new Bench();
    bench.accept(ROUND_3, 2 ** 40, 1);
    bench.slots.dropBelow(5);
    bench.accept(ROUND_3, 4, 1);
    expect(bench.heard()).toEqual([]);
  });
});
