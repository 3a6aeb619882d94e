/**
 * Reads RESP2 and RESP3 replies from bytes as they arrive. Bounded: a reply that is larger or deeper than a
 * client can want is refused by its header, before memory is taken for it.
 *
 * Invariant: the values of {@link RespReplyParser.next} that are byte arrays are views of the parser's memory,
 * valid until the next {@link RespReplyParser.push}.
 *
 * @module
 */
import { bytesToText } from "../codec/bytes.ts";
import { KvError } from "../core/errors.ts";
import { SPEAKS_TLS } from "./socket_errors.ts";

/** An error reply: the line without the leading `-`. */
export class RespErrorReply {
  readonly line: string;

  constructor(line: string) {
    this.line = line;
  }
}

/** A push message of RESP3. */
export class RespPush {
  readonly items: readonly RespReply[];

  constructor(items: readonly RespReply[]) {
    this.items = items;
  }
}

/** A reply: integers that a double cannot hold are bigints; maps are lists of their keys and values in turn. */
export type RespReply =
  | Uint8Array
  | string
  | number
  | bigint
  | boolean
  | null
  | RespErrorReply
  | RespPush
  | readonly RespReply[];

/** How large replies may be. */
export interface RespReplyLimits {
  /** The longest string, in bytes. @default 536870912 */
  readonly maxBulkBytes?: number;
  /** The most items of an array, set or push; pairs of a map. @default 1048576 */
  readonly maxItems?: number;
}

/** The longest line: an error's text, a number. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_DEPTH = 8;
/** What is returned when the bytes end before the reply does. */
const INCOMPLETE = Symbol("incomplete");

const SHORT_LENGTH_DIGITS = 9;
const CR = 13;
/** The first byte of an alert of TLS (RFC 8446, section 5.1): what a server of TLS says to those who speak without. */
const TLS_ALERT = 21;
const LF = 10;

/** Cuts a stream of bytes into replies. */
export class RespReplyParser {
  #maxBulkBytes: number;
  #maxItems: number;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Whether `#bytes` is memory of our own, with room to grow into. */
  #owned = false;
  #start = 0;
  #end = 0;
  #at = 0;
  /** How many bytes the reply under way needs at least: it is not looked at before they are there. */
  #needed = 0;

  constructor(limits: RespReplyLimits = {}) {
    this.#maxBulkBytes = limits.maxBulkBytes ?? 512 * 1024 * 1024;
    this.#maxItems = limits.maxItems ?? 1024 * 1024;
  }

  /** How many bytes wait for the rest of their reply. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Takes bytes that arrived; they must not change before all replies in them were taken. */
  push(chunk: Uint8Array): void {
    const waiting = this.#end - this.#start;
    if (waiting === 0) {
      // Views of a plain array are made faster than views of a `Buffer`.
      this.#bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      this.#owned = false;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    const total = waiting + chunk.length;
    if (!this.#owned || this.#end + chunk.length > this.#bytes.length) {
      const target = total * 2 <= this.#bytes.length && this.#owned
        ? this.#bytes
        : new Uint8Array(Math.max(total, this.#needed, 4096) + (total >> 1));
      if (target === this.#bytes) target.copyWithin(0, this.#start, this.#end);
      else target.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = target;
      this.#owned = true;
      this.#start = 0;
      this.#end = waiting;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next reply, or undefined when the bytes end before it does.
   *
   * @throws {KvError} `PROTOCOL_ERROR` when the bytes are no reply, `TLS_FAILED` when they are TLS; nothing can be read
   * after it
   */
  next(): RespReply | undefined {
    if (this.#end - this.#start < Math.max(this.#needed, 1)) return undefined;
    this.#at = this.#start;
    const reply = this.#value(0);
    if (reply === INCOMPLETE) return undefined;
    this.#start = this.#at;
    this.#needed = 0;
    return reply;
  }

  #value(depth: number): RespReply | typeof INCOMPLETE {
    if (depth > MAX_DEPTH) throw garbage(`a reply is nested deeper than ${MAX_DEPTH}`);
    if (this.#at >= this.#end) return INCOMPLETE;
    const type = this.#bytes[this.#at]!;
    if (type === 36) {
      const length = this.#shortLength();
      if (length >= 0) return this.#bulk(length);
    }
    if (type === TLS_ALERT && depth === 0) throw new KvError("TLS_FAILED", SPEAKS_TLS);
    const line = this.#line();
    if (line === null) return INCOMPLETE;
    switch (type) {
      case 43: // +
        return line;
      case 45: // -
        return new RespErrorReply(line);
      case 58: // :
        return integer(line);
      case 36: // $
      case 61: // =
        return this.#bulk(length(line, this.#maxBulkBytes, "string"));
      case 33: { // !
        const text = this.#bulk(length(line, this.#maxBulkBytes, "error"));
        return text instanceof Uint8Array ? new RespErrorReply(bytesToText(text)) : text;
      }
      case 42: // *
      case 126: // ~
        return this.#items(length(line, this.#maxItems, "array"), depth);
      case 37: { // %
        const pairs = length(line, this.#maxItems, "map");
        return this.#items(pairs * 2, depth);
      }
      case 62: { // >
        const items = this.#items(length(line, this.#maxItems, "push"), depth);
        return items === INCOMPLETE || items === null ? items : new RespPush(items);
      }
      case 95: // _
        return null;
      case 35: // #
        if (line !== "t" && line !== "f") throw garbage(`a boolean is "${line.slice(0, 16)}"`);
        return line === "t";
      case 44: // ,
        return double(line);
      case 40: // (
        return integer(line);
      default:
        throw garbage(`a reply begins with byte ${type}`);
    }
  }

  /**
   * Takes the line that begins a string if it is a whole number of a few digits, as it nearly always is: then no text is
   * made of it. -1 when it is anything else, or not all there.
   */
  #shortLength(): number {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let length = 0;
    let at = from;
    for (; at < from + SHORT_LENGTH_DIGITS; at++) {
      const digit = bytes[at]! - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      length = length * 10 + digit;
    }
    if (at === from || at + 2 > this.#end || bytes[at] !== CR || bytes[at + 1] !== LF) return -1;
    if (length > this.#maxBulkBytes) return -1;
    this.#at = at + 2;
    return length;
  }

  /** The rest of the line after its type, or null when its end is not there yet. */
  #line(): string | null {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    const to = Math.min(this.#end, from + MAX_LINE_BYTES);
    let at = from;
    while (at < to && bytes[at] !== CR) at++;
    if (at + 1 >= this.#end) {
      if (at - from >= MAX_LINE_BYTES) throw garbage(`a line is longer than ${MAX_LINE_BYTES} bytes`);
      return null;
    }
    if (bytes[at] !== CR) throw garbage(`a line is longer than ${MAX_LINE_BYTES} bytes`);
    if (bytes[at + 1] !== LF) throw garbage("a line does not end in CR LF");
    this.#at = at + 2;
    return bytesToText(bytes.subarray(from, at));
  }

  #bulk(length: number): Uint8Array | null | typeof INCOMPLETE {
    if (length < 0) return null;
    const end = this.#at + length;
    if (end + 2 > this.#end) {
      this.#needed = end + 2 - this.#start;
      return INCOMPLETE;
    }
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) throw garbage("a string does not end in CR LF");
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end + 2;
    return value;
  }

  #items(count: number, depth: number): RespReply[] | null | typeof INCOMPLETE {
    if (count < 0) return null;
    const items: RespReply[] = [];
    for (let i = 0; i < count; i++) {
      const item = this.#value(depth + 1);
      if (item === INCOMPLETE) return INCOMPLETE;
      items.push(item);
    }
    return items;
  }
}

function garbage(what: string): KvError {
  return new KvError("PROTOCOL_ERROR", `not a server of ours: ${what}`);
}

/** A length; -1 for null, as RESP2 has it. */
function length(line: string, limit: number, what: string): number {
  if (line === "-1") return -1;
  if (!/^[0-9]{1,15}$/.test(line)) throw garbage(`the length of a ${what} is "${line.slice(0, 32)}"`);
  const value = Number(line);
  if (value > limit) throw garbage(`the length of a ${what} is ${value}, and the limit is ${limit}`);
  return value;
}

function integer(line: string): number | bigint {
  if (!/^[+-]?[0-9]{1,64}$/.test(line)) throw garbage(`an integer is "${line.slice(0, 32)}"`);
  const value = Number(line);
  return Number.isSafeInteger(value) ? value : BigInt(line);
}

function double(line: string): number {
  const value = line === "inf" ? Infinity : line === "-inf" ? -Infinity : Number(line);
  if (line === "" || (Number.isNaN(value) && line !== "nan")) throw garbage(`a number is "${line.slice(0, 32)}"`);
  return value;
}
