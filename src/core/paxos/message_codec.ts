/**
 * The bytes of messages: the type, then the fields in the order of the type's layout. Numbers are varints or
 * little-endian; a value comes last and has no length, because the frame has one. An {@link Accept} keeps a fixed
 * layout: its bytes go to the log as they are.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { IDENTITY_BYTES } from "../membership.ts";
import { type Accept, type AcceptedEntry, MESSAGE, type Message } from "./messages.ts";

/** Where the value of an {@link Accept} begins. */
export const ACCEPT_HEADER_BYTES = 25;

/** Appends the header of an {@link Accept}; the value follows. */
export function writeAcceptHeader(writer: ByteWriter, ballot: number, slot: number, chosen: number): void {
  writer.u8(MESSAGE.accept);
  writer.u64(ballot);
  writer.u64(slot);
  writer.u64(chosen);
}

/** How a field is written and read. */
interface Field<Value> {
  write(writer: ByteWriter, value: Value): void;
  read(reader: ByteReader): Value;
}

/** The fields of a message, in the order of their bytes. */
type Layout<Fields> = { readonly [Name in Exclude<keyof Fields, "type">]: Field<Fields[Name]> };

const varint: Field<number> = { write: (writer, value) => writer.varint(value), read: (reader) => reader.varint() };
/** A number at the end of a message, which is left out when it is 0. */
const optional: Field<number> = {
  write: (writer, value) => {
    if (value !== 0) writer.varint(value);
  },
  read: (reader) => reader.remaining === 0 ? 0 : reader.varint(),
};
const u32: Field<number> = { write: (writer, value) => writer.u32(value), read: (reader) => reader.u32() };
const flag: Field<boolean> = {
  write: (writer, value) => writer.u8(value ? 1 : 0),
  read: (reader) => reader.u8() === 1,
};
const identity: Field<Uint8Array> = {
  write: (writer, value) => writer.raw(value),
  read: (reader) => reader.raw(IDENTITY_BYTES),
};
const blob: Field<Uint8Array> = { write: (writer, value) => writer.blob(value), read: (reader) => reader.blob() };
/** All the bytes that are left. */
const rest: Field<Uint8Array> = {
  write: (writer, value) => writer.raw(value),
  read: (reader) => reader.raw(reader.remaining),
};
const entry: Field<AcceptedEntry> = {
  write: (writer, { slot, ballot, value }) => {
    writer.varint(slot);
    writer.varint(ballot);
    writer.blob(value);
  },
  read: (reader) => {
    const slot = reader.varint();
    const ballot = reader.varint();
    return { slot, ballot, value: reader.blob() };
  },
};

function listOf<Value>(item: Field<Value>): Field<readonly Value[]> {
  return {
    write: (writer, values) => {
      writer.varint(values.length);
      for (const value of values) item.write(writer, value);
    },
    read: (reader) => {
      const values: Value[] = [];
      for (let left = reader.varint(); left > 0; left--) values.push(item.read(reader));
      return values;
    },
  };
}

/** Every message but {@link Accept}. */
const LAYOUTS: {
  readonly [Type in Exclude<Message["type"], Accept["type"]>]: Layout<Extract<Message, { readonly type: Type }>>;
} = {
  [MESSAGE.hello]: { identity },
  [MESSAGE.welcome]: { identity, isKnown: flag },
  [MESSAGE.preVote]: { ballot: varint },
  [MESSAGE.preVoteReply]: { ballot: varint, isGranted: flag, seen: varint, chosen: varint },
  [MESSAGE.prepare]: { ballot: varint, chosen: varint },
  [MESSAGE.promise]: {
    ballot: varint,
    tag: u32,
    chosen: varint,
    from: varint,
    to: varint,
    entries: listOf(entry),
  },
  [MESSAGE.nack]: { ballot: varint, promised: varint },
  [MESSAGE.accepted]: { ballot: varint, tag: u32, ranges: listOf(varint) },
  [MESSAGE.heartbeat]: { ballot: varint, round: varint, chosen: varint, slack_ms: optional },
  [MESSAGE.heartbeatReply]: { ballot: varint, tag: u32, round: varint, chosen: varint, lease_ms: optional },
  [MESSAGE.forward]: { life: varint, number: varint, first: varint, batch: rest },
  [MESSAGE.readRequest]: { life: varint, id: varint },
  [MESSAGE.readReply]: { life: varint, id: varint, slot: varint },
  [MESSAGE.learn]: { slot: varint },
  [MESSAGE.learned]: { slot: varint, chosen: varint, snapshot: varint, values: listOf(blob) },
  [MESSAGE.fetchSnapshot]: { slot: varint, part: varint },
  [MESSAGE.snapshotPart]: { slot: varint, part: varint, isLast: flag, checksum: u32, bytes: rest },
};

/** The same by the first byte, as lists. */
const FIELDS: ReadonlyMap<number, readonly (readonly [name: string, field: Field<unknown>])[]> = new Map(
  Object.entries(LAYOUTS).map(([type, layout]) => [Number(type), Object.entries<Field<unknown>>(layout)]),
);

/** Appends the bytes of a message. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  if (message.type === MESSAGE.accept) {
    writeAcceptHeader(writer, message.ballot, message.slot, message.chosen);
    writer.raw(message.value);
    return;
  }
  writer.u8(message.type);
  for (const [name, field] of FIELDS.get(message.type)!) field.write(writer, message[name as keyof typeof message]);
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
  const type = reader.u8();
  const fields = FIELDS.get(type);
  if (fields === undefined) throw new CodecError(`a message of the unknown type ${type}`);
  const message: Record<string, unknown> = { type };
  for (const [name, field] of fields) message[name] = field.read(reader);
  reader.finish();
  return message as unknown as Message; // LAYOUTS has a field of the right type for each of its names
}
