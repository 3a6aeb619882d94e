/**
 * Randomness, as the core sees it: seeded in the simulator, the system's in a real process.
 *
 * @module
 */

/** A source of random numbers and bytes. */
export interface Random {
  /** A number in [0, 1), uniformly distributed. */
  next(): number;

  /** `length` fresh random bytes, fit to be an identity that nobody else draws. */
  bytes(length: number): Uint8Array;
}
