/**
 * What a replica writes to its log. Nothing else survives it.
 *
 * A vote and a decision are promises, and leave only when their records are durable. A record of an abort or of a
 * transaction that is over saves questions after a restart, and nothing waits for it.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { IDENTITY_BYTES } from "../membership.ts";
import { readId, type TransactionId, writeId } from "./transaction_id.ts";

/** The first byte of a record. Other protocols use other numbers. */
export const RECORD = {
  life: 96,
  vote: 97,
  commit: 98,
  abort: 99,
  decision: 100,
  over: 101,
  peer: 102,
  joined: 103,
} as const;

/** A participant's yes: what it needs to commit, whatever happens. */
export interface VoteRecord {
  readonly type: typeof RECORD.vote;
  readonly id: TransactionId;
  readonly ageTime: number;
  readonly time: number;
  readonly proposal: number;
  /** See `group.ts`. */
  readonly commands: Uint8Array;
}

/** A record as read back. */
export type TwoPhaseRecord =
  /** The replica has been started once more. */
  | { readonly type: typeof RECORD.life; readonly life: number }
  | VoteRecord
  /** The identity by which another replica is known. */
  | { readonly type: typeof RECORD.peer; readonly replica: ReplicaId; readonly identity: Uint8Array }
  /** All others know this replica by its identity: it may vote. */
  | { readonly type: typeof RECORD.joined }
  /** The participant has committed; the coordinator has decided to. */
  | {
    readonly type: typeof RECORD.commit | typeof RECORD.decision;
    readonly id: TransactionId;
    readonly timestamp: number;
  }
  /** The participant has aborted; every participant has acknowledged the coordinator's decision. */
  | { readonly type: typeof RECORD.abort | typeof RECORD.over; readonly id: TransactionId };

function writeRecord(writer: ByteWriter, record: TwoPhaseRecord): void {
  writer.u8(record.type);
  if (record.type === RECORD.joined) return;
  if (record.type === RECORD.peer) {
    writer.u8(record.replica);
    writer.raw(record.identity);
    return;
  }
  if (record.type === RECORD.life) {
    writer.varint(record.life);
    return;
  }
  writeId(writer, record.id);
  if (record.type === RECORD.vote) {
    writer.varint(record.ageTime);
    writer.varint(record.time);
    writer.varint(record.proposal);
    writer.raw(record.commands);
  }
  if (record.type === RECORD.commit || record.type === RECORD.decision) writer.varint(record.timestamp);
}

/** The bytes of a record, fresh memory. */
export function encodeRecord(record: TwoPhaseRecord): Uint8Array {
  const writer = new ByteWriter(record.type === RECORD.vote ? record.commands.length + 64 : 32);
  writeRecord(writer, record);
  return writer.take();
}

/**
 * Reads a record. The commands and the identity are fresh memory.
 *
 * @throws {CodecError} when it is none: the log was written by something else
 */
export function decodeRecord(bytes: Uint8Array): TwoPhaseRecord {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  switch (type) {
    case RECORD.life:
      return { type, life: reader.varint() };
    case RECORD.vote: {
      const id = readId(reader);
      const ageTime = reader.varint();
      const time = reader.varint();
      const proposal = reader.varint();
      return { type, id, ageTime, time, proposal, commands: reader.raw(reader.remaining).slice() };
    }
    case RECORD.commit:
    case RECORD.decision: {
      const id = readId(reader);
      return { type, id, timestamp: reader.varint() };
    }
    case RECORD.peer: {
      const replica = reader.u8();
      return { type, replica, identity: reader.raw(IDENTITY_BYTES).slice() };
    }
    case RECORD.joined:
      return { type };
    case RECORD.abort:
    case RECORD.over:
      return { type, id: readId(reader) };
    default:
      throw new CodecError(
        `a log record of the type ${type} is not one of two-phase commit: this directory belongs to a server that ran ` +
          "with another --replication; use that one, or another --data-dir",
      );
  }
}
