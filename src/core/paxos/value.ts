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

/** A batch and its name. */
export interface Proposal {
  readonly origin: ReplicaId;
  readonly life: number;
  readonly number: number;
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

/** Calls `visit` with each batch of a value, in order. Their bytes are views of `value`. */
export function readValue(value: Uint8Array, visit: (proposal: Proposal) => void): void {
  const reader = new ByteReader(value);
  while (reader.remaining > 0) {
    const origin = reader.u8();
    const life = reader.varint();
    const number = reader.varint();
    visit({ origin, life, number, batch: reader.blob() });
  }
}
