/**
 * The content of one simulated file, twice: as processes see it and as it is on the medium, with the changes that
 * lead from one to the other.
 *
 * Invariant: the medium changes by a sync that succeeds, or by a loss of power, which keeps some of the sectors that
 * were not synced; never otherwise.
 *
 * @module
 */
import type { SimRandom } from "./sim_random.ts";

/** What a device writes as a whole. */
export const SECTOR_BYTES = 512;

const INITIAL_BYTES = 4096;

/** Bytes that grow, with zeros after the end. */
class Content {
  #bytes: Uint8Array = new Uint8Array(0);
  size = 0;

  /** A copy of a part. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.slice(from, Math.min(to, this.size));
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      let capacity = Math.max(INITIAL_BYTES, this.#bytes.length * 2);
      while (capacity < size) capacity *= 2;
      const grown = new Uint8Array(capacity);
      grown.set(this.#bytes.subarray(0, this.size));
      this.#bytes = grown;
    } else if (size < this.size) {
      this.#bytes.fill(0, size, this.size);
    }
    this.size = size;
  }

  /** Puts `bytes`, or that many zeros, at an offset. */
  put(offset: number, length: number, bytes: Uint8Array | null): void {
    if (offset + length > this.size) this.resize(offset + length);
    if (bytes === null) this.#bytes.fill(0, offset, offset + length);
    else this.#bytes.set(bytes, offset);
  }

  /** Whether there is nothing but zeros, or nothing at all, in a part. */
  isBlank(offset: number, length: number): boolean {
    const end = Math.min(offset + length, this.size);
    for (let at = offset; at < end; at++) if (this.#bytes[at] !== 0) return false;
    return true;
  }

  copyFrom(other: Content): void {
    this.resize(0);
    this.resize(other.size);
    this.#bytes.set(other.#bytes.subarray(0, other.size));
  }

  flip(offset: number, bit: number): void {
    this.#bytes[offset]! ^= 1 << bit;
  }
}

interface Write {
  readonly offset: number;
  readonly length: number;
  /** Null for zeros. */
  readonly bytes: Uint8Array | null;
}

interface Resize {
  readonly size: number;
}

type Change = Write | Resize;

/** What became of the unsynced changes when the power was lost. */
export interface PowerLoss {
  /** Sectors that were kept, and those that were lost. */
  kept: number;
  lost: number;
  /** Sectors that came back as garbage or in another place. */
  corrupted: number;
}

/** A file's content, apart from its names. */
export class SimInode {
  #seen = new Content();
  #durable = new Content();
  #changes: Change[] = [];
  /** How many changes there were before those. */
  #settled = 0;

  /** The size as processes see it. */
  get size(): number {
    return this.#seen.size;
  }

  /** How many changes there have been: a sync that begins now takes care of those. */
  get changes(): number {
    return this.#settled + this.#changes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#seen.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#seen.put(offset, copy.length, copy);
    this.#changes.push({ offset, length: copy.length, bytes: copy });
  }

  /** Extends the file by zeros. */
  extend(size: number): void {
    const offset = this.#seen.size;
    this.#seen.resize(size);
    this.#changes.push({ offset, length: size - offset, bytes: null });
  }

  truncate(size: number): void {
    this.#seen.resize(size);
    this.#changes.push({ size });
  }

  /** Puts changes on the medium: all of the first `count` that there have been. */
  sync(count: number): void {
    for (const change of this.#take(count)) this.#harden(change);
  }

  #take(count: number): Change[] {
    const taken = this.#changes.splice(0, Math.max(0, count - this.#settled));
    this.#settled += taken.length;
    return taken;
  }

  /**
   * What a failed sync does: of the first `count` changes some sectors reach the medium and some do not, and none of
   * them will be tried again, while processes go on to see them all.
   */
  failSync(count: number, random: SimRandom): void {
    for (const change of this.#take(count)) {
      forEachSector(change, (sector) => {
        if (random.chance(0.5)) this.#harden(sector);
      });
    }
  }

  /**
   * What a loss of power does: each sector of each change is kept or lost, whatever their order. With `corruption`,
   * a probability, one that held nothing before comes back as garbage, or as the bytes of another.
   */
  losePower(random: SimRandom, corruption: number, loss: PowerLoss): void {
    // All, none, or some: the first two are far too rare if each sector decides for itself.
    const keep = random.pick([0, 0.5, 0.9, 1]);
    let previous: Uint8Array | null = null;
    for (const change of this.#changes) {
      forEachSector(change, (sector) => {
        const isKept = random.chance(keep);
        const isCorrupted = random.chance(corruption);
        if (isCorrupted && "bytes" in sector && this.#durable.isBlank(sector.offset, sector.length)) {
          loss.corrupted++;
          this.#durable.put(sector.offset, sector.length, garbage(sector, previous, random));
        } else if (isKept) {
          loss.kept++;
          this.#harden(sector);
        } else loss.lost++;
        if ("bytes" in sector && sector.bytes !== null) previous = sector.bytes;
      });
    }
    this.#loseUnsynced();
  }

  /** A scripted loss of power: `keep` says of each sector of each change, in order, whether it is kept. */
  cutPower(keep: () => boolean): void {
    for (const change of this.#changes) {
      forEachSector(change, (sector) => {
        if (keep()) this.#harden(sector);
      });
    }
    this.#loseUnsynced();
  }

  /** What is on the medium is all there is. */
  #loseUnsynced(): void {
    this.#settled += this.#changes.length;
    this.#changes = [];
    this.#seen.copyFrom(this.#durable);
  }

  /** Turns one bit over, on the medium and in the cache. */
  flipBit(offset: number, bit: number): void {
    if (offset >= this.#durable.size) {
      throw new RangeError(`offset ${offset} is behind the ${this.#durable.size} bytes`);
    }
    this.#durable.flip(offset, bit);
    if (offset < this.#seen.size) this.#seen.flip(offset, bit);
  }

  /** Writes the `length` bytes at `from` to `to` as well, on the medium and in the cache. */
  misdirect(from: number, to: number, length: number): void {
    const bytes = this.#seen.slice(from, from + length);
    this.#durable.put(to, bytes.length, bytes);
    this.#seen.put(to, bytes.length, bytes);
  }

  #harden(change: Change): void {
    if ("size" in change) this.#durable.resize(change.size);
    else this.#durable.put(change.offset, change.length, change.bytes);
  }
}

/** The bytes of another sector, where there is one that fits, or one of the sector's own with a bit turned over, or noise. */
function garbage(sector: Write, other: Uint8Array | null, random: SimRandom): Uint8Array {
  const kind = random.below(3);
  if (kind === 0 && other !== null && other.length >= sector.length) return other.slice(0, sector.length);
  if (kind === 1 && sector.bytes !== null) {
    const bytes = sector.bytes.slice();
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  }
  return random.bytes(sector.length);
}

/** Visits the parts of a change that a device writes as a whole each. */
function forEachSector(change: Change, visit: (sector: Change) => void): void {
  if ("size" in change) {
    visit(change);
    return;
  }
  const { offset, length, bytes } = change;
  for (let at = 0; at < length;) {
    const end = Math.min(length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    visit({ offset: offset + at, length: end - at, bytes: bytes?.subarray(at, end) ?? null });
    at = end;
  }
}
