/**
 * Comparing a password in a time that says nothing about it but its length.
 *
 * @module
 */
import { textToBytes } from "../../codec/bytes.ts";

/** Whether `given` is the UTF-8 form of `expected`. */
export function isPassword(given: Uint8Array, expected: string): boolean {
  const bytes = textToBytes(expected);
  let difference = given.length ^ bytes.length;
  // As many steps as were given, whatever is expected.
  for (let i = 0; i < given.length; i++) difference |= given[i]! ^ (bytes[i % (bytes.length || 1)] ?? 0);
  return difference === 0;
}
