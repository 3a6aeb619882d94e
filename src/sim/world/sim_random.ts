/**
 * Chance from a seed: the generator xoshiro128** of Blackman and Vigna, seeded by splitmix32. All arithmetic is on
 * 32-bit integers, so the numbers are the same on every runtime.
 *
 * Invariant: what one fork draws does not change what another fork of another name draws, so that a consumer can
 * be added without disturbing the rest of a run.
 *
 * @module
 */
import type { Random } from "../../ports/random.ts";

const TWO_32 = 4_294_967_296;

/** A seeded source of numbers and bytes. */
export class SimRandom implements Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** A source for a seed: a whole number from 0 to 2^53 - 1. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`a seed is a whole number from 0 to 2^53 - 1, not ${seed}`);
    }
    // Both halves of the seed count; the low one is spread first so that neighbours have nothing in common.
    this.#seed = (scramble(seed >>> 0) ^ Math.imul(Math.floor(seed / TWO_32), 0x9e37_79b1)) >>> 0;
    let state = this.#seed;
    const draw = (): number => {
      state = (state + 0x9e37_79b9) | 0;
      return scramble(state);
    };
    this.#a = draw();
    this.#b = draw();
    this.#c = draw();
    this.#d = draw() | 1;
  }

  /** The next 32 bits, as a number from 0 to 2^32 - 1. */
  bits(): number {
    const b = this.#b;
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const c = this.#c ^ this.#a;
    const d = this.#d ^ b;
    this.#b = b ^ c;
    this.#a ^= d;
    this.#c = c ^ (b << 9);
    this.#d = (d << 11) | (d >>> 21);
    return result >>> 0;
  }

  /** A number in [0, 1), a multiple of 2^-32. */
  next(): number {
    return this.bits() / TWO_32;
  }

  /** `length` bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const bits = this.bits();
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = (bits >>> (8 * i)) & 0xff;
    }
    return bytes;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with this probability. Always draws once, so that the stream does not depend on the probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `choices`, which is not empty. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    if (choices.length === 0) throw new RangeError("there is nothing to choose from");
    return choices[this.below(choices.length)]!;
  }

  /**
   * A waiting time with this mean, at most eight times as long: a geometric number of sixteenths of the mean. Made
   * without logarithms, whose last digits differ between runtimes.
   */
  wait(mean: number): number {
    let sixteenths = 0;
    while (sixteenths < 127 && this.bits() >= TWO_32 / 16) sixteenths++;
    return (sixteenths + this.next()) * (mean / 15.5);
  }

  /** An independent source that depends on this one's seed and on `name` alone. */
  fork(name: string): SimRandom {
    let hash = this.#seed ^ 0x811c_9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193);
    return new SimRandom(scramble(hash));
  }
}

/** The finalizer of splitmix32: every bit of the input reaches every bit of the output. */
function scramble(bits: number): number {
  let z = bits | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
