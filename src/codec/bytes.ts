/**
 * Byte arrays and keys.
 *
 * Inside the store a key is a *byte string*: a JavaScript string with one character per byte, each 0–255.
 * Such a string can be hashed by a `Map`, compared with `<` in bytewise order, never aliases a buffer, and
 * converts to and from bytes natively. The brand keeps it apart from text.
 *
 * @module
 */
import { nativeBuffer } from "./runtime.ts";

/** Brands byte strings; there is no such value. */
export declare const byteString: unique symbol;

/** A key, or another short binary string: one character per byte, each 0–255. `<` orders bytewise. */
export type Key = string & { readonly [byteString]: true };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to this length a key is written faster character by character. */
const SHORT_KEY = 16;

/** Up to this length bytes are copied faster one by one. */
const SHORT_COPY = 32;

/** No bytes. */
export const EMPTY: Uint8Array = new Uint8Array(0);

/** The key whose bytes are `bytes[start, end)`. */
export function keyFromBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): Key {
  if (nativeBuffer !== null) return nativeBuffer.latin1Slice.call(bytes, start, end) as Key;
  return portableKeyFromBytes(bytes, start, end);
}

/** {@link keyFromBytes} where the runtime brings nothing. Exported for the test that compares the two. */
export function portableKeyFromBytes(bytes: Uint8Array, start: number, end: number): Key {
  let text = "";
  // In pieces that fit into the arguments of a call.
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 4096, end)));
  }
  return text as Key;
}

/** The key whose bytes are the UTF-8 form of `text`. */
export function keyFromText(text: string): Key {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return keyFromBytes(encoder.encode(text));
  }
  return text as Key;
}

/** The bytes of `key`, in fresh memory. */
export function keyToBytes(key: Key): Uint8Array {
  const bytes = new Uint8Array(key.length);
  writeKey(bytes, 0, key);
  return bytes;
}

/** Writes the bytes of `key` into `target` at `offset`, where there must be room. */
export function writeKey(target: Uint8Array, offset: number, key: Key): void {
  // A call out of JavaScript costs as much as writing this many characters, and gives `target` a buffer of its own.
  if (nativeBuffer === null || key.length <= SHORT_KEY) portableWriteKey(target, offset, key);
  else nativeBuffer.latin1Write.call(target, key, offset, key.length);
}

/** {@link writeKey} where the runtime brings nothing. Exported for the test that compares the two. */
export function portableWriteKey(target: Uint8Array, offset: number, key: Key): void {
  for (let i = 0; i < key.length; i++) target[offset + i] = key.charCodeAt(i);
}

/** `key` read as UTF-8; bytes that are not UTF-8 become U+FFFD. For messages to people. */
export function keyToText(key: Key): string {
  return lossyDecoder.decode(keyToBytes(key));
}

/** The UTF-8 bytes of `text`. */
export function textToBytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** `bytes` read as UTF-8; what is not UTF-8 becomes U+FFFD. */
export function bytesToText(bytes: Uint8Array): string {
  return lossyDecoder.decode(bytes);
}

/** `bytes` read as UTF-8, or null when they are not UTF-8. */
export function bytesToTextStrict(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * The same bytes in fresh memory of exactly their size. Not `slice`, which on a Node `Buffer` is a view: what is
 * kept must neither change with a reused buffer nor keep a large one alive.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  // Faster than `new Uint8Array(bytes)` on both Node and Bun.
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Copies `source[start, end)` into `target` at `at`, where there must be room, without a view of either. */
export function copyRange(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (nativeBuffer === null || end - start <= SHORT_COPY) portableCopyRange(source, start, end, target, at);
  else nativeBuffer.copy.call(source, target, at, start, end);
}

/** {@link copyRange} where the runtime brings nothing. Exported for the test that compares the two. */
export function portableCopyRange(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start > SHORT_COPY) target.set(source.subarray(start, end), at);
  else for (let i = start; i < end; i++) target[at++] = source[i]!;
}

/** Negative, 0 or positive as `a` sorts before, with or after `b`, bytewise. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether the two hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The bytes of all `parts`, in order, in fresh memory. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * The first key past every key that starts with `prefix`, or null when there is none (an empty prefix, or one
 * of 0xff bytes only): `[prefix, prefixEnd(prefix))` is the range of keys with that prefix.
 */
export function prefixEnd(prefix: Key): Key | null {
  let length = prefix.length;
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length--;
  if (length === 0) return null;
  const last = prefix.charCodeAt(length - 1);
  return (prefix.slice(0, length - 1) + String.fromCharCode(last + 1)) as Key;
}

/** The bytes in lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
