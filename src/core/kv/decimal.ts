/**
 * Numbers that are stored as text: signed 64-bit integers in the canonical form that Redis accepts, and decimal
 * fractions with exact arithmetic. Binary floating point would depend on the machine and would show 0.1 + 0.2 as
 * 0.30000000000000004.
 *
 * The range of a decimal is that of the 80-bit long double that Redis uses, so no text, however short (`1e999999999`),
 * can ask for a long number.
 *
 * @module
 */

const MIN_I64 = -(2n ** 63n);
const MAX_I64 = 2n ** 63n - 1n;

/** Whether `value` fits into a signed 64-bit integer. */
export function isI64(value: bigint): boolean {
  return value >= MIN_I64 && value <= MAX_I64;
}

/**
 * The integer whose canonical decimal form is `text` in bytes (no plus, no leading zeros, no spaces, no `-0`), or
 * null when it is none or does not fit into 64 bits with a sign.
 */
export function parseI64(text: Uint8Array): bigint | null {
  const length = text.length;
  // "-9223372036854775808" has 20 characters.
  if (length === 0 || length > 20) return null;
  const negative = text[0] === 0x2d;
  const start = negative ? 1 : 0;
  if (start === length) return null;
  if (text[start] === 0x30) return length === 1 ? 0n : null;
  for (let i = start; i < length; i++) if (text[i]! < 0x30 || text[i]! > 0x39) return null;
  if (length - start <= 15) {
    let small = 0;
    for (let i = start; i < length; i++) small = small * 10 + (text[i]! - 0x30);
    return BigInt(negative ? -small : small);
  }
  let digits = "";
  for (let i = start; i < length; i++) digits += String.fromCharCode(text[i]!);
  const value = negative ? -BigInt(digits) : BigInt(digits);
  return isI64(value) ? value : null;
}

/** An exact decimal number: `digits` / 10^`scale`. */
export interface Decimal {
  readonly digits: bigint;
  /** At least 0. */
  readonly scale: number;
}

/** Zero. */
export const DECIMAL_ZERO: Decimal = { digits: 0n, scale: 0 };

/** The longest text that is read as a decimal, in characters. */
export const MAX_DECIMAL_TEXT = 5119;

/** The most digits before the point: what a long double can hold. */
const MAX_INTEGER_DIGITS = 4932;

/** The most zeros between the point and the first other digit. */
const MAX_FRACTION_ZEROS = 4950;

/** Digits after the point that a result keeps. */
const FRACTION_DIGITS = 17;

const SHAPE = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;

/**
 * The decimal that `text` stands for, with or without a sign, point and exponent, or null when it is none or
 * beyond the range.
 */
export function parseDecimal(text: string): Decimal | null {
  if (text.length > MAX_DECIMAL_TEXT) return null;
  const match = SHAPE.exec(text);
  if (match === null) return null;
  const whole = match[2] ?? "";
  const all = whole + (match[3] ?? match[4] ?? "");
  const significant = all.replace(/^0+/, "");
  if (significant === "") return DECIMAL_ZERO;
  // The number is 0.significant × 10^point.
  const point = whole.length - (all.length - significant.length) + Number(match[5] ?? "0");
  if (point > MAX_INTEGER_DIGITS || point < -MAX_FRACTION_ZEROS) return null;
  const magnitude = BigInt(significant);
  const digits = match[1] === "-" ? -magnitude : magnitude;
  const scale = significant.length - point;
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** The sum of two decimals, exactly. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  const digits = a.digits * 10n ** BigInt(scale - a.scale) + b.digits * 10n ** BigInt(scale - b.scale);
  return { digits, scale };
}

/**
 * `value` in plain notation, rounded to 17 digits after the point (ties to even), without trailing zeros. Null
 * when it has more digits before the point than a decimal may have.
 */
export function formatDecimal(value: Decimal): string | null {
  const negative = value.digits < 0n;
  let digits = negative ? -value.digits : value.digits;
  let scale = value.scale;
  if (scale > FRACTION_DIGITS) {
    const unit = 10n ** BigInt(scale - FRACTION_DIGITS);
    const rest = digits % unit;
    digits /= unit;
    if (rest * 2n > unit || (rest * 2n === unit && digits % 2n === 1n)) digits += 1n;
    scale = FRACTION_DIGITS;
  }
  const text = digits.toString().padStart(scale + 1, "0");
  const whole = text.slice(0, text.length - scale);
  if (whole.length > MAX_INTEGER_DIGITS) return null;
  const fraction = text.slice(text.length - scale).replace(/0+$/, "");
  const plain = fraction === "" ? whole : `${whole}.${fraction}`;
  return negative && digits !== 0n ? `-${plain}` : plain;
}
