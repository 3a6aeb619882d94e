/**
 * Bytes, keys and 64-bit integers as JSON.
 *
 * A byte string is plain text where its bytes are UTF-8 and `{"base64": "…"}` otherwise; both are accepted
 * everywhere. A 64-bit integer is a number where a double holds it exactly and a decimal string otherwise.
 *
 * @module
 */
import { fromBase64, toBase64 } from "../../../codec/base64.ts";
import { CodecError } from "../../../codec/byte_reader.ts";
import {
  bytesToTextStrict,
  type Key,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  textToBytes,
} from "../../../codec/bytes.ts";
import type { JsonBytes, JsonInteger } from "./types.ts";

/** A byte array as JSON. */
export function bytesToJson(bytes: Uint8Array): JsonBytes {
  return bytesToTextStrict(bytes) ?? { base64: toBase64(bytes) };
}

/**
 * The byte array that JSON stands for, in fresh memory.
 *
 * @throws {CodecError} for text with half a surrogate pair, and for what is not base64
 */
export function bytesFromJson(json: JsonBytes): Uint8Array {
  if (typeof json !== "string") return fromBase64(json.base64);
  if (hasLoneSurrogate(json)) throw new CodecError("text with half a surrogate pair has no UTF-8 form; use base64");
  return textToBytes(json);
}

/** Whether text has half a surrogate pair, and so no UTF-8 form. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

/** A key as JSON. */
export function keyToJson(key: Key): JsonBytes {
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) > 127) return bytesToJson(keyToBytes(key));
  }
  return key;
}

/**
 * The key that JSON stands for.
 *
 * @throws {CodecError} as {@link bytesFromJson} does
 */
export function keyFromJson(json: JsonBytes): Key {
  if (typeof json !== "string") return keyFromBytes(fromBase64(json.base64));
  if (hasLoneSurrogate(json)) throw new CodecError("text with half a surrogate pair has no UTF-8 form; use base64");
  return keyFromText(json);
}

/** A 64-bit integer as JSON. */
export function integerToJson(value: bigint): JsonInteger {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** The most and the least that 64 bits hold. */
const MAX_I64 = 2n ** 63n - 1n;
const MIN_I64 = -(2n ** 63n);

/**
 * The 64-bit integer that JSON stands for.
 *
 * @throws {CodecError} for anything else
 */
export function integerFromJson(json: JsonInteger): bigint {
  if (typeof json === "number") {
    if (!Number.isSafeInteger(json)) {
      throw new CodecError(`${json} is not a whole number up to 2^53 - 1; write larger ones as text`);
    }
    return BigInt(json);
  }
  const value = /^-?[0-9]{1,20}$/.test(json) ? BigInt(json) : null;
  if (value === null || value > MAX_I64 || value < MIN_I64) {
    throw new CodecError(`"${json.slice(0, 32)}" is not a signed 64-bit integer`);
  }
  return value;
}
