/**
 * Which keys an operation is about: one key, those with a prefix, those between two bounds, or all.
 *
 * @module
 */
import { type Key, prefixEnd } from "../codec/bytes.ts";
import { KvError } from "../core/errors.ts";
import { type KeyInput, keyOf } from "./codecs.ts";

/** Keys with a prefix, or in [start, end). Without any of the three, all keys. */
export interface KeyRange {
  /** Keys that begin with this. Stands alone. */
  readonly prefix?: KeyInput;
  /** The first key. @default the lowest */
  readonly start?: KeyInput;
  /** The key before which to stop. @default past the highest */
  readonly end?: KeyInput;
}

/** The bounds that the store knows. */
export interface Bounds {
  readonly start: Key;
  /** Null means no upper bound. */
  readonly end: Key | null;
}

const LOWEST = "" as Key;

/** The bounds of `range`. */
export function boundsOf(range: KeyRange): Bounds {
  const { prefix, start, end } = range;
  if (prefix !== undefined) {
    if (start !== undefined || end !== undefined) {
      throw new KvError("INVALID_ARGUMENT", "a prefix and a start or end; give either the one or the others");
    }
    const key = keyOf(prefix);
    return { start: key, end: prefixEnd(key) };
  }
  return { start: start === undefined ? LOWEST : keyOf(start), end: end === undefined ? null : keyOf(end) };
}

/** The first key after `key`. */
export function successor(key: Key): Key {
  return `${key}\0` as Key;
}
