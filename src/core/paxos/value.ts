/**
 * The value of a slot: batches of commands, each with where it comes from. A value without batches is the no-op with
 * which a new leader fills gaps.
 *
 * A batch is named by its origin (the replica that took the commands from clients), the origin's life and a number that
 * counts from 1 in that life. The name is what makes it safe for an origin to send a batch again to the next leader:
 * the same batch may be chosen in two slots, and is applied in the first only (see `origins.ts`).
 *
 * @module
 */
import { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";

/** The name of a batch. */
export interface BatchName {
  readonly origin: ReplicaId;
  readonly life: number;
  readonly number: number;
}

/** A batch and its name. */
export interface Proposal extends BatchName {
  /** What `readBatch` reads. */
  readonly batch: Uint8Array;
}

/** The value that does nothing. */
export const NO_OP: Uint8Array = new Uint8Array(0);

/** Appends a batch to a value. */
export function writeProposal(writer: ByteWriter, proposal: Proposal): void {
  writer.u8(proposal.origin);
  writer.varint(proposal.life);
  writer.varint(proposal.number);
  writer.blob(proposal.batch);
}

/** Calls `visit` with the name of each batch of a value, in order, and where the batch lies in `value`. */
export function readValue(value: Uint8Array, visit: (name: BatchName, start: number, end: number) => void): void {
  const reader = new ByteReader(value);
  while (reader.remaining > 0) {
    const origin = reader.u8();
    const life = reader.varint();
    const number = reader.varint();
    const length = reader.varint();
    const start = reader.skip(length);
    visit({ origin, life, number }, start, start + length);
  }
}
