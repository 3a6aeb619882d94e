/**
 * The log by slots: appends the records of the roles, finds the value of a slot again, and keeps the newest values in
 * memory, because they are wanted at once: to apply them, and for replicas that are a little behind.
 *
 * Invariant: of two records of a slot the one with the higher position counts, in memory as after a restart.
 *
 * @module
 */
import type { Log } from "../../ports/log.ts";
import { type Ballot, CHOSEN_BALLOT } from "./ballot.ts";
import type { Accept } from "./messages.ts";
import { LogFacts } from "./log_facts.ts";
import { decodeRecord, encodeRecord, RECORD, type SmallRecord } from "./records.ts";
import { SlotIndex } from "./slot_index.ts";

/** The slots of one replica's log. */
export class SlotLog {
  /** What the log says besides the values: a snapshot that stands for it has to say so too. */
  readonly facts: LogFacts = new LogFacts();
  readonly #log: Log;
  readonly #cache_bytes: number;
  #index = new SlotIndex();
  /** The index that is being read from the log anew, and the position up to which it has come. */
  #rebuilt: SlotIndex | null = null;
  #rebuiltUpTo = 0;
  /** Values by slot. */
  readonly #cache = new Map<number, Uint8Array>();
  #cached_bytes = 0;
  /** No slot below this one is in the cache: to look for the first entry of a map after deletions takes ever longer. */
  #cachedFrom = 0;

  /** A view of `log` that keeps up to `cache_bytes` of values in memory. */
  constructor(log: Log, cache_bytes: number) {
    this.#log = log;
    this.#cache_bytes = cache_bytes;
  }

  /** The lowest slot whose records count. */
  get base(): number {
    return this.#index.base;
  }

  /** One past the highest slot with a record. */
  get end(): number {
    return this.#index.end;
  }

  /** The ballot of a slot's latest record; `CHOSEN_BALLOT` for one that was learned, `NO_BALLOT` for none. */
  ballot(slot: number): Ballot {
    return this.#index.ballot(slot);
  }

  /** Whether a record of this slot can be taken: its slot is not absurdly far ahead, nor let go. */
  isWithinReach(slot: number): boolean {
    return this.#index.accepts(slot);
  }

  /** Appends a record without a slot; returns its position. */
  append(record: SmallRecord): number {
    this.facts.onRecord(record);
    return this.#log.append(encodeRecord(record));
  }

  /** Appends the bytes of an {@link Accept}, whose sync may wait for `slack_ms`; returns their position. */
  appendAccept(accept: Accept, bytes: Uint8Array, slack_ms: number): number {
    this.facts.onRecord(accept);
    const position = this.#log.append(bytes, slack_ms);
    this.#index.set(accept.slot, accept.ballot, position);
    this.#keep(accept.slot, accept.value.slice());
    return position;
  }

  /** Appends a chosen value; returns its position. */
  appendLearned(slot: number, value: Uint8Array): number {
    const position = this.append({ type: RECORD.learned, slot, value });
    this.#index.set(slot, CHOSEN_BALLOT, position);
    this.#keep(slot, value.slice());
    return position;
  }

  /** Takes notice of a value that was read from the log. It is a view of memory that stays. */
  recover(slot: number, ballot: Ballot, position: number, value: Uint8Array): void {
    const index = this.#rebuilt ?? this.#index;
    this.#rebuiltUpTo = position;
    // However far ahead: what this replica has accepted it must not forget.
    if (slot < index.base || index.position(slot) >= position) return;
    index.set(slot, ballot, position);
    if (index === this.#index) this.#keep(slot, value);
  }

  /** Begins to read the log again from its first record: {@link recover} fills an index that is empty at first. */
  beginRebuild(): void {
    this.#rebuilt = new SlotIndex(this.#index.base);
    this.#rebuiltUpTo = 0;
  }

  /** Takes the index that was read from the log in place of the one in memory, with what was appended meanwhile. */
  finishRebuild(): void {
    const rebuilt = this.#rebuilt;
    if (rebuilt === null) throw new Error("no index is being rebuilt");
    this.#rebuilt = null;
    rebuilt.dropBelow(this.#index.base);
    for (let slot = this.#index.base; slot < this.#index.end; slot++) {
      const position = this.#index.position(slot);
      if (position > this.#rebuiltUpTo) rebuilt.set(slot, this.#index.ballot(slot), position);
    }
    this.#index = rebuilt;
  }

  /** The value of a slot's latest record, or null when the log has none. Memory that stays as it is. */
  value(slot: number): Uint8Array | null {
    const position = this.#index.position(slot);
    if (position === 0) return null;
    const cached = this.#cache.get(slot);
    if (cached !== undefined) return cached;
    if (position < this.#log.firstPosition) return null;
    const [found] = this.#log.read(position, 1);
    if (found === undefined) return null;
    const record = decodeRecord(found.payload);
    if (record.type !== RECORD.accept && record.type !== RECORD.learned || record.slot !== slot) {
      throw new Error(`the log has something else than slot ${slot} at position ${position}`);
    }
    return record.value;
  }

  /** Whether a slot's latest record will survive a crash. */
  isDurable(slot: number): boolean {
    const position = this.#index.position(slot);
    return position !== 0 && position <= this.#log.durablePosition;
  }

  /** Whether the value of a slot can still be had. */
  has(slot: number): boolean {
    const position = this.#index.position(slot);
    return position !== 0 && (position >= this.#log.firstPosition || this.#cache.has(slot));
  }

  /** The position up to which nothing but slots up to `slot` has records: what a snapshot of that slot stands for. */
  positionOf(slot: number): number {
    let least = this.#log.durablePosition + 1;
    for (let later = slot + 1; later < this.#index.end; later++) {
      const position = this.#index.position(later);
      if (position !== 0 && position < least) least = position;
    }
    return least - 1;
  }

  /**
   * Lets go of the slots below `slot`, whose values a stored snapshot from elsewhere stands for: the records of them here may be
   * of ballots in which nothing was chosen, and nobody has verified them.
   */
  dropBelow(slot: number): void {
    this.#index.dropBelow(slot);
    for (const [cached, value] of this.#cache) {
      if (cached >= slot) continue;
      this.#cache.delete(cached);
      this.#cached_bytes -= value.length;
    }
  }

  /** Lets go of what the log has truncated. Slots above `slot` are kept. */
  onTruncated(slot: number): void {
    let base = this.#index.base;
    while (base <= slot && !this.has(base)) base++;
    this.#index.dropBelow(base);
  }

  #keep(slot: number, value: Uint8Array): void {
    this.#cached_bytes += value.length - (this.#cache.get(slot)?.length ?? 0);
    this.#cache.set(slot, value);
    if (this.#cache.size === 1 || slot < this.#cachedFrom) this.#cachedFrom = slot;
    while (this.#cached_bytes > this.#cache_bytes) {
      const oldest = this.#cachedFrom;
      // What is not durable cannot be read back from the log yet.
      if (this.#index.position(oldest) > this.#log.durablePosition) return;
      this.#cached_bytes -= this.#cache.get(oldest)?.length ?? 0;
      this.#cache.delete(oldest);
      this.#cachedFrom++;
    }
  }
}
