/**
 * The names and the ages of transactions.
 *
 * Invariants:
 * - An id is never used twice: its life is durable before the first message of that life leaves, and its number counts
 *   up. A transaction that is tried again gets another id.
 * - An age is kept through all attempts, so that every transaction becomes the oldest at last (wound-wait:
 *   Rosenkrantz, Stearns and Lewis, 1978).
 *
 * @module
 */
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";

/** Names one attempt at a transaction. */
export interface TransactionId {
  /** Who decides. */
  readonly coordinator: ReplicaId;
  /** Which life of the coordinator, from 1 on. */
  readonly life: number;
  /** Counts from 1 in that life. */
  readonly number: number;
}

/** How old a transaction is. No two are equally old: the clock of a replica never gives the same time again. */
export interface Age {
  /** When it was proposed, by the hybrid clock of its coordinator. */
  readonly time: number;
  /** Its coordinator, which decides between equal times. */
  readonly replica: ReplicaId;
}

/** An id as a key of maps, and for people: replica (counted from 1), life and number. */
export function formatId({ coordinator, life, number }: TransactionId): string {
  return `${coordinator + 1}.${life}.${number}`;
}

/** Negative when `a` comes before `b`, 0 for the same one; an order that all replicas share, and nothing more. */
export function compareIds(a: TransactionId, b: TransactionId): number {
  return a.coordinator - b.coordinator || a.life - b.life || a.number - b.number;
}

/** Negative when `a` is older. */
export function compareAges(a: Age, b: Age): number {
  return a.time - b.time || a.replica - b.replica;
}

/** Appends the bytes of an id. */
export function writeId(writer: ByteWriter, { coordinator, life, number }: TransactionId): void {
  writer.u8(coordinator);
  writer.varint(life);
  writer.varint(number);
}

/** Reads what {@link writeId} wrote. */
export function readId(reader: ByteReader): TransactionId {
  const coordinator = reader.u8();
  const life = reader.varint();
  return { coordinator, life, number: reader.varint() };
}
