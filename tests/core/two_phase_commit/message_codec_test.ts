import { describe, expect, test } from "vitest";
import { CodecError } from "../../../src/codec/byte_reader.ts";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import {
  beginFrame,
  decodeMessage,
  encodeMessage,
  readFrame,
} from "../../../src/core/two_phase_commit/message_codec.ts";
import { encodeGroup } from "../../../src/core/two_phase_commit/group.ts";
import { MESSAGE, type Message } from "../../../src/core/two_phase_commit/messages.ts";
import { decodeRecord, encodeRecord, RECORD, type TwoPhaseRecord } from "../../../src/core/two_phase_commit/records.ts";
import { describeTwoPhaseFrame } from "../../../src/sim/run/two_phase_words.ts";

const id = { coordinator: 4, life: 3, number: 2 ** 40 };
const identity = new Uint8Array(16).fill(7);
const commands = encodeGroup([new Uint8Array([1, 2]), new Uint8Array(0), new Uint8Array([3])]);
const time = 1_700_000_000_000;

const MESSAGES: readonly (readonly [string, Message])[] = [
  ["Prepare 5.3.1099511627776", { type: MESSAGE.prepare, id, age: { time, replica: 2 }, time: time + 1, commands }],
  ["Vote 5.3.1099511627776 proposal=9", { type: MESSAGE.vote, id, proposal: 9 }],
  ["Waiting 5.3.1099511627776", { type: MESSAGE.waiting, id }],
  ["Wound 5.3.1099511627776", { type: MESSAGE.wound, id }],
  ["Go 5.3.1099511627776 timestamp=1700000000000", { type: MESSAGE.go, id, timestamp: time }],
  ["Abort 5.3.1099511627776", { type: MESSAGE.abort, id }],
  ["Acknowledge 5.3.1099511627776", { type: MESSAGE.acknowledge, id }],
  ["Inquire 5.3.1099511627776 1.1.1", { type: MESSAGE.inquire, ids: [id, { coordinator: 0, life: 1, number: 1 }] }],
  ["Hello", { type: MESSAGE.hello, identity }],
  ["Welcome known", { type: MESSAGE.welcome, identity, isKnown: true }],
  ["Welcome unknown", { type: MESSAGE.welcome, identity, isKnown: false }],
];

function frameOf(...messages: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  beginFrame(writer, 0xfedc_ba98);
  for (const message of messages) writer.blob(message);
  return writer.take();
}

describe("messages", () => {
  test.each(MESSAGES)("are read as they were written: %s", (words, message) => {
    const bytes = encodeMessage(message);
    expect(decodeMessage(bytes)).toEqual(message);
    expect(readFrame(frameOf(bytes)).tag).toBe(0xfedc_ba98);
    expect(describeTwoPhaseFrame(frameOf(bytes, bytes))).toBe(`${words}, ${words}`);
  });

  test("of a frame that makes no sense at its end have no effect at all", () => {
    const frame = frameOf(encodeMessage(MESSAGES[2]![1]), new Uint8Array([99, 0, 0, 0]));
    expect(() => readFrame(frame)).toThrow(CodecError);
    expect(describeTwoPhaseFrame(frame)).toBe("garbage");
  });
});

describe("records", () => {
  test.each<TwoPhaseRecord>([
    { type: RECORD.life, life: 7 },
    { type: RECORD.vote, id, ageTime: time, time, proposal: 12, commands },
    { type: RECORD.commit, id, timestamp: time },
    { type: RECORD.decision, id, timestamp: time },
    { type: RECORD.abort, id },
    { type: RECORD.over, id },
    { type: RECORD.peer, replica: 3, identity },
    { type: RECORD.joined },
  ])("are read as they were written: %o", (record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  test("of another protocol are refused with what to do", () => {
    expect(() => decodeRecord(new Uint8Array([8]))).toThrow("ran with another --replication");
  });
});
