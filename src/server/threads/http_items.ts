/**
 * What the thread that owns the state and one that holds HTTP connections say of a request. Items of a batch, as in
 * `batch.ts`; the number of each is that of the request.
 *
 * | from | kind | what follows | |
 * |---|---|---|---|
 * | door | `command` | flags, the key whose entry is asked for, bytes | a command, encoded |
 * | door | `request` | method, URL, address, headers, body | a request that the owner answers as a whole |
 * | door | `taken` | a number | so many bytes of the answer have found a reader |
 * | door | `cancel` | | nobody reads the answer any more |
 * | door | `counted` | result, duration | a request by commands was answered; the number is that of its route |
 * | owner | `result`, `failure` | entry and bytes; code and message | how a command ended |
 * | owner | `answer` | status, headers, body | the whole answer |
 * | owner | `head` | status, headers | the beginning of an answer that is a stream |
 * | owner | `chunk`, `end` | bytes | the rest of it |
 *
 * @module
 */
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { bytesToText, textToBytes } from "../../codec/bytes.ts";
import type { EntryFigures } from "../http/command_service.ts";
import type { Method } from "../http/door_routes.ts";
import { KV_ROUTE, SESSION_ROUTE } from "../http/request_target.ts";

/** The kinds of items. */
export const HTTP_ITEM = {
  command: 64,
  request: 65,
  taken: 66,
  cancel: 67,
  counted: 68,
  result: 80,
  failure: 81,
  answer: 82,
  head: 83,
  chunk: 84,
  end: 85,
} as const;

/** The kind of an item. */
export type HttpItemKind = typeof HTTP_ITEM[keyof typeof HTTP_ITEM];

/** Items of HTTP have kinds from here on. */
export const FIRST_HTTP_ITEM = 64;

/** How a command is executed. */
export const FLAG = { stale: 1, wantsEntry: 2 } as const;

/** The routes that are served by the thread that has the connection. */
export const THREAD_ROUTES: readonly (readonly [method: Method, path: string])[] = [
  ["GET", KV_ROUTE],
  ["PUT", KV_ROUTE],
  ["DELETE", KV_ROUTE],
  ["GET", "/v1/kv"],
  ["DELETE", "/v1/kv"],
  ["POST", "/v1/txn"],
  ["PUT", SESSION_ROUTE],
  ["DELETE", SESSION_ROUTE],
  ["POST", "/v1/rpc"],
];

/** Appends text. */
export function writeText(writer: ByteWriter, text: string): void {
  writer.blob(textToBytes(text));
}

/** Reads text. */
export function readText(reader: ByteReader): string {
  return bytesToText(reader.blob());
}

/** Appends headers. */
export function writeHeaders(writer: ByteWriter, headers: Headers): void {
  const all = [...headers];
  writer.varint(all.length);
  for (const [name, value] of all) {
    writeText(writer, name);
    writeText(writer, value);
  }
}

/** Reads headers. */
export function readHeaders(reader: ByteReader): [string, string][] {
  return Array.from({ length: reader.varint() }, () => [readText(reader), readText(reader)]);
}

/** Appends bytes of any length. */
export function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u32(bytes.length);
  writer.raw(bytes);
}

/** Reads bytes of any length, in the memory of the batch. */
export function readBytes(reader: ByteReader): Uint8Array<ArrayBuffer> {
  return reader.raw(reader.u32()) as Uint8Array<ArrayBuffer>;
}

/** Appends what an entry has beside its value, or that there is none. */
export function writeFigures(writer: ByteWriter, entry: EntryFigures | undefined): void {
  writer.u8(entry === undefined ? 0 : 1);
  if (entry === undefined) return;
  writer.varint(entry.version);
  writer.varint(entry.createRevision);
  writer.varint(entry.modRevision);
  writer.varint(entry.expiry);
}

/** Reads what {@link writeFigures} wrote. */
export function readFigures(reader: ByteReader): EntryFigures | undefined {
  if (reader.u8() === 0) return undefined;
  const version = reader.varint();
  const createRevision = reader.varint();
  const modRevision = reader.varint();
  return { version, createRevision, modRevision, expiry: reader.varint() };
}
