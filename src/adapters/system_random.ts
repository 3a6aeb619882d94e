/**
 * The randomness of a real process: the operating system's generator.
 *
 * @module
 */
import type { Random } from "../ports/random.ts";

/** `crypto.getRandomValues` takes at most this many bytes in one call. */
const LARGEST_DRAW = 65_536;

/** Numbers and bytes from the operating system's cryptographic generator. */
export const systemRandom: Random = {
  next(): number {
    const [high, low] = crypto.getRandomValues(new Uint32Array(2));
    // 53 random bits: as many as a number in [0, 1) can carry.
    return ((high! >>> 5) * 0x400_0000 + (low! >>> 6)) / 2 ** 53;
  },

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += LARGEST_DRAW) {
      crypto.getRandomValues(bytes.subarray(start, Math.min(start + LARGEST_DRAW, length)));
    }
    return bytes;
  },
};
