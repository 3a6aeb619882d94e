/**
 * A 32-bit hash of a key: FNV-1a (Fowler, Noll and Vo) over its bytes, then the last step of MurmurHash3 (Appleby),
 * because a table of a power of two looks at the low bits only. The two forms of a key have the same hash.
 *
 * It decides where something lies in memory and nothing else: it is not in any format, and no order follows from it.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** The hash of `key`, as a signed 32-bit number. Keys that collide with one seed do not with most others. */
export function hashKey(key: Key, seed: number): number {
  let hash = FNV_OFFSET ^ seed;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), FNV_PRIME);
  return finish(hash);
}

/** The hash of the key whose bytes are `bytes[start, end)`. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = FNV_OFFSET ^ seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME);
  return finish(hash);
}

function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b | 0);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35 | 0);
  return hash ^ (hash >>> 16);
}
