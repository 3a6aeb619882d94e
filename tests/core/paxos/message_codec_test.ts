import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../../src/codec/byte_reader.ts";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { toHex } from "../../../src/codec/bytes.ts";
import { readMessage, writeMessage } from "../../../src/core/paxos/message_codec.ts";
import { MESSAGE, type Message } from "../../../src/core/paxos/messages.ts";
import { decodeRecord, encodeRecord, RECORD, type SmallRecord } from "../../../src/core/paxos/records.ts";

const number = fc.maxSafeNat();
const u32 = fc.nat(0xffff_ffff);
const bytes = fc.uint8Array({ maxLength: 300 });
const identity = fc.uint8Array({ minLength: 16, maxLength: 16 });
const bool = fc.boolean();
const is = <Type extends number>(type: Type): fc.Arbitrary<Type> => fc.constant(type);

const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: is(MESSAGE.hello), identity }),
  fc.record({ type: is(MESSAGE.welcome), identity, isKnown: bool }),
  fc.record({ type: is(MESSAGE.preVote), ballot: number }),
  fc.record({ type: is(MESSAGE.preVoteReply), ballot: number, isGranted: bool, seen: number, chosen: number }),
  fc.record({ type: is(MESSAGE.prepare), ballot: number, chosen: number }),
  fc.record({
    type: is(MESSAGE.promise),
    ballot: number,
    tag: u32,
    chosen: number,
    from: number,
    to: number,
    entries: fc.array(fc.record({ slot: number, ballot: number, value: bytes }), { maxLength: 5 }),
  }),
  fc.record({ type: is(MESSAGE.nack), ballot: number, promised: number }),
  fc.record({ type: is(MESSAGE.accept), ballot: number, slot: number, chosen: number, value: bytes }),
  fc.record({ type: is(MESSAGE.accepted), ballot: number, tag: u32, ranges: fc.array(number) }),
  fc.record({ type: is(MESSAGE.heartbeat), ballot: number, round: number, chosen: number, slack_ms: number }),
  fc.record({
    type: is(MESSAGE.heartbeatReply),
    ballot: number,
    tag: u32,
    round: number,
    chosen: number,
    lease_ms: number,
  }),
  fc.record({ type: is(MESSAGE.forward), life: number, number, first: number, batch: bytes }),
  fc.record({ type: is(MESSAGE.readRequest), life: number, id: number }),
  fc.record({ type: is(MESSAGE.readReply), life: number, id: number, slot: number }),
  fc.record({ type: is(MESSAGE.learn), slot: number }),
  fc.record({
    type: is(MESSAGE.learned),
    slot: number,
    values: fc.array(bytes, { maxLength: 5 }),
    chosen: number,
    snapshot: number,
  }),
  fc.record({ type: is(MESSAGE.fetchSnapshot), slot: number, part: number }),
  fc.record({ type: is(MESSAGE.snapshotPart), slot: number, part: number, isLast: bool, checksum: u32, bytes }),
);

function encode(message: Message): Uint8Array {
  const writer = new ByteWriter(16);
  writeMessage(writer, message);
  return writer.take();
}

describe("the bytes of messages", () => {
  test("give back every message as it was", () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(messages, (message) => {
        seen.add(message.type);
        expect(readMessage(encode(message))).toEqual(message);
      }),
      { numRuns: 2000, seed: 1 },
    );
    expect([...seen].toSorted((a, b) => a - b)).toEqual(Object.values(MESSAGE));
  });

  test("stay as they are: replicas of other versions read them", () => {
    const ID = new Uint8Array(16).fill(0xee);
    const ID_HEX = "ee".repeat(16);
    const AB = new Uint8Array([0xaa, 0xbb]);
    const golden: readonly (readonly [Message, string])[] = [
      [{ type: MESSAGE.hello, identity: ID }, "01" + ID_HEX],
      [{ type: MESSAGE.welcome, identity: ID, isKnown: true }, "02" + ID_HEX + "01"],
      [{ type: MESSAGE.preVote, ballot: 300 }, "03ac02"],
      [{ type: MESSAGE.preVoteReply, ballot: 300, isGranted: true, seen: 5, chosen: 7 }, "04ac02010507"],
      [{ type: MESSAGE.prepare, ballot: 3, chosen: 4 }, "050304"],
      [{
        type: MESSAGE.promise,
        ballot: 4,
        tag: 9,
        chosen: 5,
        from: 6,
        to: 7,
        entries: [{ slot: 1, ballot: 2, value: AB }],
      }, "06040900000005060701010202aabb"],
      [{ type: MESSAGE.nack, ballot: 1, promised: 2 }, "070102"],
      [
        { type: MESSAGE.accept, ballot: 1, slot: 2, chosen: 3, value: AB },
        "08010000000000000002000000000000000300000000000000aabb",
      ],
      [{ type: MESSAGE.accepted, ballot: 1, tag: 2, ranges: [3, 4, 300, 301] }, "090102000000040304ac02ad02"],
      [{ type: MESSAGE.heartbeat, ballot: 1, round: 2, chosen: 3, slack_ms: 0 }, "0a010203"],
      [{ type: MESSAGE.heartbeatReply, ballot: 1, tag: 2, round: 3, chosen: 4, lease_ms: 0 }, "0b01020000000304"],
      [{ type: MESSAGE.forward, life: 1, number: 2, first: 3, batch: AB }, "0c010203aabb"],
      [{ type: MESSAGE.readRequest, life: 1, id: 2 }, "0d0102"],
      [{ type: MESSAGE.readReply, life: 1, id: 2, slot: 3 }, "0e010203"],
      [{ type: MESSAGE.learn, slot: 4 }, "0f04"],
      [{ type: MESSAGE.learned, slot: 1, values: [AB], chosen: 2, snapshot: 3 }, "100102030102aabb"],
      [{ type: MESSAGE.fetchSnapshot, slot: 1, part: 2 }, "110102"],
      [{ type: MESSAGE.snapshotPart, slot: 1, part: 2, isLast: true, checksum: 3, bytes: AB }, "1201020103000000aabb"],
    ];
    expect(golden.map(([message]) => toHex(encode(message)))).toEqual(golden.map(([, bytes]) => bytes));
    const leased: Message = { type: MESSAGE.heartbeatReply, ballot: 1, tag: 2, round: 3, chosen: 4, lease_ms: 5 };
    expect(toHex(encode(leased))).toBe("0b0102000000030405");
    const unhurried: Message = { type: MESSAGE.heartbeat, ballot: 1, round: 2, chosen: 3, slack_ms: 4 };
    expect(toHex(encode(unhurried))).toBe("0a01020304");
    expect(golden.map(([message]) => message.type)).toEqual(Object.values(MESSAGE));
  });

  test("cut short or of any other kind are a CodecError, never another failure", () => {
    fc.assert(
      fc.property(fc.oneof(messages.map(encode), bytes), fc.nat(400), fc.nat(255), (whole, cut, noise) => {
        const damaged = whole.slice(0, cut);
        if (damaged.length > 0) damaged[cut % damaged.length] = noise;
        for (const given of [whole.slice(0, cut), damaged]) {
          try {
            readMessage(given);
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("of an accept are its record in the log", () => {
    const accept = { type: MESSAGE.accept, ballot: 2 ** 50, slot: 2 ** 40, chosen: 3, value: new Uint8Array([7]) };
    expect(decodeRecord(encode(accept))).toEqual(accept);
  });
});

const records: fc.Arbitrary<SmallRecord> = fc.oneof(
  fc.record({ type: is(RECORD.promise), ballot: number }),
  fc.record({ type: is(RECORD.learned), slot: number, value: bytes }),
  fc.record({ type: is(RECORD.round), round: number }),
  fc.record({ type: is(RECORD.life), life: number }),
  fc.record({ type: is(RECORD.peer), replica: fc.nat(255), identity }),
  fc.record({ type: is(RECORD.joined) }),
);

describe("the bytes of records", () => {
  test("give back every record as it was", () => {
    fc.assert(fc.property(records, (record) => {
      expect(decodeRecord(encodeRecord(record))).toEqual(record);
    }));
  });

  test("of another protocol are refused with what to do", () => {
    expect(() => decodeRecord(new Uint8Array([200, 1]))).toThrow(/type 200.*--replication.*--data-dir/);
  });
});
