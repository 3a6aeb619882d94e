/**
 * The layout of a snapshot: a header block, blocks of entries in key order, blocks of sessions with their results,
 * and a footer block with the counts and the CRC-32 of the whole. Each block is a type byte, the length of its body
 * as 4 bytes, the body, and the CRC-32 of all these. Numbers are little-endian.
 *
 * The CRC-32 of the whole leaves the blocks' own checksums out: bytes followed by their CRC-32 always have the same
 * CRC-32, so that with them it would be the same for all snapshots of the same block lengths.
 *
 * The same records in the same order, without the blocks, are what the state's hash is computed from.
 *
 * @module
 */
import type { ByteReader } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Key } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import type { EntryTable } from "./entry_table.ts";
import { writeEntry } from "./result_codec.ts";
import type { Entry } from "./result.ts";
import type { KeptResult, Session, SessionTable } from "./session_table.ts";

/** The first bytes of a header block's body. */
export const SNAPSHOT_MAGIC = "KVPXSNAP" as Key;

/** The version of this layout. */
export const SNAPSHOT_VERSION = 1;

/** Type bytes of blocks. */
export const BLOCK = { header: 1, entries: 2, sessions: 3, footer: 4 } as const;

/** Type byte and length. */
export const BLOCK_HEAD_BYTES = 5;

/** The checksum at the end. */
export const BLOCK_TAIL_BYTES = 4;

/** Kinds of records in a block of sessions. A result belongs to the session before it. */
export const SESSION_RECORD = { session: 1, result: 2 } as const;

/** What is known of a state besides its entries and sessions. */
export interface StateHeader {
  readonly revision: number;
  /** Log time. */
  readonly time: number;
  /** How often sessions have been used. */
  readonly uses: number;
}

/** Appends the body of a header block. */
export function writeHeader(writer: ByteWriter, header: StateHeader): void {
  writer.varint(header.revision);
  writer.varint(header.time);
  writer.varint(header.uses);
}

/** Reads what {@link writeHeader} wrote. */
export function readHeader(reader: ByteReader): StateHeader {
  const revision = reader.varint();
  const time = reader.varint();
  return { revision, time, uses: reader.varint() };
}

/** Appends an entry. */
export function writeEntryRecord(writer: ByteWriter, key: Key, entry: Entry): void {
  writer.key(key);
  writeEntry(writer, entry);
}

/** Appends a session, without its results. */
export function writeSessionRecord(
  writer: ByteWriter,
  session: Pick<Session, "id" | "incarnation" | "lastUsed" | "useNumber" | "acknowledged">,
): void {
  writer.u8(SESSION_RECORD.session);
  writer.key(session.id);
  writer.varint(session.incarnation);
  writer.varint(session.lastUsed);
  writer.varint(session.useNumber);
  writer.varint(session.acknowledged);
}

/** Appends a result of the session before it. */
export function writeResultRecord(writer: ByteWriter, sequence: number, kept: KeptResult): void {
  writer.u8(SESSION_RECORD.result);
  writer.varint(sequence);
  writer.u32(kept.fingerprint);
  writer.key(kept.result);
}

/** Starts a block; {@link endBlock} completes it. The writer holds nothing else. */
export function beginBlock(writer: ByteWriter, type: number): void {
  writer.reset();
  writer.u8(type);
  writer.u32(0);
}

/** Completes the block. Returns the checksum of the whole so far, which `whole` was before it. */
export function endBlock(writer: ByteWriter, whole: number): number {
  writer.patchU32(1, writer.length - BLOCK_HEAD_BYTES);
  const checked = writer.view();
  const crc = crc32(checked, whole);
  writer.u32(crc32(checked));
  return crc;
}

/** A CRC-32 of the whole replicated state, in one canonical order. Takes time in proportion to the state. */
export function hashState(table: EntryTable, sessions: SessionTable): number {
  const writer = new ByteWriter(HASH_CHUNK_BYTES * 2);
  let crc = 0;
  const flush = (limit: number): void => {
    if (writer.length < limit) return;
    crc = crc32(writer.view(), crc);
    writer.reset();
  };
  writeHeader(writer, { revision: table.revision, time: table.time, uses: sessions.uses });
  table.index.scan("" as Key, null, (key) => {
    writeEntryRecord(writer, key, table.stored(key)!);
    flush(HASH_CHUNK_BYTES);
    return true;
  });
  for (const session of sessions.values()) {
    writeSessionRecord(writer, session);
    for (const [sequence, kept] of session.results) {
      writeResultRecord(writer, sequence, kept);
      flush(HASH_CHUNK_BYTES);
    }
  }
  flush(0);
  return crc;
}

const HASH_CHUNK_BYTES = 64 * 1024;
