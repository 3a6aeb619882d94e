/**
 * A hash map from keys to entries that keeps both as bytes: a record of key, value and figures lies in one piece
 * in a large page, and a table of open addressing leads there. A lookup touches two places in memory, where a `Map`
 * of strings to objects touches eight, each known only after the one before; with more keys than the processor
 * caches that is most of the cost of a read. Nor does the garbage collector have anything to do per entry.
 *
 * Records are appended. One that is overwritten by a value of about its size changes in place, others die and
 * leave a gap; when a quarter of all memory is gaps, the page with the most of them is emptied, one page per
 * change, so that no change takes long (log-structured memory: Rumble, Kejriwal and Ousterhout, FAST 2014).
 * Large values stay outside, as they are, so that they are never copied.
 *
 * Nothing about the order of entries can be seen from outside.
 *
 * @module
 */
import { copyRange, EMPTY, type Key, writeKey } from "../../codec/bytes.ts";
import { hashBytes, hashKey } from "./key_hash.ts";
import type { PlainPut } from "./plain_put.ts";
import {
  CREATED,
  EXPIRY,
  FIRST_UNITS,
  HASH,
  HEADER_BYTES,
  KEY_LENGTH,
  MODIFIED,
  NO_PAGE,
  Page,
  PAGE_BITS,
  PAGE_UNITS,
  UNIT_BITS,
  UNITS,
  VALUE,
  type ValuePlace,
  VERSION,
} from "./record_page.ts";
import type { Entry } from "./result.ts";

/** One less than there are addresses for, so that an address plus 1 is still an Int32. */
const MAX_PAGES = (1 << (31 - PAGE_BITS)) - 1;
/** Values up to this many bytes are in the record. */
const MAX_INLINE_BYTES = 2048;
const MIN_SLOTS = 16;

/** Entries by key. What it gives out are copies, but for {@link EntryMap.locate}. */
export class EntryMap {
  readonly #seed: number;
  /** Two Int32 for each slot: the address of the record plus 1 (0: free), the hash of its key. */
  #slots = new Int32Array(2 * MIN_SLOTS);
  #mask = MIN_SLOTS - 1;
  #size = 0;
  readonly #pages: Page[] = [];
  /** Places in {@link #pages} that are free. */
  readonly #freePages: number[] = [];
  /** The place of the page that is appended to. */
  #current = -1;
  #totalUnits = 0;
  #deadUnits = 0;
  readonly #large: Uint8Array[] = [];
  readonly #freeLarge: number[] = [];
  readonly #place = { bytes: EMPTY, start: 0, end: 0, expiry: 0 };
  /** The latest key looked up, as the one that is read is the one that is then written, and its slot. */
  #lastKey: Key | null = null;
  #lastHash = 0;
  #lastSlot = -1;

  /** @param seed Begins every hash; one that clients do not know keeps them from choosing keys that collide. */
  constructor(seed = 0) {
    this.#seed = seed | 0;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** How many bytes records take up, gaps included. */
  get recordBytes(): number {
    return this.#totalUnits * (1 << UNIT_BITS);
  }

  /** How many values are outside the records. */
  get largeValues(): number {
    return this.#large.length - this.#freeLarge.length;
  }

  /** The entry at `key`; without `withValue` its value is empty and nothing is copied. */
  get(key: Key, withValue: boolean): Entry | undefined {
    const slot = this.#find(key);
    return slot < 0 ? undefined : this.#read(this.#slots[2 * slot]! - 1, withValue);
  }

  /** The expiry of the entry at `key`; 0 when it has none, or there is no such entry. */
  expiryOf(key: Key): number {
    const slot = this.#find(key);
    if (slot < 0) return 0;
    const address = this.#slots[2 * slot]! - 1;
    return this.#pages[address >> PAGE_BITS]!.floats[(address & (PAGE_UNITS - 1)) * 2 + EXPIRY]!;
  }

  /** The value at the key `source[start, end)`, without a copy and without a string; null when there is none. */
  locate(source: Uint8Array, start: number, end: number): ValuePlace | null {
    const address = this.#seek(source, start, end);
    if (address < 0) return null;
    const page = this.#pages[address >> PAGE_BITS]!;
    const at = address & (PAGE_UNITS - 1);
    const valueAt = (at << UNIT_BITS) + HEADER_BYTES + end - start;
    const place = this.#place;
    const value = page.ints[at * 4 + VALUE]!;
    place.bytes = value < 0 ? this.#large[~value]! : page.bytes;
    place.start = value < 0 ? 0 : valueAt;
    place.end = value < 0 ? place.bytes.length : valueAt + value;
    place.expiry = page.floats[at * 2 + EXPIRY]!;
    return place;
  }

  /**
   * Puts the value of a put over the one at its key, both parts of `source`, and says in `put` what entry that makes.
   * Returns false, and changes nothing, unless there is an entry without an expiry in whose place the new value fits, and
   * which was written after revision `after`.
   */
  overwrite(source: Uint8Array, put: PlainPut, revision: number, after: number): boolean {
    const { keyStart, keyEnd, valueStart, valueEnd } = put;
    const length = valueEnd - valueStart;
    if (length > MAX_INLINE_BYTES) return false;
    const address = this.#seek(source, keyStart, keyEnd);
    if (address < 0) return false;
    const { bytes, ints, floats } = this.#pages[address >> PAGE_BITS]!;
    const at = address & (PAGE_UNITS - 1);
    const units = (HEADER_BYTES + keyEnd - keyStart + length + 15) >> UNIT_BITS;
    const had = ints[at * 4 + UNITS]!;
    const fits = units <= had && 2 * units > had;
    if (!fits || ints[at * 4 + VALUE]! < 0 || floats[at * 2 + EXPIRY] !== 0) return false;
    if (floats[at * 2 + MODIFIED]! <= after) return false;
    put.version = floats[at * 2 + VERSION]! + 1;
    put.createRevision = floats[at * 2 + CREATED]!;
    floats[at * 2 + VERSION] = put.version;
    floats[at * 2 + MODIFIED] = revision;
    ints[at * 4 + VALUE] = length;
    copyRange(source, valueStart, valueEnd, bytes, (at << UNIT_BITS) + HEADER_BYTES + keyEnd - keyStart);
    return true;
  }

  /** The address of the record of the key `source[start, end)`, or -1. */
  #seek(source: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(source, start, end, this.#seed);
    const slots = this.#slots;
    const mask = this.#mask;
    const length = end - start;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const address = slots[2 * slot]! - 1;
      if (address < 0) return -1;
      if (slots[2 * slot + 1] !== hash) continue;
      const { bytes, ints } = this.#pages[address >> PAGE_BITS]!;
      const at = address & (PAGE_UNITS - 1);
      if (ints[at * 4 + KEY_LENGTH] !== length) continue;
      const keyAt = (at << UNIT_BITS) + HEADER_BYTES;
      let i = 0;
      while (i < length && bytes[keyAt + i] === source[start + i]) i++;
      if (i === length) return address;
    }
  }

  /** Stores `entry`, whose value is copied unless it is large: then the map keeps it. */
  set(key: Key, entry: Entry): void {
    const { value } = entry;
    const inline = value.length <= MAX_INLINE_BYTES;
    const units = (HEADER_BYTES + key.length + (inline ? value.length : 0) + 15) >> UNIT_BITS;
    const slot = this.#find(key);
    if (slot < 0) {
      const hash = this.#lastHash;
      if (3 * (this.#size + 1) > 2 * (this.#mask + 1)) this.#resize(2 * (this.#mask + 1));
      const address = this.#append(units, key, hash);
      this.#insert(hash, address);
      this.#size++;
      this.#write(address, key.length, entry);
      return;
    }
    const before = this.#slots[2 * slot]! - 1;
    const page = this.#pages[before >> PAGE_BITS]!;
    const at = (before & (PAGE_UNITS - 1)) * 4;
    const had = page.ints[at + UNITS]!;
    this.#releaseLarge(page.ints[at + VALUE]!);
    if (units <= had && 2 * units > had) {
      this.#write(before, key.length, entry);
      return;
    }
    const address = this.#append(units, key, page.ints[at + HASH]!);
    this.#slots[2 * slot] = address + 1;
    this.#write(address, key.length, entry);
    this.#kill(before);
  }

  /** Removes the entry at `key`, if there is one. */
  delete(key: Key): void {
    const slot = this.#find(key);
    if (slot < 0) return;
    const address = this.#slots[2 * slot]! - 1;
    const value = this.#pages[address >> PAGE_BITS]!.ints[(address & (PAGE_UNITS - 1)) * 4 + VALUE]!;
    this.#releaseLarge(value);
    this.#closeGap(slot);
    this.#size--;
    this.#kill(address);
    const slots = this.#mask + 1;
    if (slots > MIN_SLOTS && 8 * this.#size < slots) this.#resize(slots / 2);
  }

  /** The slot of `key`, or -1; its hash is then in {@link #lastHash}. */
  #find(key: Key): number {
    if (key === this.#lastKey && this.#lastSlot >= 0) return this.#lastSlot;
    const hash = hashKey(key, this.#seed);
    const slots = this.#slots;
    const mask = this.#mask;
    this.#lastKey = key;
    this.#lastHash = hash;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const address = slots[2 * slot]! - 1;
      if (address < 0) return this.#lastSlot = -1;
      if (slots[2 * slot + 1] !== hash) continue;
      const page = this.#pages[address >> PAGE_BITS]!;
      const at = address & (PAGE_UNITS - 1);
      if (page.ints[at * 4 + KEY_LENGTH] !== key.length) continue;
      const { bytes } = page;
      const keyAt = (at << UNIT_BITS) + HEADER_BYTES;
      let i = 0;
      while (i < key.length && bytes[keyAt + i] === key.charCodeAt(i)) i++;
      if (i === key.length) return this.#lastSlot = slot;
    }
  }

  #read(address: number, withValue: boolean): Entry {
    const page = this.#pages[address >> PAGE_BITS]!;
    const at = address & (PAGE_UNITS - 1);
    const { floats } = page;
    let value = EMPTY;
    if (withValue) {
      const length = page.ints[at * 4 + VALUE]!;
      const start = (at << UNIT_BITS) + HEADER_BYTES + page.ints[at * 4 + KEY_LENGTH]!;
      value = length < 0 ? this.#large[~length]! : page.bytes.slice(start, start + length);
    }
    return {
      value,
      version: floats[at * 2 + VERSION]!,
      createRevision: floats[at * 2 + CREATED]!,
      modRevision: floats[at * 2 + MODIFIED]!,
      expiry: floats[at * 2 + EXPIRY]!,
    };
  }

  /** Writes all of a record but its key. */
  #write(address: number, keyLength: number, entry: Entry): void {
    const page = this.#pages[address >> PAGE_BITS]!;
    const at = address & (PAGE_UNITS - 1);
    const { floats } = page;
    const { value } = entry;
    floats[at * 2 + VERSION] = entry.version;
    floats[at * 2 + CREATED] = entry.createRevision;
    floats[at * 2 + MODIFIED] = entry.modRevision;
    floats[at * 2 + EXPIRY] = entry.expiry;
    if (value.length <= MAX_INLINE_BYTES) {
      page.ints[at * 4 + VALUE] = value.length;
      page.bytes.set(value, (at << UNIT_BITS) + HEADER_BYTES + keyLength);
      return;
    }
    const place = this.#freeLarge.pop() ?? this.#large.length;
    this.#large[place] = value;
    page.ints[at * 4 + VALUE] = ~place;
  }

  #releaseLarge(value: number): void {
    if (value >= 0) return;
    this.#large[~value] = EMPTY;
    this.#freeLarge.push(~value);
  }

  /** The address of a new record that has its key. */
  #append(units: number, key: Key, hash: number): number {
    const address = this.#reserve(units);
    const page = this.#pages[this.#current]!;
    const at = address & (PAGE_UNITS - 1);
    page.ints[at * 4 + KEY_LENGTH] = key.length;
    page.ints[at * 4 + HASH] = hash;
    page.ints[at * 4 + UNITS] = units;
    writeKey(page.bytes, (at << UNIT_BITS) + HEADER_BYTES, key);
    return address;
  }

  /** Takes memory for a record of the present page. */
  #reserve(units: number): number {
    let page = this.#pages[this.#current] ?? NO_PAGE;
    const capacity = page.ints.length / 4;
    if (page.used + units > capacity) {
      if (this.#pages.length === 1 && page.used + units <= PAGE_UNITS) {
        const grown = new Page(Math.min(PAGE_UNITS, Math.max(2 * capacity, page.used + units)));
        grown.bytes.set(page.bytes);
        grown.used = page.used;
        grown.dead = page.dead;
        page = grown;
      } else {
        this.#current = this.#freePages.pop() ?? this.#pages.length;
        if (this.#current === MAX_PAGES) throw new RangeError("the entries take up more than 32 GiB: remove some");
        page = new Page(Math.max(this.#pages.length === 0 ? FIRST_UNITS : PAGE_UNITS, units));
      }
      this.#pages[this.#current] = page;
    }
    const at = page.used;
    page.used += units;
    this.#totalUnits += units;
    return (this.#current << PAGE_BITS) + at;
  }

  /** The record at `address`, which no slot leads to any more, becomes a gap. */
  #kill(address: number): void {
    const index = address >> PAGE_BITS;
    const page = this.#pages[index]!;
    const at = (address & (PAGE_UNITS - 1)) * 4 + UNITS;
    const units = page.ints[at]!;
    page.ints[at] = -units;
    page.dead += units;
    this.#deadUnits += units;
    if (page.dead === page.used && index !== this.#current) this.#free(index);
    if (this.#deadUnits > this.#totalUnits / 4 + PAGE_UNITS) this.#compact();
  }

  #free(index: number): void {
    const page = this.#pages[index]!;
    this.#totalUnits -= page.used;
    this.#deadUnits -= page.dead;
    this.#pages[index] = NO_PAGE;
    this.#freePages.push(index);
  }

  /** Moves what lives in the page with the most gaps, and gives the page back. */
  #compact(): void {
    let worst = -1;
    for (let index = 0; index < this.#pages.length; index++) {
      if (index === this.#current) continue;
      if (worst < 0 || this.#pages[index]!.dead > this.#pages[worst]!.dead) worst = index;
    }
    if (worst < 0 || this.#pages[worst]!.dead === 0) return;
    const page = this.#pages[worst]!;
    for (let at = 0; at < page.used;) {
      const units = page.ints[at * 4 + UNITS]!;
      if (units > 0) {
        const slot = this.#slotOf(page.ints[at * 4 + HASH]!, (worst << PAGE_BITS) + at);
        const address = this.#reserve(units);
        const start = (address & (PAGE_UNITS - 1)) << UNIT_BITS;
        this.#pages[this.#current]!.bytes.set(
          page.bytes.subarray(at << UNIT_BITS, (at + units) << UNIT_BITS),
          start,
        );
        this.#slots[2 * slot] = address + 1;
      }
      at += Math.abs(units);
    }
    this.#free(worst);
  }

  #slotOf(hash: number, address: number): number {
    const slots = this.#slots;
    let slot = hash & this.#mask;
    while (slots[2 * slot] !== address + 1) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #insert(hash: number, address: number): void {
    const slots = this.#slots;
    let slot = hash & this.#mask;
    while (slots[2 * slot] !== 0) slot = (slot + 1) & this.#mask;
    slots[2 * slot] = address + 1;
    slots[2 * slot + 1] = hash;
    this.#lastKey = null;
  }

  /** Frees a slot, and moves up those behind it that a lookup would otherwise not reach. */
  #closeGap(slot: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let gap = slot;
    for (let next = (gap + 1) & mask; slots[2 * next] !== 0; next = (next + 1) & mask) {
      const home = slots[2 * next + 1]! & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots[2 * gap] = slots[2 * next]!;
      slots[2 * gap + 1] = slots[2 * next + 1]!;
      gap = next;
    }
    slots[2 * gap] = 0;
    this.#lastKey = null;
  }

  #resize(count: number): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * count);
    this.#mask = count - 1;
    for (let i = 0; i < before.length; i += 2) if (before[i] !== 0) this.#insert(before[i + 1]!, before[i]! - 1);
    this.#lastKey = null;
  }
}
