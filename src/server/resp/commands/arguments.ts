/**
 * How the arguments of data commands are read: what is a number, what an option, and when a key is to go, with
 * the error texts of Redis 7.
 *
 * The invariant: whatever the bytes, a function here returns a value that the store can take, or throws a
 * {@link RespError} whose text Redis would send.
 *
 * @module
 */
import { bytesToText, type Key, keyFromBytes } from "../../../codec/bytes.ts";
import type { Expiry } from "../../../core/kv/command.ts";
import type { Entry, Result } from "../../../core/kv/result.ts";
import { RespError } from "../command_spec.ts";
import type { ReplyWriter } from "../reply_writer.ts";

/** The least signed 64-bit integer. */
export const INT64_MIN: bigint = -(2n ** 63n);
/** The greatest signed 64-bit integer. */
export const INT64_MAX: bigint = 2n ** 63n - 1n;

/**
 * The latest time at which a key can be set to go: the store counts milliseconds up to 2^53 − 1 (the year
 * 287396). Later times, which Redis would take, become this one.
 */
export const MAX_EXPIRY_MS: number = Number.MAX_SAFE_INTEGER;
/** By how much another replica's clock may be ahead of ours when it adds a duration to its time: 34 years. */
const CLOCK_SLACK_MS = 2 ** 40;

const NOT_AN_INTEGER = "ERR value is not an integer or out of range";

/** `ERR syntax error`. */
export function syntaxError(): RespError {
  return new RespError("ERR syntax error");
}

/** The error for a wrong number of arguments. */
export function arityError(command: string): RespError {
  return new RespError(`ERR wrong number of arguments for '${command}' command`);
}

/** The name of an option in lower case. It ends at a zero byte, as in Redis. */
export function optionName(argument: Uint8Array): string {
  const end = argument.indexOf(0);
  return keyFromBytes(argument, 0, end < 0 ? argument.length : end).toLowerCase();
}

/** An argument as it stands in an error text: up to a zero byte, as in Redis. */
export function quoted(argument: Uint8Array): string {
  const end = argument.indexOf(0);
  return bytesToText(end < 0 ? argument : argument.subarray(0, end));
}

/**
 * The signed 64-bit integer that `bytes` are, or null. Strict, as Redis's string2ll: digits without leading
 * zeros, `-` in front when negative, nothing else.
 */
export function parseInt64(bytes: Uint8Array): bigint | null {
  const length = bytes.length;
  if (length === 0 || length > 20) return null;
  const negative = bytes[0] === 0x2d;
  const first = negative ? 1 : 0;
  const lead = bytes[first];
  if (lead === undefined) return null;
  if (lead === 0x30) return length === 1 ? 0n : null;
  for (let i = first; i < length; i++) {
    const byte = bytes[i]!;
    if (byte < 0x30 || byte > 0x39) return null;
  }
  if (length - first <= 15) {
    let value = 0;
    for (let i = first; i < length; i++) value = value * 10 + bytes[i]! - 0x30;
    return BigInt(negative ? -value : value);
  }
  const value = BigInt(keyFromBytes(bytes));
  return value < INT64_MIN || value > INT64_MAX ? null : value;
}

/** The integer that an argument is. */
export function integerArgument(argument: Uint8Array): bigint {
  const value = parseInt64(argument);
  if (value === null) throw new RespError(NOT_AN_INTEGER);
  return value;
}

const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;
/** The longest number that Redis reads. */
const MAX_FLOAT_CHARACTERS = 5 * 1024 - 1;

/** The decimal number that an argument is, as text. Hexadecimal numbers, which Redis takes here, are refused. */
export function decimalArgument(argument: Uint8Array): string {
  const text = argument.length > MAX_FLOAT_CHARACTERS ? "" : keyFromBytes(argument);
  if (INFINITE.test(text)) throw new RespError("ERR increment would produce NaN or Infinity");
  if (!DECIMAL.test(text)) throw new RespError("ERR value is not a valid float");
  return text;
}

/** How a time is written: seconds or milliseconds, from now on or since the Unix epoch. */
export type TimeUnit = "ex" | "px" | "exat" | "pxat";

/** The error for a time that Redis cannot hold. */
export function expireTimeError(command: string): RespError {
  return new RespError(`ERR invalid expire time in '${command}' command`);
}

/** The expiry that SET and its kin ask for: a positive time that fits 64 bits once it is milliseconds since the epoch. */
export function positiveExpiry(unit: TimeUnit, argument: Uint8Array, command: string, now_ms: number): Expiry {
  const amount = integerArgument(argument);
  if (amount <= 0n) throw expireTimeError(command);
  return toExpiry(unit, amount, command, now_ms);
}

/** The expiry that EXPIRE and its kin ask for. No time left, or a time before the epoch, becomes the
 * epoch's first millisecond, which is long past. */
export function anyExpiry(unit: TimeUnit, argument: Uint8Array, command: string, now_ms: number): Expiry {
  return toExpiry(unit, integerArgument(argument), command, now_ms);
}

function toExpiry(unit: TimeUnit, amount: bigint, command: string, now_ms: number): Expiry {
  const relative = unit === "ex" || unit === "px";
  const duration = unit === "ex" || unit === "exat" ? amount * 1000n : amount;
  const time = relative ? duration + BigInt(now_ms) : duration;
  if (duration < INT64_MIN || duration > INT64_MAX || time > INT64_MAX) throw expireTimeError(command);
  if (time > BigInt(MAX_EXPIRY_MS - CLOCK_SLACK_MS)) {
    return { type: "at", time_ms: time > BigInt(MAX_EXPIRY_MS) ? MAX_EXPIRY_MS : Number(time) };
  }
  if (relative && duration > 0n) return { type: "after", duration_ms: Number(duration) };
  return { type: "at", time_ms: relative || time < 1n ? 1 : Number(time) };
}

/** The entry of a get result. */
export function entryOf(result: Result): Entry | null {
  if (result.type !== "get") throw new Error(`a get gave a result of type ${result.type}`);
  return result.entry;
}

/** The entries of a getMany result. */
export function entriesOf(result: Result): readonly (Entry | null)[] {
  if (result.type !== "many") throw new Error(`a getMany gave a result of type ${result.type}`);
  return result.entries;
}

/** Replies with the value of an entry, or nil. */
export function replyValue(entry: Entry | null, out: ReplyWriter): void {
  if (entry === null) out.nil();
  else out.bulk(entry.value);
}

/** Replies with an integer result: a new number or a new length. */
export function replyInteger(result: Result, out: ReplyWriter): void {
  if (result.type !== "integer") throw new Error(`expected an integer, not a result of type ${result.type}`);
  out.integer(result.value);
}

/** Replies `+OK`, whatever the result. */
export function replyOk(_result: Result, out: ReplyWriter): void {
  out.ok();
}

/** The keys from argument `first` on. */
export function keysFrom(args: readonly Uint8Array[], first: number): Key[] {
  const keys: Key[] = [];
  for (let i = first; i < args.length; i++) keys.push(keyFromBytes(args[i]!));
  return keys;
}
