/**
 * Base64 (RFC 4648, sections 4 and 5) without a runtime's help, so that bytes travel in JSON, headers and URLs
 * the same way everywhere. Decoding is strict: what is accepted encodes back to the same text.
 *
 * @module
 */
import { CodecError } from "./byte_reader.ts";
import { keyFromBytes } from "./bytes.ts";

const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PADDING = 61;

interface Alphabet {
  readonly name: string;
  readonly padded: boolean;
  readonly codes: Uint8Array;
  /** The six bits of a character code, or 255. */
  readonly values: Uint8Array;
}

function alphabet(name: string, characters: string, padded: boolean): Alphabet {
  const codes = new Uint8Array(64);
  const values = new Uint8Array(256).fill(255);
  for (let i = 0; i < 64; i++) {
    const code = characters.charCodeAt(i);
    codes[i] = code;
    values[code] = i;
  }
  return { name, padded, codes, values };
}

const BASE64 = /* @__PURE__ */ alphabet("base64", STANDARD, true);
const BASE64_URL = /* @__PURE__ */ alphabet("base64url", URL_SAFE, false);

function encode(bytes: Uint8Array, { codes, padded }: Alphabet): string {
  const whole = Math.floor(bytes.length / 3);
  const rest = bytes.length - whole * 3;
  const length = whole * 4 + (rest === 0 ? 0 : padded ? 4 : rest + 1);
  const text = new Uint8Array(length);
  let at = 0;
  let from = 0;
  for (let i = 0; i < whole; i++, from += 3, at += 4) {
    const bits = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
    text[at] = codes[bits >> 18]!;
    text[at + 1] = codes[(bits >> 12) & 63]!;
    text[at + 2] = codes[(bits >> 6) & 63]!;
    text[at + 3] = codes[bits & 63]!;
  }
  if (rest > 0) {
    const bits = (bytes[from]! << 16) | ((rest === 2 ? bytes[from + 1]! : 0) << 8);
    text[at] = codes[bits >> 18]!;
    text[at + 1] = codes[(bits >> 12) & 63]!;
    if (rest === 2) text[at + 2] = codes[(bits >> 6) & 63]!;
    if (padded) text.fill(PADDING, at + rest + 1);
  }
  return keyFromBytes(text);
}

function decode(text: string, { name, padded, values }: Alphabet): Uint8Array {
  let length = text.length;
  if (padded) {
    if (length % 4 !== 0) throw new CodecError(`${name} of ${length} characters; its length is a multiple of 4`);
    if (length > 0 && text.charCodeAt(length - 1) === PADDING) length--;
    if (length > 0 && text.charCodeAt(length - 1) === PADDING && length < text.length) length--;
  }
  if (length % 4 === 1) throw new CodecError(`${name} of ${length} characters is cut short`);
  const bytes = new Uint8Array(Math.floor(length * 3 / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 256 ? values[code]! : 255;
    if (value === 255) throw new CodecError(`${name} with an unknown character at ${i}`);
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 255;
    }
  }
  if ((bits & ((1 << held) - 1)) !== 0) throw new CodecError(`${name} with bits left over at its end`);
  return bytes;
}

/** The bytes in base64, with padding. */
export function toBase64(bytes: Uint8Array): string {
  return encode(bytes, BASE64);
}

/**
 * The bytes that `text` stands for, in fresh memory.
 *
 * @throws {CodecError} unless the text is base64 with its padding
 */
export function fromBase64(text: string): Uint8Array {
  return decode(text, BASE64);
}

/** The bytes in base64url, without padding: fit for a URL or a header. */
export function toBase64Url(bytes: Uint8Array): string {
  return encode(bytes, BASE64_URL);
}

/**
 * The bytes that `text` stands for, in fresh memory.
 *
 * @throws {CodecError} unless the text is base64url without padding
 */
export function fromBase64Url(text: string): Uint8Array {
  return decode(text, BASE64_URL);
}
