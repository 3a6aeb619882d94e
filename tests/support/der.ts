/**
 * DER, the binary form in which certificates are written (X.690): just enough of it to write one, so that the tests need
 * no tool to make certificates, not even expired ones.
 */

import { Buffer } from "node:buffer";

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A value of any tag: the tag, the length, the content. */
export function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), ...content]);
}

/** A SEQUENCE of the given values. */
export function sequence(...values: readonly Uint8Array[]): Buffer {
  return tagged(TAG.sequence, ...values);
}

/** A SET of one value. */
export function setOf(value: Uint8Array): Buffer {
  return tagged(TAG.set, value);
}

/** A BOOLEAN that is true. */
export function yes(): Buffer {
  return tagged(TAG.boolean, Uint8Array.of(0xff));
}

/** An INTEGER that is not negative, of its bytes with the highest first. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes[0] ?? 0;
  return first >= 0x80
    ? tagged(TAG.integer, Uint8Array.of(0), bytes)
    : tagged(TAG.integer, bytes.length === 0 ? Uint8Array.of(0) : bytes);
}

/** A BIT STRING, of whose last byte the lowest `unused` bits do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return tagged(TAG.bitString, Uint8Array.of(unused), bytes);
}

/** An OCTET STRING. */
export function octetString(bytes: Uint8Array): Buffer {
  return tagged(TAG.octetString, bytes);
}

/** A UTF8String. */
export function text(value: string): Buffer {
  return tagged(TAG.utf8String, Buffer.from(value));
}

/** An OBJECT IDENTIFIER, written `1.2.840.10045.4.3.2`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  return tagged(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...others.flatMap(inSevenBits)]));
}

/** A moment, to the second, as certificates have it: UTCTime before the year 2050, GeneralizedTime from then on. */
export function time(moment: Date): Buffer {
  const digits = moment.toISOString().replaceAll(/[-:T]|\.\d+/gu, "");
  return moment.getUTCFullYear() < 2050
    ? tagged(TAG.utcTime, Buffer.from(digits.slice(2)))
    : tagged(TAG.generalizedTime, Buffer.from(digits));
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

function inSevenBits(value: number): number[] {
  const groups = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift(0x80 | (rest % 128));
  return groups;
}
