/**
 * Keys, values and commands of the usual sizes.
 *
 * @module
 */
import { type Key, keyFromText } from "../../src/codec/bytes.ts";
import { NO_EXPIRY, type Put } from "../../src/core/kv/command.ts";

/** A value of so many bytes. */
export function valueOf(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => i & 0xff);
}

/** Keys of 16 bytes, as redis-benchmark makes them. */
export function keysOf(count: number): Key[] {
  return Array.from({ length: count }, (_, i) => keyFromText(`key:${String(i).padStart(12, "0")}`));
}

/** A plain put. */
export function putOf(key: Key, value: Uint8Array): Put {
  return { type: "put", key, value, expiry: NO_EXPIRY, condition: "always", returnPrevious: false };
}
