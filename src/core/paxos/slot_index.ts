/**
 * Where the values of slots lie in the log: for each slot the ballot of the latest record and its position. Two
 * numbers a slot, in rings of memory that grow: a log keeps hundreds of thousands of slots.
 *
 * @module
 */
import { type Ballot, NO_BALLOT } from "./ballot.ts";

const LEAST_CAPACITY = 1024;

/** How far above the lowest slot one may be: a frame that names a slot beyond is not from this cluster's life. */
export const MAX_SLOT_SPAN: number = 4 * 1024 * 1024;

/** The slots of a log. */
export class SlotIndex {
  /** The lowest slot that is kept. */
  #base: number;
  /** One past the highest. */
  #end: number;
  #ballots = new Float64Array(LEAST_CAPACITY);
  #positions = new Float64Array(LEAST_CAPACITY);

  /** An empty index of the slots from `base` on. */
  constructor(base = 1) {
    this.#base = base;
    this.#end = base;
  }

  /** The lowest slot that can be in the index. */
  get base(): number {
    return this.#base;
  }

  /** One past the highest slot in the index. */
  get end(): number {
    return this.#end;
  }

  /** The ballot of the latest record of a slot, {@link NO_BALLOT} when there is none. */
  ballot(slot: number): Ballot {
    return this.#has(slot) ? this.#ballots[slot % this.#ballots.length]! : NO_BALLOT;
  }

  /** The log position of the latest record of a slot, 0 when there is none. */
  position(slot: number): number {
    return this.#has(slot) ? this.#positions[slot % this.#positions.length]! : 0;
  }

  /** Whether a frame may enter a slot: it is not let go, and not absurdly far ahead. */
  accepts(slot: number): boolean {
    return slot >= this.#base && slot < this.#base + MAX_SLOT_SPAN;
  }

  /** Enters a record. How far ahead its slot may be is for who takes it from others to say: see {@link accepts}. */
  set(slot: number, ballot: Ballot, position: number): void {
    if (!(slot >= this.#base)) throw new RangeError(`slot ${slot} was let go: the lowest one kept is ${this.#base}`);
    if (slot - this.#base >= this.#ballots.length) this.#grow(slot - this.#base + 1);
    const capacity = this.#ballots.length;
    for (; this.#end <= slot; this.#end++) {
      this.#ballots[this.#end % capacity] = NO_BALLOT;
      this.#positions[this.#end % capacity] = 0;
    }
    this.#ballots[slot % capacity] = ballot;
    this.#positions[slot % capacity] = position;
  }

  /** Lets go of the slots below `slot`. */
  dropBelow(slot: number): void {
    if (slot <= this.#base) return;
    this.#base = slot;
    this.#end = Math.max(this.#end, slot);
  }

  #has(slot: number): boolean {
    return slot >= this.#base && slot < this.#end;
  }

  #grow(least: number): void {
    let capacity = this.#ballots.length;
    while (capacity < least) capacity *= 2;
    const ballots = new Float64Array(capacity);
    const positions = new Float64Array(capacity);
    for (let slot = this.#base; slot < this.#end; slot++) {
      ballots[slot % capacity] = this.ballot(slot);
      positions[slot % capacity] = this.position(slot);
    }
    this.#ballots = ballots;
    this.#positions = positions;
  }
}
