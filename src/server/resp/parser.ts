/**
 * Cuts the bytes of a connection into commands: RESP arrays of bulk strings, and inline commands.
 *
 * Incremental and binary-safe. Arguments are offsets into {@link RespParser.source}, so that a command that is
 * whole in one chunk costs no copy; only what a chunk leaves unfinished is copied, and each byte a bounded
 * number of times however small the chunks are. What a half request can hold is bounded, and nothing is
 * reserved for bytes that were only announced.
 *
 * @module
 */
import { EMPTY } from "../../codec/bytes.ts";
import { splitInline } from "./inline.ts";
import type { RequestSource } from "./request_source.ts";

/** The longest inline command, in bytes. */
export const MAX_INLINE_BYTES: number = 64 * 1024;
/** The most arguments of one command. */
export const MAX_ARGUMENTS: number = 1024 * 1024;
/** What a client that has yet to give the password may send: arguments, and bytes of each. */
const UNAUTHENTICATED_ARGUMENTS = 10;
const UNAUTHENTICATED_BYTES = 16 * 1024;
/** Owned memory above this size is not kept for a small rest. */
const KEEP_BYTES = 64 * 1024;
/** The most digits of a length: more cannot be a number that is in range. */
const MAX_DIGITS = 19;

const LF = 10;
const CR = 13;
const DOLLAR = 36;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;

const PREFIX = "ERR Protocol error: ";

/** Bytes that are not RESP. The message is the whole error line, after which the connection is closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  /** @param fault What is wrong, in Redis's words. */
  constructor(fault: string) {
    super(PREFIX + fault);
  }

  /** The error whose message is `message`. */
  static of(message: string): ProtocolError {
    return new ProtocolError(message.slice(PREFIX.length));
  }
}

/** What a parser allows. Sizes are bytes. */
export interface ParserLimits {
  /** The longest argument. */
  readonly maxBulkBytes: number;
  /** The longest request, framing included. */
  readonly maxRequestBytes: number;
}

/**
 * A parser of one connection. After {@link feed}, `while (parser.next()) { …; parser.consume(); }`, then
 * {@link settle} before the turn ends.
 */
export class RespParser implements RequestSource {
  /** The memory that the arguments of the present command are in. Valid until {@link settle}. */
  source: Uint8Array = EMPTY;
  /** How many arguments the present command has, its name included. */
  count = 0;
  /** Where each argument starts in {@link source}. */
  starts: number[] = [];
  /** Where each argument ends in {@link source}. */
  ends: number[] = [];
  /** Whether the client has yet to give the password: then only small requests are taken. */
  limited = false;

  readonly #limits: ParserLimits;
  #buffer: Uint8Array = EMPTY;
  /** Whether the buffer is this parser's own, and not a chunk. */
  #owned = false;
  /** The end of the bytes in the buffer. */
  #end = 0;
  /** Where the present command starts. */
  #position = 0;
  /** How far the present command has been looked at. */
  #cursor = 0;
  /** Arguments of the present command that are still to come; −1 before their number is known. */
  #missing = -1;
  /** The length of the argument that is coming; −1 before it is known. */
  #bulk = -1;
  #ready = false;
  #inline = false;

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** How many received bytes are held and not consumed. */
  get buffered(): number {
    return this.#end - this.#position;
  }

  /** Takes received bytes. They are looked at until {@link settle}, which copies what is left of them. */
  feed(chunk: Uint8Array): void {
    if (this.#end > this.#position) {
      this.#append(chunk);
      return;
    }
    // A plain view: slicing it makes plain arrays, on every runtime.
    this.#buffer = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#owned = false;
    this.#end = chunk.byteLength;
    this.#position = 0;
    this.#cursor = 0;
  }

  /**
   * Whether a whole command is there. It stays the present one until {@link consume}.
   *
   * @throws {ProtocolError} when the bytes are not RESP, or break a limit; the parser is of no use afterwards
   */
  next(): boolean {
    if (this.#ready) return true;
    while (this.#missing < 0) {
      if (this.#position >= this.#end) return false;
      if (this.#buffer[this.#position] !== STAR) {
        if (!this.#nextInline()) return false;
        if (this.count > 0) return this.#ready = true;
        this.consume();
        continue;
      }
      const count = this.#number("invalid multibulk length");
      if (count === null) return false;
      if (count > MAX_ARGUMENTS) throw new ProtocolError("invalid multibulk length");
      if (this.limited && count > UNAUTHENTICATED_ARGUMENTS) {
        throw new ProtocolError("unauthenticated multibulk length");
      }
      if (count > 0) this.#missing = count;
      else this.consume();
    }
    return this.#nextBulks();
  }

  /** The arguments of the present command, as views of {@link source}. */
  args(): Uint8Array[] {
    const args: Uint8Array[] = [];
    for (let i = 0; i < this.count; i++) args.push(this.source.subarray(this.starts[i], this.ends[i]));
    return args;
  }

  /** The bytes that the present command takes, framing included. */
  get commandBytes(): number {
    return this.#cursor - this.#position;
  }

  /** Is done with the present command. */
  consume(): void {
    this.#position = this.#cursor;
    this.#missing = -1;
    this.#bulk = -1;
    this.#ready = false;
    this.#inline = false;
    this.source = EMPTY;
    if (this.count > 1024) {
      this.starts = [];
      this.ends = [];
    }
    this.count = 0;
  }

  /** Copies what is left of the chunk, whose memory may then be used again. */
  settle(): void {
    const rest = this.#end - this.#position;
    if (rest === 0) {
      this.#buffer = EMPTY;
      this.#owned = false;
      this.#end = this.#position = this.#cursor = 0;
      return;
    }
    const wasteful = this.#buffer.length > KEEP_BYTES && rest < this.#buffer.length / 4;
    if (!this.#owned || wasteful) this.#move(new Uint8Array(Math.max(rest, 64)));
    // Moving only when at least half is used up keeps the cost per byte constant.
    else if (this.#position > this.#buffer.length / 2) this.#move(this.#buffer);
  }

  /** Moves what is left to the start of `target`. */
  #move(target: Uint8Array): void {
    const shift = this.#position;
    if (target === this.#buffer) target.copyWithin(0, shift, this.#end);
    else target.set(this.#buffer.subarray(shift, this.#end));
    if (!this.#inline) {
      for (let i = 0; i < this.count; i++) {
        this.starts[i]! -= shift;
        this.ends[i]! -= shift;
      }
      if (this.#ready) this.source = target;
    }
    this.#buffer = target;
    this.#owned = true;
    this.#end -= shift;
    this.#cursor -= shift;
    this.#position = 0;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#end - this.#position + chunk.length;
    if (!this.#owned || this.#end + chunk.length > this.#buffer.length) {
      const fits = this.#owned && needed <= this.#buffer.length / 2;
      this.#move(fits ? this.#buffer : new Uint8Array(Math.max(needed, this.#buffer.length * 2)));
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  #nextBulks(): boolean {
    while (this.#missing > 0) {
      if (this.#bulk < 0) {
        if (this.#cursor >= this.#end) return this.#incomplete();
        const type = this.#buffer[this.#cursor]!;
        if (type !== DOLLAR) throw new ProtocolError(`expected '$', got '${printable(type)}'`);
        const length = this.#number("invalid bulk length");
        if (length === null) return this.#incomplete();
        if (length < 0 || length > this.#limits.maxBulkBytes) throw new ProtocolError("invalid bulk length");
        if (this.limited && length > UNAUTHENTICATED_BYTES) throw new ProtocolError("unauthenticated bulk length");
        this.#bulk = length;
      }
      const end = this.#cursor + this.#bulk;
      if (end + 2 > this.#end) return this.#incomplete();
      this.starts[this.count] = this.#cursor;
      this.ends[this.count++] = end;
      this.#cursor = end + 2;
      this.#bulk = -1;
      this.#missing--;
    }
    this.source = this.#buffer;
    return this.#ready = true;
  }

  #incomplete(): false {
    if (this.#end - this.#position > this.#limits.maxRequestBytes) {
      throw new ProtocolError(`request of more than ${this.#limits.maxRequestBytes} bytes`);
    }
    return false;
  }

  /**
   * The whole number on the line at the cursor, behind its type byte; the cursor moves past the line. Null when
   * the line is not there yet.
   */
  #number(fault: string): number | null {
    const buffer = this.#buffer;
    const end = this.#end;
    let at = this.#cursor + 1;
    const negative = at < end && buffer[at] === MINUS;
    if (negative) at++;
    const first = at;
    let value = 0;
    while (at < end) {
      const digit = buffer[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    const digits = at - first;
    if (digits > MAX_DIGITS) throw new ProtocolError(fault);
    if (at >= end) return null;
    const leadingZero = buffer[first] === ZERO && (digits > 1 || negative);
    if (buffer[at] !== CR || digits === 0 || leadingZero) throw new ProtocolError(fault);
    if (at + 1 >= end) return null;
    this.#cursor = at + 2;
    return negative ? -value : value;
  }

  /** Whether a whole line is there; its arguments are then the present ones, possibly none. */
  #nextInline(): boolean {
    const newline = this.#buffer.indexOf(LF, this.#cursor);
    const found = newline >= 0 && newline < this.#end;
    if ((found ? newline : this.#end) - this.#position > MAX_INLINE_BYTES) {
      throw new ProtocolError("too big inline request");
    }
    if (!found) {
      this.#cursor = this.#end;
      return false;
    }
    const line = this.#buffer.subarray(this.#position, newline);
    this.#cursor = newline + 1;
    this.#inline = true;
    const args = splitInline(line);
    if (args === null) throw new ProtocolError("unbalanced quotes in request");
    if (this.limited && args.ends.length > UNAUTHENTICATED_ARGUMENTS) {
      throw new ProtocolError("unauthenticated multibulk length");
    }
    this.source = args.bytes;
    this.count = args.ends.length;
    for (let i = 0; i < this.count; i++) {
      this.starts[i] = args.starts[i]!;
      this.ends[i] = args.ends[i]!;
    }
    return true;
  }
}

function printable(byte: number): string {
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
}
