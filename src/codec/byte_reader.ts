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

/** Reads primitives one after the other from `bytes[start, end)`. */
export class ByteReader {
  #bytes: Uint8Array;
  /** Made when it is first needed: most commands are read without it. */
  #view: DataView | null = null;
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

  #dataView(): DataView {
    this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#view;
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
    return this.#dataView().getUint32(this.#take(4), true);
  }

  /** A whole number from 0 to 2^53 − 1, from 8 bytes. */
  u64(): number {
    const at = this.#take(8);
    const view = this.#dataView();
    const high = view.getUint32(at + 4, true);
    if (high > 0x1f_ffff) throw new CodecError(`64-bit number past 2^53 at offset ${at}`);
    return high * 0x1_0000_0000 + view.getUint32(at, true);
  }

  i64(): bigint {
    return this.#dataView().getBigInt64(this.#take(8), true);
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

  /** A blob: a view of the memory read from, unless the reader copies. */
  blob(): Uint8Array {
    const count = this.varint();
    if (!this.#copies) return this.raw(count);
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
