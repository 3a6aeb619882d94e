/**
 * The bytes of a result. One tag byte, the revision, then the fields in the order of `result.ts`.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { KvErrorCode } from "../errors.ts";
import { MAX_TXN_DEPTH } from "./command.ts";
import type { PlainPut } from "./plain_put.ts";
import type { Entry, KeyedEntry, Result, WatchEvent } from "./result.ts";
import { bytesToText, textToBytes } from "../../codec/bytes.ts";
import { nameAt, readFlag } from "./command_codec.ts";

const TAG = {
  put: 1,
  get: 2,
  delete: 3,
  range: 4,
  integer: 5,
  value: 6,
  expire: 7,
  txn: 8,
  done: 9,
  error: 10,
  many: 11,
  session: 12,
} as const;

/** By their numbers, of which a put has 0. */
const EVENT_TYPES: readonly WatchEvent["type"][] = ["put", "delete", "expire"];

/** Appends the bytes of an entry. */
export function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.varint(entry.version);
  writer.varint(entry.createRevision);
  writer.varint(entry.modRevision);
  writer.varint(entry.expiry);
  writer.blob(entry.value);
}

/** Reads an entry; its value is in fresh memory. */
export function readEntry(reader: ByteReader): Entry {
  const version = reader.varint();
  const createRevision = reader.varint();
  const modRevision = reader.varint();
  const expiry = reader.varint();
  return { value: reader.ownBlob(), version, createRevision, modRevision, expiry };
}

function writeOptionalEntry(writer: ByteWriter, entry: Entry | null): void {
  writer.u8(entry === null ? 0 : 1);
  if (entry !== null) writeEntry(writer, entry);
}

function readOptionalEntry(reader: ByteReader): Entry | null {
  return readFlag(reader) ? readEntry(reader) : null;
}

/** Appends the bytes of `result` to `writer`. */
export function writeResult(writer: ByteWriter, result: Result): void {
  writer.u8(TAG[result.type]);
  writer.varint(result.revision);
  switch (result.type) {
    case "put":
      writer.u8(result.written ? 1 : 0);
      writeOptionalEntry(writer, result.previous);
      return;
    case "get":
      writeOptionalEntry(writer, result.entry);
      return;
    case "many":
      writer.varint(result.entries.length);
      for (const entry of result.entries) writeOptionalEntry(writer, entry);
      return;
    case "delete":
      writer.varint(result.deleted);
      writeOptionalEntry(writer, result.previous);
      return;
    case "range":
      writer.varint(result.entries.length);
      for (const { key, entry } of result.entries) {
        writer.key(key);
        writeEntry(writer, entry);
      }
      writer.varint(result.count);
      writer.u8(result.more ? 1 : 0);
      return;
    case "integer":
      writer.i64(result.value);
      return;
    case "value":
      writer.blob(result.value);
      return;
    case "expire":
      writer.u8(result.changed ? 1 : 0);
      return;
    case "txn":
      writer.u8(result.succeeded ? 1 : 0);
      writer.varint(result.results.length);
      for (const inner of result.results) writeResult(writer, inner);
      return;
    case "session":
      writer.varint(result.incarnation);
      return;
    case "done":
      return;
    case "error":
      writer.blob(textToBytes(result.code));
      writer.blob(textToBytes(result.message));
      return;
  }
}

function readResult(reader: ByteReader, depth: number): Result {
  const tag = reader.u8();
  const revision = reader.varint();
  switch (tag) {
    case TAG.put:
      return { type: "put", revision, written: readFlag(reader), previous: readOptionalEntry(reader) };
    case TAG.get:
      return { type: "get", revision, entry: readOptionalEntry(reader) };
    case TAG.many: {
      const length = reader.varint();
      const entries: (Entry | null)[] = [];
      for (let i = 0; i < length; i++) entries.push(readOptionalEntry(reader));
      return { type: "many", revision, entries };
    }
    case TAG.delete:
      return { type: "delete", revision, deleted: reader.varint(), previous: readOptionalEntry(reader) };
    case TAG.range: {
      const length = reader.varint();
      const entries: KeyedEntry[] = [];
      for (let i = 0; i < length; i++) entries.push({ key: reader.key(), entry: readEntry(reader) });
      const count = reader.varint();
      return { type: "range", revision, entries, count, more: readFlag(reader) };
    }
    case TAG.integer:
      return { type: "integer", revision, value: reader.i64() };
    case TAG.value:
      return { type: "value", revision, value: reader.ownBlob() };
    case TAG.expire:
      return { type: "expire", revision, changed: readFlag(reader) };
    case TAG.txn: {
      if (depth >= MAX_TXN_DEPTH) throw new CodecError(`results nested deeper than ${MAX_TXN_DEPTH}`);
      const succeeded = readFlag(reader);
      const length = reader.varint();
      const results: Result[] = [];
      for (let i = 0; i < length; i++) results.push(readResult(reader, depth + 1));
      return { type: "txn", revision, succeeded, results };
    }
    case TAG.session:
      return { type: "session", revision, incarnation: reader.varint() };
    case TAG.done:
      return { type: "done", revision };
    case TAG.error: {
      // A newer server may send a code that this version does not know: it is passed on as it is.
      const code = bytesToText(reader.blob()) as KvErrorCode;
      return { type: "error", revision, code, message: bytesToText(reader.blob()) };
    }
    default:
      throw new CodecError(`unknown result tag ${tag}`);
  }
}

/** Appends the result of a put that was written and returns no previous entry, as {@link writeResult} would. */
export function writePlainPutResult(writer: ByteWriter, revision: number): void {
  writer.u8(TAG.put);
  writer.varint(revision);
  writer.u8(1);
  writer.u8(0);
}

/** Whether `bytes` are the result of a put that was written and returns no previous entry, without decoding them. */
export function isPlainPutResult(bytes: Uint8Array): boolean {
  const { length } = bytes;
  return bytes[0] === TAG.put && bytes[length - 2] === 1 && bytes[length - 1] === 0;
}

/** Whether `bytes` are an error, without decoding them. */
export function isErrorResult(bytes: Uint8Array): boolean {
  return bytes[0] === TAG.error;
}

/** The bytes of `result`, in fresh memory. */
export function encodeResult(result: Result): Uint8Array {
  const writer = new ByteWriter(64);
  writeResult(writer, result);
  return writer.take();
}

/**
 * The result whose bytes are exactly `bytes`, in fresh memory.
 *
 * @throws {CodecError} when the bytes are not one result
 */
export function decodeResult(bytes: Uint8Array): Result {
  const reader = new ByteReader(bytes);
  const result = readResult(reader, 0);
  reader.finish();
  return result;
}

/** Appends the bytes of an event. */
export function writeEvent(writer: ByteWriter, event: WatchEvent): void {
  writer.u8(EVENT_TYPES.indexOf(event.type));
  writer.varint(event.revision);
  writer.key(event.key);
  writeEntry(writer, event.entry);
}

/** Appends the event of a plain put that has just been done, whose key and value are parts of `source`. */
export function writePutEvent(writer: ByteWriter, revision: number, source: Uint8Array, put: PlainPut): void {
  writer.u8(0);
  writer.varint(revision);
  writer.blobRange(source, put.keyStart, put.keyEnd);
  writer.varint(put.version);
  writer.varint(put.createRevision);
  writer.varint(revision);
  writer.varint(0);
  writer.blobRange(source, put.valueStart, put.valueEnd);
}

/** Reads an event, into fresh memory. */
export function readEvent(reader: ByteReader): WatchEvent {
  const type = nameAt(EVENT_TYPES, reader.u8(), "event");
  const revision = reader.varint();
  return { type, revision, key: reader.key(), entry: readEntry(reader) };
}

/** The bytes of the events of one revision (or several), in fresh memory. */
export function encodeEvents(events: readonly WatchEvent[]): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(events.length);
  for (const event of events) writeEvent(writer, event);
  return writer.take();
}

/**
 * The events whose bytes are exactly `bytes`, in fresh memory.
 *
 * @throws {CodecError} when the bytes are not events
 */
export function decodeEvents(bytes: Uint8Array): WatchEvent[] {
  const reader = new ByteReader(bytes);
  const length = reader.varint();
  const events: WatchEvent[] = [];
  for (let i = 0; i < length; i++) events.push(readEvent(reader));
  reader.finish();
  return events;
}
