/**
 * Results and events to and from JSON, without loss. The reading side checks every field, because an answer
 * comes from a network.
 *
 * @module
 */
import { CodecError } from "../../../codec/byte_reader.ts";
import type { Key } from "../../../codec/bytes.ts";
import type { KvErrorCode } from "../../errors.ts";
import { MAX_TXN_DEPTH } from "../command.ts";
import type { JsonBytes, JsonEntry, JsonEvent, JsonKeyedEntry, JsonResult } from "./types.ts";
import { bytesFromJson, bytesToJson, integerFromJson, integerToJson, keyFromJson, keyToJson } from "./values.ts";
import type { Entry, KeyedEntry, Result, WatchEvent } from "../result.ts";

/** An entry as JSON. */
export function entryToJson(entry: Entry): JsonEntry {
  const { version, createRevision, modRevision, expiry } = entry;
  return { value: bytesToJson(entry.value), version, createRevision, modRevision, expiry };
}

/** An entry with its key as JSON. */
export function keyedEntryToJson({ key, entry }: KeyedEntry): JsonKeyedEntry {
  const { version, createRevision, modRevision, expiry } = entry;
  const value = bytesToJson(entry.value);
  return { key: keyToJson(key), value, version, createRevision, modRevision, expiry };
}

/** A result as JSON. */
export function resultToJson(result: Result): JsonResult {
  const { revision } = result;
  switch (result.type) {
    case "put":
      return { type: "put", revision, written: result.written, previous: optionalEntryToJson(result.previous) };
    case "get":
      return { type: "get", revision, entry: optionalEntryToJson(result.entry) };
    case "many":
      return { type: "many", revision, entries: result.entries.map(optionalEntryToJson) };
    case "delete":
      return { type: "delete", revision, deleted: result.deleted, previous: optionalEntryToJson(result.previous) };
    case "range": {
      const { count, more } = result;
      return { type: "range", revision, entries: result.entries.map(keyedEntryToJson), count, more };
    }
    case "integer":
      return { type: "integer", revision, value: integerToJson(result.value) };
    case "value":
      return { type: "value", revision, value: bytesToJson(result.value) };
    case "expire":
      return { type: "expire", revision, changed: result.changed };
    case "txn":
      return { type: "txn", revision, succeeded: result.succeeded, results: result.results.map(resultToJson) };
    case "session":
      return { type: "session", revision, incarnation: result.incarnation };
    case "done":
      return { type: "done", revision };
    case "error":
      return { type: "error", revision, code: result.code, message: result.message };
  }
}

function optionalEntryToJson(entry: Entry | null): JsonEntry | null {
  return entry === null ? null : entryToJson(entry);
}

/** An event as JSON. */
export function eventToJson(event: WatchEvent): JsonEvent {
  const { type, revision } = event;
  return { type, revision, key: keyToJson(event.key), entry: entryToJson(event.entry) };
}

/** A JSON object whose fields are not known yet. */
type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(json: unknown, what: string): Fields {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new CodecError(`${what} is no object`);
  return json as Fields;
}

function wholeNumber(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new CodecError(`"${name}" is not a whole number from 0 to 2^53 - 1`);
  }
  return value;
}

function boolean(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw new CodecError(`"${name}" is neither true nor false`);
  return value;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new CodecError(`"${name}" is not text`);
  return value;
}

function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw new CodecError(`"${name}" is not a list`);
  return value;
}

function jsonBytes(fields: Fields, name: string): JsonBytes {
  const value = fields[name];
  if (typeof value === "string") return value;
  const base64 = typeof value === "object" && value !== null ? (value as Fields)["base64"] : undefined;
  if (typeof base64 !== "string") throw new CodecError(`"${name}" is neither text nor base64`);
  return { base64 };
}

function bytes(fields: Fields, name: string): Uint8Array {
  return bytesFromJson(jsonBytes(fields, name));
}

function key(fields: Fields, name: string): Key {
  return keyFromJson(jsonBytes(fields, name));
}

function integer(fields: Fields, name: string): bigint {
  const value = fields[name];
  if (typeof value !== "number" && typeof value !== "string") throw new CodecError(`"${name}" is not an integer`);
  return integerFromJson(value);
}

function entryFromFields(fields: Fields): Entry {
  return {
    value: bytes(fields, "value"),
    version: wholeNumber(fields, "version"),
    createRevision: wholeNumber(fields, "createRevision"),
    modRevision: wholeNumber(fields, "modRevision"),
    expiry: wholeNumber(fields, "expiry"),
  };
}

function optionalEntry(fields: Fields, name: string): Entry | null {
  return optionalEntryFrom(fields[name], `"${name}"`);
}

function optionalEntryFrom(json: unknown, what: string): Entry | null {
  return json === null ? null : entryFromFields(fieldsOf(json, what));
}

/**
 * The entry with its key that `json` stands for.
 *
 * @throws {CodecError} when it is not one
 */
export function keyedEntryFromJson(json: unknown): KeyedEntry {
  const fields = fieldsOf(json, "the entry");
  return { key: key(fields, "key"), entry: entryFromFields(fields) };
}

/**
 * The result that `json` stands for. Fields that are not known are passed over: a newer server may send some.
 *
 * @throws {CodecError} when it is not a result
 */
export function resultFromJson(json: unknown): Result {
  return readResult(json, 0);
}

function readResult(json: unknown, depth: number): Result {
  const fields = fieldsOf(json, "the result");
  const revision = wholeNumber(fields, "revision");
  const type = text(fields, "type");
  switch (type) {
    case "put":
      return { type, revision, written: boolean(fields, "written"), previous: optionalEntry(fields, "previous") };
    case "get":
      return { type, revision, entry: optionalEntry(fields, "entry") };
    case "many": {
      const entries = list(fields, "entries").map((entry) => optionalEntryFrom(entry, "the entry"));
      return { type, revision, entries };
    }
    case "delete":
      return { type, revision, deleted: wholeNumber(fields, "deleted"), previous: optionalEntry(fields, "previous") };
    case "range": {
      const entries = list(fields, "entries").map(keyedEntryFromJson);
      return { type, revision, entries, count: wholeNumber(fields, "count"), more: boolean(fields, "more") };
    }
    case "integer":
      return { type, revision, value: integer(fields, "value") };
    case "value":
      return { type, revision, value: bytes(fields, "value") };
    case "expire":
      return { type, revision, changed: boolean(fields, "changed") };
    case "txn": {
      if (depth >= MAX_TXN_DEPTH) throw new CodecError(`results nested deeper than ${MAX_TXN_DEPTH}`);
      const results = list(fields, "results").map((inner) => readResult(inner, depth + 1));
      return { type, revision, succeeded: boolean(fields, "succeeded"), results };
    }
    case "session":
      return { type, revision, incarnation: wholeNumber(fields, "incarnation") };
    case "done":
      return { type, revision };
    case "error":
      // A newer server may send a code that this version does not know: it is passed on as it is.
      return { type, revision, code: text(fields, "code") as KvErrorCode, message: text(fields, "message") };
    default:
      throw new CodecError(`unknown result type "${type.slice(0, 32)}"`);
  }
}

/**
 * The event that `json` stands for.
 *
 * @throws {CodecError} when it is not an event
 */
export function eventFromJson(json: unknown): WatchEvent {
  const fields = fieldsOf(json, "the event");
  const type = text(fields, "type");
  if (type !== "put" && type !== "delete" && type !== "expire") {
    throw new CodecError(`unknown event type "${type.slice(0, 32)}"`);
  }
  const entry = entryFromFields(fieldsOf(fields["entry"], `"entry"`));
  return { type, revision: wholeNumber(fields, "revision"), key: key(fields, "key"), entry };
}
