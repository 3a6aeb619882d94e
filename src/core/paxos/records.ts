/**
 * What a replica writes to its log. Nothing else survives it: after a crash the roles are what these records say.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { IDENTITY_BYTES } from "../membership.ts";
import type { Ballot } from "./ballot.ts";
import { readAccept } from "./message_codec.ts";
import type { Accept } from "./messages.ts";

/** The first byte of a record. An accepted value has that of its message, 8, because its bytes are the message's. */
export const RECORD = {
  accept: 8,
  promise: 64,
  learned: 65,
  round: 66,
  life: 67,
  peer: 68,
  joined: 69,
} as const;

/** A record as read back. */
export type PaxosRecord =
  /** The acceptor has accepted a value, and so promised its ballot too: one record, never one without the other. */
  | Accept
  /** The acceptor has promised a ballot. */
  | { readonly type: typeof RECORD.promise; readonly ballot: Ballot }
  /** The learner has learned a chosen value that its own acceptor had not accepted. */
  | { readonly type: typeof RECORD.learned; readonly slot: number; readonly value: Uint8Array }
  /** The proposer is about to use a round. */
  | { readonly type: typeof RECORD.round; readonly round: number }
  /** The replica has been started once more. */
  | { readonly type: typeof RECORD.life; readonly life: number }
  /** The identity by which another replica is known. */
  | { readonly type: typeof RECORD.peer; readonly replica: ReplicaId; readonly identity: Uint8Array }
  /** Enough others know this replica by its identity: it may vote. */
  | { readonly type: typeof RECORD.joined };

/** A record other than an accepted value, whose bytes are there already. */
export type SmallRecord = Exclude<PaxosRecord, Accept>;

/** The bytes of a record, fresh memory. */
export function encodeRecord(record: SmallRecord): Uint8Array {
  const writer = new ByteWriter(record.type === RECORD.learned ? record.value.length + 16 : 32);
  writer.u8(record.type);
  switch (record.type) {
    case RECORD.promise:
      writer.varint(record.ballot);
      break;
    case RECORD.learned:
      writer.varint(record.slot);
      writer.raw(record.value);
      break;
    case RECORD.round:
      writer.varint(record.round);
      break;
    case RECORD.life:
      writer.varint(record.life);
      break;
    case RECORD.peer:
      writer.u8(record.replica);
      writer.raw(record.identity);
      break;
    case RECORD.joined:
      break;
  }
  return writer.take();
}

/**
 * Reads a record; byte fields are views of `bytes`.
 *
 * @throws {CodecError} when it is none: the log was written by something else
 */
export function decodeRecord(bytes: Uint8Array): PaxosRecord {
  if (bytes[0] === RECORD.accept) return readAccept(bytes);
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  switch (type) {
    case RECORD.promise:
      return { type, ballot: reader.varint() };
    case RECORD.learned: {
      const slot = reader.varint();
      return { type, slot, value: reader.raw(reader.remaining) };
    }
    case RECORD.round:
      return { type, round: reader.varint() };
    case RECORD.life:
      return { type, life: reader.varint() };
    case RECORD.peer: {
      const replica = reader.u8();
      return { type, replica, identity: reader.raw(IDENTITY_BYTES).slice() };
    }
    case RECORD.joined:
      return { type };
    default:
      throw new CodecError(
        `a log record of the type ${type} is not one of Multi-Paxos: this directory belongs to a server that ran with ` +
          "another --replication; use that one, or another --data-dir",
      );
  }
}
