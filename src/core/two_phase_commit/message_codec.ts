/**
 * The bytes of messages, and of frames: as many messages as there were for a replica in one turn, each with its length, after the tag of the
 * sender's log.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { IDENTITY_BYTES } from "../membership.ts";
import { readGroup } from "./group.ts";
import { type Frame, MESSAGE, type Message, type TransactionMessage } from "./messages.ts";
import { readId, type TransactionId, writeId } from "./transaction_id.ts";

/** The bytes of a message, fresh memory. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(message.type === MESSAGE.prepare ? message.commands.length + 64 : 48);
  writer.u8(message.type);
  switch (message.type) {
    case MESSAGE.hello:
      writer.raw(message.identity);
      break;
    case MESSAGE.welcome:
      writer.raw(message.identity);
      writer.u8(message.isKnown ? 1 : 0);
      break;
    case MESSAGE.inquire:
      writer.varint(message.ids.length);
      for (const id of message.ids) writeId(writer, id);
      break;
    default:
      writeTransactionMessage(writer, message);
  }
  return writer.take();
}

function writeTransactionMessage(writer: ByteWriter, message: TransactionMessage): void {
  writeId(writer, message.id);
  if (message.type === MESSAGE.vote) writer.varint(message.proposal);
  if (message.type === MESSAGE.go) writer.varint(message.timestamp);
  if (message.type === MESSAGE.prepare) {
    writer.varint(message.age.time);
    writer.u8(message.age.replica);
    writer.varint(message.time);
    writer.raw(message.commands);
  }
}

/**
 * Reads a message; the commands and identities are views of `bytes`.
 *
 * @throws {CodecError} when it is none
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader.u8(), reader);
  reader.finish();
  return message;
}

function readMessage(type: number, reader: ByteReader): Message {
  switch (type) {
    case MESSAGE.hello:
      return { type, identity: reader.raw(IDENTITY_BYTES) };
    case MESSAGE.welcome:
      return { type, identity: reader.raw(IDENTITY_BYTES), isKnown: reader.u8() === 1 };
    case MESSAGE.prepare: {
      const id = readId(reader);
      const age = { time: reader.varint(), replica: reader.u8() };
      const time = reader.varint();
      const commands = reader.raw(reader.remaining);
      // Whoever acts on it relies on its being one.
      readGroup(commands, () => {});
      return { type, id, age, time, commands };
    }
    case MESSAGE.vote: {
      const id = readId(reader);
      return { type, id, proposal: reader.varint() };
    }
    case MESSAGE.go: {
      const id = readId(reader);
      return { type, id, timestamp: reader.varint() };
    }
    case MESSAGE.waiting:
    case MESSAGE.wound:
    case MESSAGE.abort:
    case MESSAGE.acknowledge:
      return { type, id: readId(reader) };
    case MESSAGE.inquire: {
      const ids: TransactionId[] = [];
      for (let rest = reader.varint(); rest > 0; rest--) ids.push(readId(reader));
      return { type, ids };
    }
    default:
      throw new CodecError(`a message of the type ${type} is not one of two-phase commit`);
  }
}

/** Begins the bytes of a frame; each message follows with its length. */
export function beginFrame(writer: ByteWriter, tag: number): void {
  writer.u32(tag);
}

/**
 * Reads a frame. All of it is read before any of it is acted on, so that a frame that makes no sense has no effect.
 *
 * @throws {CodecError} when the bytes are no frame
 */
export function readFrame(frame: Uint8Array): Frame {
  const reader = new ByteReader(frame);
  const tag = reader.u32();
  const messages: Message[] = [];
  while (reader.remaining > 0) messages.push(decodeMessage(reader.blob()));
  return { tag, messages };
}
