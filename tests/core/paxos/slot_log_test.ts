import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { CHOSEN_BALLOT, makeBallot } from "../../../src/core/paxos/ballot.ts";
import { writeMessage } from "../../../src/core/paxos/message_codec.ts";
import { type Accept, MESSAGE } from "../../../src/core/paxos/messages.ts";
import { Origins } from "../../../src/core/paxos/origins.ts";
import { RECORD } from "../../../src/core/paxos/records.ts";
import { LogScan } from "../../../src/core/paxos/recovery.ts";
import { MAX_SLOT_SPAN } from "../../../src/core/paxos/slot_index.ts";
import { SlotLog } from "../../../src/core/paxos/slot_log.ts";
import { decodeHeader, encodeHeader } from "../../../src/core/paxos/snapshot_header.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { HeldLog } from "../../support/paxos_log.ts";

const BALLOT = makeBallot(3, 1);

function make(cache_bytes = 1000): { clock: ManualClock; log: HeldLog; slots: SlotLog } {
  const clock = new ManualClock();
  const log = new HeldLog(clock, new Uint8Array(16));
  log.listen({ onDurable: () => {}, onFailure: () => {} });
  return { clock, log, slots: new SlotLog(log, cache_bytes) };
}

function accept(slots: SlotLog, slot: number, value: number, ballot = BALLOT, chosen = 0): void {
  const message: Accept = { type: MESSAGE.accept, ballot, slot, chosen, value: new Uint8Array([value]) };
  const writer = new ByteWriter(64);
  writeMessage(writer, message);
  slots.appendAccept(message, writer.take(), 0);
}

function scanned(log: HeldLog): { slots: SlotLog; scan: LogScan } {
  const slots = new SlotLog(log, 0);
  const scan = new LogScan(log, slots, null);
  while (scan.step() !== "done");
  return { slots, scan };
}

describe("a log by slots", () => {
  test("has the later of two records of a slot, in memory as after a restart", () => {
    const { clock, log, slots } = make(0);
    accept(slots, 1, 10);
    slots.appendLearned(1, new Uint8Array([11]));
    accept(slots, 2, 20);
    accept(slots, 2, 21, BALLOT + 256);
    clock.run();
    for (const each of [slots, scanned(log).slots]) {
      expect([1, 2].map((slot) => [each.ballot(slot), each.value(slot)])).toEqual([
        [CHOSEN_BALLOT, new Uint8Array([11])],
        [BALLOT + 256, new Uint8Array([21])],
      ]);
    }
  });

  test("finds again what was accepted however far the slots have come", () => {
    const { clock, log, slots } = make();
    const far = 3 * MAX_SLOT_SPAN;
    slots.dropBelow(far - 5);
    accept(slots, far, 10);
    clock.run();
    expect(scanned(log).slots.ballot(far)).toBe(BALLOT);
  });

  test("has nothing of slots that were let go, not even from memory", () => {
    const { clock, slots } = make();
    accept(slots, 1, 10);
    accept(slots, 7, 70);
    clock.run();
    slots.dropBelow(7);
    expect([slots.value(1), slots.has(1), slots.ballot(1), slots.value(7)]).toEqual([
      null,
      false,
      0,
      new Uint8Array([70]),
    ]);
  });

  test("keeps in memory what cannot be read back yet", () => {
    const { clock, log, slots } = make(0);
    log.isHeld = true;
    for (let slot = 1; slot <= 20; slot++) accept(slots, slot, slot);
    expect(slots.value(1)).toEqual(new Uint8Array([1]));
    log.release();
    clock.run();
    expect(slots.value(1)).toEqual(new Uint8Array([1]));
  });

  test("is read anew beside what goes on: nothing appended meanwhile is lost", () => {
    const { clock, log, slots } = make();
    accept(slots, 1, 10);
    accept(slots, 2, 20);
    clock.run();
    slots.beginRebuild();
    const scan = new LogScan(log, slots, null);
    slots.appendLearned(1, new Uint8Array([11]));
    slots.appendLearned(3, new Uint8Array([30]));
    while (scan.step() !== "done");
    slots.finishRebuild();
    expect([1, 2, 3].map((slot) => slots.value(slot)?.[0])).toEqual([11, 20, 30]);
  });

  test("stands for no record of a later slot in a snapshot", () => {
    const { clock, slots } = make();
    accept(slots, 1, 10);
    accept(slots, 3, 30);
    accept(slots, 2, 20);
    clock.run();
    expect([0, 1, 2, 3].map((slot) => slots.positionOf(slot))).toEqual([0, 1, 1, 3]);
  });

  test("waits, when it is read, for what is not durable yet", () => {
    const { clock, log, slots } = make();
    log.isHeld = true;
    slots.append({ type: RECORD.promise, ballot: BALLOT });
    const scan = new LogScan(log, new SlotLog(log, 0), null);
    expect(scan.step()).toBe("waiting");
    log.release();
    clock.run();
    expect([scan.step(), scan.facts.promised]).toEqual(["done", BALLOT]);
  });

  test("vouches after a restart only for slots of the leader that has spoken for them", () => {
    const { clock, log, slots } = make();
    accept(slots, 1, 10, BALLOT);
    accept(slots, 2, 20, BALLOT + 256);
    accept(slots, 3, 30, BALLOT + 512, 2);
    slots.appendLearned(3, new Uint8Array([30]));
    clock.run();
    expect(scanned(log).scan.firstVerified(3)).toBe(3);
    accept(slots, 4, 40, BALLOT + 256, 2);
    clock.run();
    expect(scanned(log).scan.firstVerified(3)).toBe(2);
  });

  test("does not take the word of an earlier leader for the value of a later ballot", () => {
    const { clock, log, slots } = make();
    accept(slots, 3, 30, BALLOT + 256, 2);
    accept(slots, 2, 22, BALLOT + 512);
    clock.run();
    expect(scanned(log).scan.firstVerified(2)).toBe(3);
  });
});

test("the header of a snapshot gives back all that the log before it says", () => {
  const origins = new Origins();
  origins.admit({ origin: 2, life: 5, number: 1 });
  const header = {
    replicas: 5,
    slot: 2 ** 40,
    base: 2 ** 39,
    promised: BALLOT,
    round: 9,
    life: 4,
    isJoined: true,
    identities: new Map([[1, new Uint8Array(16).fill(8)]]),
    origins,
  };
  const copy = decodeHeader(encodeHeader(header));
  expect(copy).toEqual(header);
  expect(copy.origins.lastOf(2, 5)).toBe(1);
});
