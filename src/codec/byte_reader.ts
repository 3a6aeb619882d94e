/**
 * Reads what {@link ByteWriter} wrote. Every read checks the bounds: bytes come from disks and networks.
 *
 * @module
 */
import { copyBytes, type Key, keyFromBytes } from "./bytes.ts";

/** Bytes that are not what their reader expects: cut short, too long, or with a value out of range. */
export class CodecError extends Error {
  /** The class of the error. */
  override readonly name = "CodecError";
  /** What went wrong, for programs. Stable across versions. */
  readonly code = "BAD_ENCODING";
}

/** The little-endian 32-bit number at `bytes[at]`. By hand: for a few bytes a DataView costs more than the reading. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}

/** Reads primitives one after the other from `bytes[start, end)`. */
export class ByteReader {
  #bytes: Uint8Array;
  readonly #copies: boolean;
  #offset: number;
  #end: number;

  /** With `copies` blobs are read into fresh memory, otherwise as views of `bytes`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length, copies = false) {
    this.#bytes = bytes;
    this.#copies = copies;
    if (!(start >= 0 && start <= end && end <= bytes.length)) {
      throw new RangeError(`range ${start} to ${end} of ${bytes.length} bytes`);
    }
    this.#offset = start;
    this.#end = end;
  }

  /** Where the next read starts. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count > this.#end - at) {
      throw new CodecError(`cut short: ${count} bytes expected at offset ${at}, ${this.#end - at} left`);
    }
    this.#offset = at + count;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u32(): number {
    return readU32(this.#bytes, this.#take(4));
  }

  /** A whole number from 0 to 2^53 − 1, from 8 bytes. */
  u64(): number {
    const at = this.#take(8);
    const high = readU32(this.#bytes, at + 4);
    if (high > 0x1f_ffff) throw new CodecError(`64-bit number past 2^53 at offset ${at}`);
    return high * 0x1_0000_0000 + readU32(this.#bytes, at);
  }

  i64(): bigint {
    const at = this.#take(8);
    return BigInt.asIntN(64, BigInt(readU32(this.#bytes, at + 4)) << 32n | BigInt(readU32(this.#bytes, at)));
  }

  /** A whole number from 0 to 2^53 − 1, from 1 to 8 bytes. */
  varint(): number {
    const start = this.#offset;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new CodecError(`varint past 2^53 at offset ${start}`);
  }

  /** `count` bytes as a view of the memory read from: copy what is to be kept. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Passes over `count` bytes and returns where they begin. */
  skip(count: number): number {
    return this.#take(count);
  }

  /** A blob: a view of the memory read from, unless the reader copies. */
  blob(): Uint8Array {
    return this.#copies ? this.ownBlob() : this.raw(this.varint());
  }

  /** A blob in fresh memory. */
  ownBlob(): Uint8Array {
    const count = this.varint();
    // One step instead of three, but a Node `Buffer` gives a view.
    if (this.#bytes.constructor !== Uint8Array) return copyBytes(this.raw(count));
    const at = this.#take(count);
    return this.#bytes.slice(at, at + count);
  }

  key(): Key {
    const length = this.varint();
    const at = this.#take(length);
    return keyFromBytes(this.#bytes, at, at + length);
  }

  /** Throws unless everything was read. */
  finish(): void {
    if (this.remaining !== 0) {
      throw new CodecError(`${this.remaining} bytes too many at offset ${this.#offset}`);
    }
  }
}
