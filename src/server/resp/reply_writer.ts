/**
 * Writes RESP replies into memory that leaves in one socket write per turn.
 *
 * The invariant: chunks come out in the order in which they were written, and memory is handed back to the
 * pool only after the transport has said that it holds none of it. Large values are passed on by reference
 * (entries are immutable), everything else is copied once.
 *
 * @module
 */
import { EMPTY, type Key, textToBytes, writeKey } from "../../codec/bytes.ts";
import { nativeBuffer } from "../../codec/runtime.ts";

/** The size of a pooled output buffer, in bytes. */
const POOLED_BYTES = 16 * 1024;
/** A buffer grows up to this size; then the next one is begun. */
const MAX_BUFFER_BYTES = 256 * 1024;
/** Values from this size on leave by reference. */
const BY_REFERENCE_BYTES = 32 * 1024;
/** The longest header: a type byte, 20 digits and a sign, CRLF. */
const HEADER_BYTES = 26;
/** How much free memory a pool holds on to. */
const POOL_LIMIT = 256;

const CR = 13;
const LF = 10;

/** Output buffers shared by the connections of one server, so that an idle connection holds none. */
export class BufferPool {
  #free: Uint8Array[] = [];

  /** A buffer of the pooled size, its content arbitrary. */
  acquire(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(POOLED_BYTES);
  }

  /** Takes a buffer back that nobody reads any more. Buffers of other sizes are dropped. */
  release(buffer: Uint8Array): void {
    if (buffer.length === POOLED_BYTES && this.#free.length < POOL_LIMIT) this.#free.push(buffer);
  }
}

/** Writes replies in the RESP version that {@link protocol} says at the time of the call. */
export class ReplyWriter {
  /** The RESP version: 2, or 3 after HELLO 3. */
  protocol: 2 | 3;
  readonly #pool: BufferPool | null;
  #buffer: Uint8Array = EMPTY;
  /** The end of what is written into the buffer. */
  #length = 0;
  /** The start of what is not yet in {@link #chunks}. */
  #start = 0;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;

  /** @param pool Where buffers come from; without one they are this writer's own. */
  constructor(protocol: 2 | 3 = 2, pool: BufferPool | null = null) {
    this.protocol = protocol;
    this.#pool = pool;
  }

  /** How many bytes are written and not yet taken. */
  get size(): number {
    return this.#chunkBytes + this.#length - this.#start;
  }

  /** `+OK`. */
  ok(): void {
    this.#reserve(5);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = 43;
    buffer[at++] = 79;
    buffer[at++] = 75;
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.#length = at;
  }

  /** A simple string; it must not contain CR or LF. */
  simple(text: string): void {
    this.#line(43, text);
  }

  /** An error: the whole line, prefix included (`ERR syntax error`). CR and LF become spaces. */
  error(line: string): void {
    this.#line(45, line.replace(/[\r\n]/g, " "));
  }

  /** An integer. */
  integer(value: number | bigint): void {
    if (typeof value === "number") this.#header(58, value);
    else this.#line(58, value.toString());
  }

  /** A bulk string. The bytes must not change afterwards: large ones leave by reference. */
  bulk(bytes: Uint8Array): void {
    this.#header(36, bytes.length);
    this.raw(bytes);
    this.#crlf();
  }

  /** A bulk string of `bytes[start, end)`, as {@link bulk}: only a whole large array leaves by reference. */
  bulkOf(bytes: Uint8Array, start: number, end: number): void {
    this.bulk(end - start === bytes.length ? bytes : bytes.subarray(start, end));
  }

  /** A bulk string of the bytes of a key. */
  bulkKey(key: Key): void {
    this.#header(36, key.length);
    this.#reserve(key.length + 2);
    writeKey(this.#buffer, this.#length, key);
    this.#length += key.length;
    this.#crlf();
  }

  /** A bulk string of the UTF-8 bytes of `text`. */
  bulkText(text: string): void {
    this.bulk(textToBytes(text));
  }

  /** Text for people: a verbatim string in RESP3, a bulk string in RESP2. */
  verbatim(text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text);
      return;
    }
    const bytes = textToBytes(text);
    this.#header(61, bytes.length + 4);
    this.raw(TEXT_FORMAT);
    this.raw(bytes);
    this.#crlf();
  }

  /** No value: a null bulk string in RESP2. */
  nil(): void {
    this.#constant(this.protocol === 2 ? NIL_BULK : NULL);
  }

  /** No array: a null array in RESP2. */
  nilArray(): void {
    this.#constant(this.protocol === 2 ? NIL_ARRAY : NULL);
  }

  /** Begins an array of `length` replies. */
  array(length: number): void {
    this.#header(42, length);
  }

  /** Begins a map of `length` pairs; in RESP2 an array of twice as many replies. */
  map(length: number): void {
    if (this.protocol === 2) this.#header(42, length * 2);
    else this.#header(37, length);
  }

  /** Begins a set of `length` replies; in RESP2 an array. */
  set(length: number): void {
    this.#header(this.protocol === 2 ? 42 : 126, length);
  }

  /** Begins a push message of `length` replies: RESP3 only. */
  push(length: number): void {
    if (this.protocol === 2) throw new Error("a push message needs RESP3");
    this.#header(62, length);
  }

  /** A floating-point number; in RESP2 a bulk string. */
  double(value: number): void {
    const text = value === Infinity ? "inf" : value === -Infinity ? "-inf" : Number.isNaN(value) ? "nan" : `${value}`;
    if (this.protocol === 2) this.bulkText(text);
    else this.#line(44, text);
  }

  /** A boolean; in RESP2 the integer 1 or 0. */
  bool(value: boolean): void {
    if (this.protocol === 2) this.#header(58, value ? 1 : 0);
    else this.#line(35, value ? "t" : "f");
  }

  /** Bytes that are RESP already. They must not change afterwards: many of them leave by reference. */
  raw(bytes: Uint8Array): void {
    if (bytes.length >= BY_REFERENCE_BYTES) {
      this.#seal();
      this.#chunks.push(bytes);
      this.#chunkBytes += bytes.length;
      return;
    }
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Hands everything written to `write`, in order, and starts anew. `write` says whether it is done with the memory. */
  flush(write: (chunks: readonly Uint8Array[]) => boolean): void {
    if (this.size === 0) return;
    this.#seal();
    const buffer = this.#buffer;
    const chunks = this.#chunks;
    this.#forget();
    if (write(chunks)) this.#pool?.release(buffer);
  }

  /** Everything written, in fresh memory, and starts anew. */
  take(): Uint8Array {
    const whole = new Uint8Array(this.size);
    let offset = 0;
    this.flush((chunks) => {
      for (const chunk of chunks) {
        whole.set(chunk, offset);
        offset += chunk.length;
      }
      return true;
    });
    return whole;
  }

  /** Throws away what was written and not taken. */
  discard(): void {
    if (this.#buffer.length > 0) this.#pool?.release(this.#buffer);
    this.#forget();
  }

  #forget(): void {
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#start = 0;
    this.#chunks = [];
    this.#chunkBytes = 0;
  }

  /** Moves what is in the buffer to the chunks. The rest of the buffer stays in use. */
  #seal(): void {
    if (this.#length === this.#start) return;
    this.#chunks.push(this.#buffer.subarray(this.#start, this.#length));
    this.#chunkBytes += this.#length - this.#start;
    this.#start = this.#length;
  }

  #reserve(count: number): void {
    if (this.#length + count > this.#buffer.length) this.#grow(count);
  }

  #grow(count: number): void {
    const used = this.#length - this.#start;
    if (this.#buffer.length === 0 && count <= POOLED_BYTES) {
      this.#buffer = this.#pool === null ? new Uint8Array(Math.max(64, count)) : this.#pool.acquire();
      return;
    }
    if (used + count > MAX_BUFFER_BYTES) {
      this.#seal();
      this.#buffer = new Uint8Array(Math.max(MAX_BUFFER_BYTES, count));
      this.#start = 0;
      this.#length = 0;
      return;
    }
    let capacity = this.#buffer.length * 2;
    while (capacity < used + count) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#buffer.subarray(this.#start, this.#length));
    // Chunks may still be views of the old buffer: it is left to the collector.
    this.#buffer = grown;
    this.#start = 0;
    this.#length = used;
  }

  #crlf(): void {
    this.#reserve(2);
    this.#buffer[this.#length++] = CR;
    this.#buffer[this.#length++] = LF;
  }

  #constant(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A type byte, a whole number and CRLF. */
  #header(type: number, value: number): void {
    if (!(value >= 0 && value <= 0x7fff_ffff)) {
      this.#line(type, `${value}`);
      return;
    }
    this.#reserve(HEADER_BYTES);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = type;
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    at += digits;
    this.#length = at + 2;
    buffer[at] = CR;
    buffer[at + 1] = LF;
    do {
      const tens = (value / 10) | 0;
      buffer[--at] = 48 + value - tens * 10;
      value = tens;
    } while (value > 0);
  }

  #line(type: number, text: string): void {
    let ascii = nativeBuffer !== null;
    for (let i = 0; ascii && i < text.length; i++) ascii = text.charCodeAt(i) < 128;
    const bytes = ascii ? null : textToBytes(text);
    const length = bytes === null ? text.length : bytes.length;
    this.#reserve(length + 3);
    this.#buffer[this.#length++] = type;
    if (bytes === null) writeKey(this.#buffer, this.#length, text as Key);
    else this.#buffer.set(bytes, this.#length);
    this.#length += length;
    this.#crlf();
  }
}

const TEXT_FORMAT = textToBytes("txt:");
const NIL_BULK = textToBytes("$-1\r\n");
const NIL_ARRAY = textToBytes("*-1\r\n");
const NULL = textToBytes("_\r\n");
