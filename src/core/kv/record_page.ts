/**
 * The memory of records, which `entry_map.ts` finds and fills, how a record lies in it, and what is shown of it.
 *
 * @module
 */

/** Addresses count units of 16 bytes: 31 bits of them reach 32 GiB. */
export const UNIT_BITS = 4;
/** Units of a page: 256 KiB. */
export const PAGE_BITS = 14;
export const PAGE_UNITS: number = 1 << PAGE_BITS;
/** The first page starts with this many units and doubles, so that a small store is small. */
export const FIRST_UNITS = 64;

/** A record: four Int32 (these), four Float64 (those below), the key, the value. */
export const KEY_LENGTH = 0;
/** The value's length, or below 0 the complement of its place among the large values. */
export const VALUE = 1;
export const HASH = 2;
/** The units of the record, negative when it is dead. */
export const UNITS = 3;
export const VERSION = 2;
export const CREATED = 3;
export const MODIFIED = 4;
export const EXPIRY = 5;
export const HEADER_BYTES = 48;

/** Memory of records. The three views are of the same buffer. */
export class Page {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  readonly floats: Float64Array;
  /** Units from the start that hold records, and how many of them are dead. */
  used = 0;
  dead = 0;

  constructor(units: number) {
    const buffer = new ArrayBuffer(units << UNIT_BITS);
    this.bytes = new Uint8Array(buffer);
    this.ints = new Int32Array(buffer);
    this.floats = new Float64Array(buffer);
  }
}

export const NO_PAGE: Page = new Page(0);

/** Where a value lies. It holds until the next change of the map; one that stays longer must be copied. */
export interface ValuePlace {
  /** The memory that the value is in. */
  readonly bytes: Uint8Array;
  /** Where the value begins. */
  readonly start: number;
  /** Where the value ends. */
  readonly end: number;
  /** When the key goes, as in `Entry.expiry`. */
  readonly expiry: number;
}
