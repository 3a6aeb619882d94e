/**
 * How values become bytes and back. A client is typed by its codec: bytes by default, text or JSON by choice.
 *
 * @module
 */
import { bytesToTextStrict, type Key, keyFromBytes, keyFromText, textToBytes } from "../codec/bytes.ts";
import { KvError } from "../core/errors.ts";

/** A key as callers give it: text, stored as UTF-8, or bytes. */
export type KeyInput = string | Uint8Array;

/** Turns values into bytes and back. */
export interface ValueCodec<Value> {
  /** The bytes to store. The client copies them before it returns to its caller. */
  encode(value: Value): Uint8Array;
  /** The value that `bytes` stand for; throws when they stand for none. `bytes` are the caller's to keep. */
  decode(bytes: Uint8Array): Value;
}

/** Values as they are. */
export const bytesCodec: ValueCodec<Uint8Array> = {
  encode(value: Uint8Array): Uint8Array {
    if (!(value instanceof Uint8Array)) {
      throw new KvError(
        "INVALID_ARGUMENT",
        `a value of type ${typeof value} where bytes are wanted; give a Uint8Array or choose the codec "string" or "json"`,
      );
    }
    return value;
  },
  decode(bytes: Uint8Array): Uint8Array {
    return bytes;
  },
};

/** Text, stored as UTF-8. */
export const stringCodec: ValueCodec<string> = {
  encode(value: string): Uint8Array {
    if (typeof value !== "string") {
      throw new KvError("INVALID_ARGUMENT", `a value of type ${typeof value} where a string is wanted`);
    }
    return textToBytes(value);
  },
  decode(bytes: Uint8Array): string {
    const text = bytesToTextStrict(bytes);
    if (text === null) {
      throw new KvError("INVALID_ARGUMENT", `a value of ${bytes.length} bytes is not UTF-8; read it as bytes`);
    }
    return text;
  },
};

const json: ValueCodec<unknown> = {
  encode(value: unknown): Uint8Array {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) {
      throw new KvError("INVALID_ARGUMENT", `a value of type ${typeof value} has no JSON form`);
    }
    return textToBytes(text);
  },
  decode(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(stringCodec.decode(bytes));
    } catch (cause) {
      throw new KvError("INVALID_ARGUMENT", `a value of ${bytes.length} bytes is not JSON; read it as bytes`, {
        cause,
      });
    }
  },
};

/**
 * Anything that `JSON.stringify` writes, stored as UTF-8. The type is the caller's claim: what is read is not
 * checked against it.
 */
export function jsonCodec<Value = unknown>(): ValueCodec<Value> {
  return json as ValueCodec<Value>;
}

/** The codecs by name. */
export const codecs: {
  readonly bytes: ValueCodec<Uint8Array>;
  readonly string: ValueCodec<string>;
  readonly json: <Value = unknown>() => ValueCodec<Value>;
} = { bytes: bytesCodec, string: stringCodec, json: jsonCodec };

/** The key that `input` names. */
export function keyOf(input: KeyInput): Key {
  if (typeof input === "string") {
    const key = keyFromText(input);
    // UTF-8 has no form for these: two different keys would become one. Where no character became more bytes, there is none.
    if (key.length !== input.length && /\p{Surrogate}/u.test(input)) {
      throw new KvError("INVALID_ARGUMENT", "a key with half a surrogate pair; give such a key as bytes");
    }
    return key;
  }
  if (input instanceof Uint8Array) return keyFromBytes(input);
  throw new KvError("INVALID_ARGUMENT", `a key of type ${typeof input}; a key is a string or a Uint8Array`);
}
