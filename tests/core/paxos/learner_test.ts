import { describe, expect, test } from "vitest";
import { textToBytes } from "../../../src/codec/bytes.ts";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { BatchBuilder, readBatch } from "../../../src/core/batch.ts";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { Learner } from "../../../src/core/paxos/learner.ts";
import { writeMessage } from "../../../src/core/paxos/message_codec.ts";
import { type Accept, MESSAGE } from "../../../src/core/paxos/messages.ts";
import { Origins } from "../../../src/core/paxos/origins.ts";
import { SlotLog } from "../../../src/core/paxos/slot_log.ts";
import { type BatchName, readValue, writeProposal } from "../../../src/core/paxos/value.ts";
import type { Completion } from "../../../src/core/replication.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { ListMachine } from "../../support/paxos_cluster.ts";
import { HeldLog } from "../../support/paxos_log.ts";

const [ROUND_3, ROUND_4, ROUND_5] = [makeBallot(3, 0), makeBallot(4, 2), makeBallot(5, 1)];

function valueOf(number: number, ...commands: string[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const command of commands) builder.add(textToBytes(command));
  const writer = new ByteWriter(64);
  writeProposal(writer, { origin: 1, life: 1, number, batch: builder.seal(0).slice() });
  return writer.take();
}

/** A learner beside an acceptor's log. */
class Bench {
  readonly clock = new ManualClock();
  readonly log = new HeldLog(this.clock, new Uint8Array(16));
  readonly slots = new SlotLog(this.log, 1 << 20);
  readonly machine = new ListMachine();
  readonly applied: number[] = [];
  readonly callerErrors: unknown[] = [];
  waiting: (batch: BatchName) => readonly Completion[] | null = () => null;
  readonly learner = new Learner({ slot: 0, origins: new Origins() }, {
    slots: this.slots,
    machine: this.machine,
    waiting: (proposal) => this.waiting(proposal),
    onCallerError: (error) => void this.callerErrors.push(error),
    onApplied: (slot) => void this.applied.push(slot),
  });

  /** The acceptor beside it accepts. */
  accepts(ballot: number, slot: number, value: Uint8Array): void {
    const accept: Accept = { type: MESSAGE.accept, ballot, slot, chosen: 0, value };
    const writer = new ByteWriter(64);
    writeMessage(writer, accept);
    this.slots.appendAccept(accept, writer.take(), 0);
    this.learner.onAccepted();
  }
}

describe("a learner's watermark", () => {
  test("moves over what was accepted in the ballot of the leader that says so, in any order of the two", () => {
    const bench = new Bench();
    bench.accepts(ROUND_3, 1, valueOf(1, "a"));
    expect(bench.learner.chosen).toBe(0);
    bench.learner.onChosen(ROUND_3, 2);
    expect(bench.learner.chosen).toBe(1);
    bench.accepts(ROUND_3, 2, valueOf(2, "b"));
    expect(bench.learner.chosen).toBe(2);
  });

  test("does not move over a value of an earlier ballot, in which perhaps nothing was chosen", () => {
    const bench = new Bench();
    bench.accepts(ROUND_3, 1, valueOf(1, "a"));
    bench.learner.onChosen(ROUND_5, 1);
    expect([bench.learner.chosen, bench.learner.told]).toEqual([0, 1]);
  });

  test("does not move over a value of a later ballot than the leader's that speaks", () => {
    const bench = new Bench();
    // Round 3 knows from others what round 5 has chosen; round 4 has proposed something else here.
    bench.accepts(ROUND_4, 1, valueOf(1, "never chosen"));
    bench.learner.onChosen(ROUND_3, 1);
    expect(bench.learner.chosen).toBe(0);
  });

  test("does not take the word of one leader for the values of the next", () => {
    const bench = new Bench();
    bench.learner.onChosen(ROUND_3, 8);
    bench.learner.onChosen(ROUND_4, 0);
    bench.accepts(ROUND_4, 1, valueOf(1, "a"));
    expect([bench.learner.chosen, bench.learner.told]).toEqual([0, 8]);
    bench.learner.onChosen(ROUND_4, 1);
    expect(bench.learner.chosen).toBe(1);
  });

  test("is not moved by a deposed leader's word for values accepted since", () => {
    const bench = new Bench();
    bench.learner.onChosen(ROUND_5, 0);
    bench.accepts(ROUND_5, 1, valueOf(1, "a"));
    bench.learner.onChosen(ROUND_3, 1);
    expect(bench.learner.chosen).toBe(0);
  });

  test("does not pass a gap", () => {
    const bench = new Bench();
    bench.accepts(ROUND_3, 2, valueOf(2, "b"));
    bench.learner.onChosen(ROUND_3, 2);
    bench.learner.onLearned(2, valueOf(2, "b"));
    expect(bench.learner.chosen).toBe(0);
    bench.learner.onLearned(1, valueOf(1, "a"));
    expect(bench.learner.chosen).toBe(2);
  });

  test("takes what another replica knows in place of what its own acceptor has", () => {
    const bench = new Bench();
    bench.accepts(ROUND_3, 1, valueOf(1, "never chosen"));
    bench.learner.onLearned(1, valueOf(1, "a"));
    bench.learner.step();
    expect(bench.machine.lines).toEqual(["a"]);
  });
});

describe("a learner applies", () => {
  test("slots in order, each once, and a batch that was chosen twice once", () => {
    const bench = new Bench();
    for (const [slot, number, line] of [[1, 1, "a"], [2, 1, "a"], [3, 2, "b"]] as const) {
      bench.accepts(ROUND_3, slot, valueOf(number, line));
    }
    bench.accepts(ROUND_3, 4, new Uint8Array(0));
    bench.learner.onChosen(ROUND_3, 4);
    while (bench.learner.step());
    bench.learner.step();
    expect([bench.machine.lines, bench.applied]).toEqual([["a", "b"], [1, 2, 3, 4]]);
  });

  test("and answers each command once; what a caller throws is the caller's", () => {
    const bench = new Bench();
    const said: string[] = [];
    const done = (name: string): Completion => (error, result) => {
      said.push(`${name} ${error?.code ?? result.length}`);
      throw new Error(name);
    };
    bench.waiting = () => [done("first"), done("second")];
    bench.learner.onLearned(1, valueOf(1, "a", "b"));
    bench.learner.step();
    expect([said, bench.callerErrors.length]).toEqual([["first 3", "second 3"], 2]);
  });

  test("and a machine that throws leaves nobody without an answer", () => {
    const bench = new Bench();
    bench.machine.poison = "b";
    const said: string[] = [];
    const done: Completion = (error) => void said.push(error?.code ?? "ok");
    bench.waiting = () => [done, done, done];
    bench.learner.onLearned(1, valueOf(1, "a", "b", "c"));
    expect(() => bench.learner.step()).toThrow("cannot bear b");
    expect(said).toEqual(["ok", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"]);
  });
});

test("a value gives back its batches, and the no-op has none", () => {
  const found: [BatchName, number][] = [];
  const value = valueOf(3, "a");
  readValue(value, (batch, start, end) => {
    readBatch(value, start, end, (start, end) => void found.push([batch, end - start]));
  });
  readValue(new Uint8Array(0), (batch) => void found.push([batch, 0]));
  expect(found).toEqual([[{ origin: 1, life: 1, number: 3 }, 1]]);
});
