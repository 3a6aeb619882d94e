/**
 * The bytes of commands, batches, messages, frames, requests and replies.
 *
 * @module
 */
import { ByteWriter } from "../../src/codec/byte_writer.ts";
import { crc32 } from "../../src/codec/checksum.ts";
import { TYPE_MESSAGE } from "../../src/adapters/peers/frame.ts";
import { FrameQueue } from "../../src/adapters/peers/frame_queue.ts";
import { BatchBuilder, readBatch } from "../../src/core/batch.ts";
import { decodeCommand, encodeCommand } from "../../src/core/kv/command_codec.ts";
import { readMessage, writeMessage } from "../../src/core/paxos/message_codec.ts";
import { MESSAGE, type Message } from "../../src/core/paxos/messages.ts";
import { RespParser } from "../../src/server/resp/parser.ts";
import { ReplyWriter } from "../../src/server/resp/reply_writer.ts";
import type { Case } from "./timing.ts";
import { keysOf, putOf, valueOf } from "./values.ts";

/** Commands in a batch, and requests in a pipeline. */
const BATCH = 50;
const PIPELINE = 16;
const LARGEST = 1024 * 1024;

/** Everything that is written and read on the way of a command. */
export function codecCases(): Case[] {
  const keys = keysOf(BATCH);
  const value = valueOf(256);
  const commands = keys.map((key) => encodeCommand(putOf(key, value)));
  const [command] = commands as [Uint8Array, ...Uint8Array[]];
  const builder = new BatchBuilder();
  const seal = (): Uint8Array => {
    builder.reset();
    for (const each of commands) builder.add(each);
    return builder.seal(1);
  };
  const batch = seal().slice();
  const writer = new ByteWriter(64 * 1024);
  const bytesOf = (message: Message): Uint8Array => {
    writer.reset();
    writeMessage(writer, message);
    return writer.view();
  };
  const accept = { type: MESSAGE.accept, ballot: 258, slot: 1000, chosen: 990, value: batch } as const;
  const accepted = { type: MESSAGE.accepted, ballot: 258, tag: 7, ranges: [1000, 1000] } as const;
  const [acceptBytes, acceptedBytes] = [bytesOf(accept).slice(), bytesOf(accepted).slice()];
  const queue = new FrameQueue();
  const request = requestOf(value);
  const parser = new RespParser({ maxBulkBytes: LARGEST, maxRequestBytes: LARGEST });
  const replies = new ReplyWriter();
  return [
    { name: "put of 256 bytes: encode", operations: 1, run: () => void encodeCommand(putOf(keys[0]!, value)) },
    { name: "put of 256 bytes: decode", operations: 1, run: () => void decodeCommand(command) },
    { name: `batch of ${BATCH}: gather and seal, each`, operations: BATCH, run: () => void seal() },
    {
      name: `batch of ${BATCH}: go through, each`,
      operations: BATCH,
      run: () => readBatch(batch, 0, batch.length, () => {}),
    },
    { name: `accept of ${BATCH} commands: write`, operations: 1, run: () => void bytesOf(accept) },
    { name: `accept of ${BATCH} commands: read`, operations: 1, run: () => void readMessage(acceptBytes) },
    { name: "accepted: write", operations: 1, run: () => void bytesOf(accepted) },
    { name: "accepted: read", operations: 1, run: () => void readMessage(acceptedBytes) },
    { name: `checksum of ${batch.length} bytes`, operations: 1, run: () => void crc32(batch) },
    {
      name: `frame of ${batch.length} bytes: queue and take`,
      operations: 1,
      run: () => {
        queue.add(TYPE_MESSAGE, batch);
        queue.take(1, true);
      },
    },
    {
      name: `SET of 256 bytes, ${PIPELINE} in a chunk: parse, each`,
      operations: PIPELINE,
      run: () => {
        parser.feed(request);
        while (parser.next()) parser.consume();
        parser.settle();
      },
    },
    {
      name: `reply of 256 bytes, ${PIPELINE} in a write, each`,
      operations: PIPELINE,
      run: () => {
        for (let i = 0; i < PIPELINE; i++) replies.bulk(value);
        replies.flush(() => true);
      },
    },
  ];
}

function requestOf(value: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  const text = (part: string): void => writer.raw(new TextEncoder().encode(part));
  for (let i = 0; i < PIPELINE; i++) {
    text(`*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$${value.length}\r\n`);
    writer.raw(value);
    text("\r\n");
  }
  return writer.take();
}
