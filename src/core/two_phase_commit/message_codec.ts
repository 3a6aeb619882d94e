/**
 * The bytes of messages, and of frames: as many messages as there were for a replica in one turn, each with its length.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { MESSAGE, type Message } from "./messages.ts";
import { readId, writeId } from "./transaction_id.ts";

/** The bytes of a message, fresh memory. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(message.type === MESSAGE.prepare ? message.command.length + 64 : 48);
  writer.u8(message.type);
  writeId(writer, message.id);
  if (message.type === MESSAGE.vote) writer.varint(message.proposal);
  if (message.type === MESSAGE.go) writer.varint(message.timestamp);
  if (message.type === MESSAGE.prepare) {
    writer.varint(message.age.time);
    writer.u8(message.age.replica);
    writer.varint(message.time);
    writer.raw(message.command);
  }
  return writer.take();
}

/**
 * Reads a message; the command is a view of `bytes`.
 *
 * @throws {CodecError} when it is none
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const id = readId(reader);
  const message = readBody(type, id, reader);
  reader.finish();
  return message;
}

function readBody(type: number, id: Message["id"], reader: ByteReader): Message {
  switch (type) {
    case MESSAGE.prepare: {
      const age = { time: reader.varint(), replica: reader.u8() };
      const time = reader.varint();
      return { type, id, age, time, command: reader.raw(reader.remaining) };
    }
    case MESSAGE.vote:
      return { type, id, proposal: reader.varint() };
    case MESSAGE.go:
      return { type, id, timestamp: reader.varint() };
    case MESSAGE.waiting:
    case MESSAGE.wound:
    case MESSAGE.abort:
    case MESSAGE.acknowledge:
    case MESSAGE.inquire:
      return { type, id };
    default:
      throw new CodecError(`a message of the type ${type} is not one of two-phase commit`);
  }
}

/**
 * The messages of a frame, in order. All of it is read before any of it is acted on, so that a frame that makes no sense
 * has no effect.
 *
 * @throws {CodecError} when the bytes are no frame
 */
export function readFrame(frame: Uint8Array): Message[] {
  const reader = new ByteReader(frame);
  const messages: Message[] = [];
  while (reader.remaining > 0) messages.push(decodeMessage(reader.blob()));
  return messages;
}
