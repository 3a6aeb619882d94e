/**
 * CRC-32 (IEEE 802.3, the polynomial of zlib and PNG): guards log records, snapshots and frames against
 * damage. zlib's where the runtime has it, a table otherwise; both give the same number.
 *
 * @module
 */
import { findCrc32 } from "./runtime.ts";

const TABLE: Uint32Array = /* @__PURE__ */ (() => {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc >>> 0;
  }
  return table;
})();

/** The table-driven CRC-32, used where the runtime brings none. Exported for the test that compares the two. */
export function portableCrc32(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed >>> 0;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

let best: typeof portableCrc32 | null = null;

/** The CRC-32 of `bytes`, as an unsigned 32-bit number; pass an earlier result as `seed` to continue it. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  best ??= findCrc32() ?? portableCrc32;
  return best(bytes, seed);
}
