/**
 * An entry as a line of JSON: `{"key":"k","value":"v","ttl_ms":60000}`. Bytes that are no UTF-8 are
 * `{"base64":"…"}` in the place of the text, as everywhere.
 *
 * @module
 */
import { CodecError } from "../../src/codec/byte_reader.ts";
import { bytesToTextStrict, type Key } from "../../src/codec/bytes.ts";
import { bytesFromJson, bytesToJson, keyFromJson, keyToJson } from "../../src/core/kv/json/values.ts";
import type { JsonBytes } from "../../src/core/kv/json/types.ts";

/** An entry that is put somewhere else. */
export interface LineEntry {
  readonly key: Key;
  readonly value: Uint8Array;
  /** How long it is to live, in milliseconds; null for ever. */
  readonly ttl_ms: number | null;
}

/** The line, with its end. */
export function formatLine({ key, value, ttl_ms }: LineEntry): string {
  const entry = { key: keyToJson(key), value: bytesToJson(value), ...(ttl_ms === null ? {} : { ttl_ms }) };
  return JSON.stringify(entry) + "\n";
}

/**
 * Reads a line, with or without its end.
 *
 * @throws {CodecError} which says what is wrong with it
 */
export function parseLine(line: Uint8Array): LineEntry {
  const text = bytesToTextStrict(line);
  if (text === null) throw new CodecError("it is no UTF-8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CodecError(`it is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new CodecError('it is no object; write {"key":"k","value":"v"}');
  }
  const members: Readonly<Record<string, unknown>> = { ...json };
  for (const name of Object.keys(members)) {
    if (!["key", "value", "ttl_ms"].includes(name)) {
      throw new CodecError(`${JSON.stringify(name.slice(0, 40))} is not known; there are key, value and ttl_ms`);
    }
  }
  const ttl_ms = members["ttl_ms"] ?? null;
  if (ttl_ms !== null && !(typeof ttl_ms === "number" && Number.isSafeInteger(ttl_ms) && ttl_ms > 0)) {
    throw new CodecError("ttl_ms is not a whole number of milliseconds from 1 on");
  }
  const key = keyFromJson(bytesOf(members, "key"));
  if (key.length === 0) throw new CodecError("the key is empty; a key has at least one byte");
  return { key, value: bytesFromJson(bytesOf(members, "value")), ttl_ms };
}

function bytesOf(members: Readonly<Record<string, unknown>>, name: string): JsonBytes {
  const json = members[name];
  if (typeof json === "string") return json;
  if (typeof json === "object" && json !== null && "base64" in json && typeof json.base64 === "string") {
    return { base64: json.base64 };
  }
  const what = json === undefined ? "is missing" : 'is neither text nor {"base64":"…"}';
  throw new CodecError(`${name} ${what}`);
}
