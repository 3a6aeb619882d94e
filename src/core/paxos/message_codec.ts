/**
 * The bytes of messages. Numbers are varints or little-endian; a value comes last and has no length, because the
 * frame has one. An {@link Accept} keeps a fixed layout: its bytes go to the log as they are.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { type Accept, type AcceptedEntry, MESSAGE, type Message } from "./messages.ts";

/** The length of a log's identity. */
export const IDENTITY_BYTES = 16;

/** Where the value of an {@link Accept} begins. */
export const ACCEPT_HEADER_BYTES = 25;

/** Appends the header of an {@link Accept}; the value follows. */
export function writeAcceptHeader(writer: ByteWriter, ballot: number, slot: number, chosen: number): void {
  writer.u8(MESSAGE.accept);
  writer.u64(ballot);
  writer.u64(slot);
  writer.u64(chosen);
}

/** Appends the bytes of a message. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  if (message.type === MESSAGE.accept) {
    writeAcceptHeader(writer, message.ballot, message.slot, message.chosen);
    writer.raw(message.value);
    return;
  }
  writer.u8(message.type);
  switch (message.type) {
    case MESSAGE.hello:
      writer.raw(message.identity);
      return;
    case MESSAGE.welcome:
      writer.raw(message.identity);
      writer.u8(message.isKnown ? 1 : 0);
      return;
    case MESSAGE.preVote:
    case MESSAGE.prepare:
      writer.varint(message.ballot);
      return;
    case MESSAGE.preVoteReply:
      writer.varint(message.ballot);
      writer.u8(message.isGranted ? 1 : 0);
      writer.varint(message.seen);
      writer.varint(message.chosen);
      return;
    case MESSAGE.promise:
      writer.varint(message.ballot);
      writer.u32(message.tag);
      writer.varint(message.chosen);
      writer.varint(message.from);
      writer.varint(message.to);
      writer.varint(message.entries.length);
      for (const { slot, ballot, value } of message.entries) {
        writer.varint(slot);
        writer.varint(ballot);
        writer.blob(value);
      }
      return;
    case MESSAGE.nack:
      writer.varint(message.ballot);
      writer.varint(message.promised);
      return;
    case MESSAGE.accepted:
      writer.varint(message.ballot);
      writer.u32(message.tag);
      writer.varint(message.ranges.length);
      for (const slot of message.ranges) writer.varint(slot);
      return;
    case MESSAGE.heartbeat:
      writer.varint(message.ballot);
      writer.varint(message.round);
      writer.varint(message.chosen);
      return;
    case MESSAGE.heartbeatReply:
      writer.varint(message.ballot);
      writer.u32(message.tag);
      writer.varint(message.round);
      writer.varint(message.chosen);
      return;
    case MESSAGE.forward:
      writer.varint(message.life);
      writer.varint(message.number);
      writer.varint(message.first);
      writer.raw(message.batch);
      return;
    case MESSAGE.readRequest:
      writer.varint(message.life);
      writer.varint(message.id);
      return;
    case MESSAGE.readReply:
      writer.varint(message.life);
      writer.varint(message.id);
      writer.varint(message.slot);
      return;
    case MESSAGE.learn:
      writer.varint(message.slot);
      return;
    case MESSAGE.learned:
      writer.varint(message.slot);
      writer.varint(message.chosen);
      writer.varint(message.snapshot);
      writer.varint(message.values.length);
      for (const value of message.values) writer.blob(value);
      return;
    case MESSAGE.fetchSnapshot:
      writer.varint(message.slot);
      writer.varint(message.part);
      return;
    case MESSAGE.snapshotPart:
      writer.varint(message.slot);
      writer.varint(message.part);
      writer.u8(message.isLast ? 1 : 0);
      writer.u32(message.checksum);
      writer.raw(message.bytes);
      return;
  }
}

/** Reads an {@link Accept}; its value is a view of `bytes`. */
export function readAccept(bytes: Uint8Array): Accept {
  const reader = new ByteReader(bytes, 1);
  const ballot = reader.u64();
  const slot = reader.u64();
  const chosen = reader.u64();
  return { type: MESSAGE.accept, ballot, slot, chosen, value: bytes.subarray(ACCEPT_HEADER_BYTES) };
}

/**
 * Reads a message; byte fields are views of `bytes`.
 *
 * @throws {CodecError} when the bytes are not one message
 */
export function readMessage(bytes: Uint8Array): Message {
  if (bytes[0] === MESSAGE.accept) return readAccept(bytes);
  const reader = new ByteReader(bytes);
  const message = readBody(reader);
  reader.finish();
  return message;
}

function readBody(reader: ByteReader): Message {
  const type = reader.u8();
  switch (type) {
    case MESSAGE.hello:
      return { type, identity: reader.raw(IDENTITY_BYTES) };
    case MESSAGE.welcome:
      return { type, identity: reader.raw(IDENTITY_BYTES), isKnown: reader.u8() === 1 };
    case MESSAGE.preVote:
    case MESSAGE.prepare:
      return { type, ballot: reader.varint() };
    case MESSAGE.preVoteReply: {
      const ballot = reader.varint();
      const isGranted = reader.u8() === 1;
      const seen = reader.varint();
      return { type, ballot, isGranted, seen, chosen: reader.varint() };
    }
    case MESSAGE.promise: {
      const ballot = reader.varint();
      const tag = reader.u32();
      const chosen = reader.varint();
      const from = reader.varint();
      const to = reader.varint();
      return { type, ballot, tag, chosen, from, to, entries: readEntries(reader) };
    }
    case MESSAGE.nack: {
      const ballot = reader.varint();
      return { type, ballot, promised: reader.varint() };
    }
    case MESSAGE.accepted: {
      const ballot = reader.varint();
      const tag = reader.u32();
      const ranges: number[] = [];
      for (let rest = reader.varint(); rest > 0; rest--) ranges.push(reader.varint());
      return { type, ballot, tag, ranges };
    }
    case MESSAGE.heartbeat: {
      const ballot = reader.varint();
      const round = reader.varint();
      return { type, ballot, round, chosen: reader.varint() };
    }
    case MESSAGE.heartbeatReply: {
      const ballot = reader.varint();
      const tag = reader.u32();
      const round = reader.varint();
      return { type, ballot, tag, round, chosen: reader.varint() };
    }
    case MESSAGE.forward: {
      const life = reader.varint();
      const number = reader.varint();
      const first = reader.varint();
      return { type, life, number, first, batch: reader.raw(reader.remaining) };
    }
    case MESSAGE.readRequest: {
      const life = reader.varint();
      return { type, life, id: reader.varint() };
    }
    case MESSAGE.readReply: {
      const life = reader.varint();
      const id = reader.varint();
      return { type, life, id, slot: reader.varint() };
    }
    case MESSAGE.learn:
      return { type, slot: reader.varint() };
    case MESSAGE.learned: {
      const slot = reader.varint();
      const chosen = reader.varint();
      const snapshot = reader.varint();
      const values: Uint8Array[] = [];
      for (let rest = reader.varint(); rest > 0; rest--) values.push(reader.blob());
      return { type, slot, chosen, snapshot, values };
    }
    case MESSAGE.fetchSnapshot: {
      const slot = reader.varint();
      return { type, slot, part: reader.varint() };
    }
    case MESSAGE.snapshotPart: {
      const slot = reader.varint();
      const part = reader.varint();
      const isLast = reader.u8() === 1;
      const checksum = reader.u32();
      return { type, slot, part, isLast, checksum, bytes: reader.raw(reader.remaining) };
    }
    default:
      throw new CodecError(`a message of the unknown type ${type}`);
  }
}

function readEntries(reader: ByteReader): AcceptedEntry[] {
  const entries: AcceptedEntry[] = [];
  for (let rest = reader.varint(); rest > 0; rest--) {
    const slot = reader.varint();
    const ballot = reader.varint();
    entries.push({ slot, ballot, value: reader.blob() });
  }
  return entries;
}
