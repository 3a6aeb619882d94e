/**
 * A growable byte buffer with the few primitives that every layout here is made of. Little-endian; `varint`
 * is LEB128 and carries whole numbers up to 2^53 − 1 without 32-bit operators (a revision outgrows them).
 *
 * @module
 */
import { copyRange, type Key, writeKey } from "./bytes.ts";

function assertWhole(value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw new RangeError(`${value} is not a whole number from 0 to 2^53 - 1`);
  }
}

/** Writes a 32-bit number, little-endian. By hand: a buffer of few bytes is made faster than a DataView of it. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Writes primitives one after the other. Reusable: {@link reset} keeps the memory. */
export class ByteWriter {
  /** The memory written to. Replaced when it grows: do not hold it across a write. */
  bytes: Uint8Array;
  /** How many bytes have been written. */
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Forgets what was written, keeps the memory. */
  reset(): void {
    this.length = 0;
  }

  /** Takes the first `count` bytes away. */
  drop(count: number): void {
    if (!(count >= 0 && count <= this.length)) throw new RangeError(`${count} of ${this.length} bytes`);
    if (count === 0) return;
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    // One large value does not take twice its size.
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed + 64));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    writeU32(this.bytes, this.length, value);
    this.length += 4;
  }

  /** A whole number from 0 to 2^53 − 1, in 8 bytes. */
  u64(value: number): void {
    assertWhole(value);
    this.reserve(8);
    writeU32(this.bytes, this.length, value % 0x1_0000_0000);
    writeU32(this.bytes, this.length + 4, Math.floor(value / 0x1_0000_0000));
    this.length += 8;
  }

  /** A signed 64-bit integer. */
  i64(value: bigint): void {
    this.reserve(8);
    writeU32(this.bytes, this.length, Number(BigInt.asUintN(32, value)));
    writeU32(this.bytes, this.length + 4, Number(BigInt.asUintN(32, value >> 32n)));
    this.length += 8;
  }

  /** Overwrites 4 bytes written earlier, at `offset`. */
  patchU32(offset: number, value: number): void {
    writeU32(this.bytes, offset, value);
  }

  /** A whole number from 0 to 2^53 − 1, in 1 to 8 bytes. */
  varint(value: number): void {
    this.reserve(8);
    const bytes = this.bytes;
    // Not a whole number below 2^31: the 32-bit operators below would not do.
    if ((value | 0) !== value || value < 0) {
      assertWhole(value);
      while (value > 0x7fff_ffff) {
        bytes[this.length++] = (value % 128) | 0x80;
        value = Math.floor(value / 128);
      }
    }
    while (value > 127) {
      bytes[this.length++] = (value & 127) | 0x80;
      value >>>= 7;
    }
    bytes[this.length++] = value;
  }

  /** Bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  /** A varint length, then the bytes. */
  blob(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** A varint length, then the bytes `source[start, end)`. */
  blobRange(source: Uint8Array, start: number, end: number): void {
    this.varint(end - start);
    this.reserve(end - start);
    copyRange(source, start, end, this.bytes, this.length);
    this.length += end - start;
  }

  /** A varint length, then the bytes of the key. */
  key(value: Key): void {
    this.varint(value.length);
    this.reserve(value.length);
    writeKey(this.bytes, this.length, value);
    this.length += value.length;
  }

  /** What was written, as a view: valid until the next write or reset. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** What was written, in fresh memory. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
