/**
 * The keys of the store in bytewise order. A thin wrapper over the copy-on-write B+ tree of `sorted-btree`, so
 * that the library is imported in one place and could be replaced in one place.
 *
 * It is changed only when a key appears or goes, never by an overwrite, and {@link OrderedIndex.clone} takes
 * constant time: the two share all nodes until one of them changes.
 *
 * @module
 */
import sortedBtree from "sorted-btree";
import type { Key } from "../../codec/bytes.ts";

/** The few members of the library's class that are used here. */
interface Tree {
  readonly size: number;
  set(key: Key, value: undefined): boolean;
  delete(key: Key): boolean;
  clear(): void;
  clone(): Tree;
  deleteRange(low: Key, high: Key, includeHigh: boolean): number;
  entries(lowest: Key | undefined, reused: unknown[]): IterableIterator<unknown>;
  entriesReversed(highest: Key | undefined, reused: unknown[], skipHighest: boolean): IterableIterator<unknown>;
}

type TreeClass = new (entries: undefined, compare: (a: Key, b: Key) => number) => Tree;

/**
 * The library is CommonJS: Node and Deno give its exports object as the default, Bun and bundlers may give the
 * class itself. The declared types know only one of the two.
 */
function findTreeClass(imported: unknown): TreeClass {
  const found = typeof imported === "function" ? imported : (imported as { readonly default?: unknown }).default;
  if (typeof found !== "function") throw new Error("sorted-btree does not export its class as expected");
  return found as TreeClass;
}

const TreeClass: TreeClass = findTreeClass(sortedBtree);

function compareKeys(a: Key, b: Key): number {
  return a < b ? -1 : a === b ? 0 : 1;
}

/** A sorted set of keys. */
export class OrderedIndex {
  #tree: Tree;

  constructor() {
    this.#tree = new TreeClass(undefined, compareKeys);
  }

  /** How many keys there are. */
  get size(): number {
    return this.#tree.size;
  }

  /** Adds a key. */
  add(key: Key): void {
    this.#tree.set(key, undefined);
  }

  /** Removes a key. */
  remove(key: Key): void {
    this.#tree.delete(key);
  }

  /** Removes every key from `first` to `last`, both included. */
  removeRange(first: Key, last: Key): void {
    this.#tree.deleteRange(first, last, true);
  }

  /** Removes every key. */
  clear(): void {
    this.#tree.clear();
  }

  /** A copy that does not change when this one does. Takes constant time. */
  clone(): OrderedIndex {
    const copy = new OrderedIndex();
    copy.#tree = this.#tree.clone();
    return copy;
  }

  /**
   * Calls `visit` with the keys in [start, end) in ascending order until it returns false; `end` null means no
   * upper bound. The index must not change meanwhile.
   */
  scan(start: Key, end: Key | null, visit: (key: Key) => boolean): void {
    const cursor = this.cursor(start);
    for (let key = cursor.next(); key !== null; key = cursor.next()) {
      if (end !== null && key >= end) return;
      if (!visit(key)) return;
    }
  }

  /** As {@link scan}, from the highest key of [start, end) down. */
  scanReversed(start: Key, end: Key | null, visit: (key: Key) => boolean): void {
    if (this.#tree.size === 0) return;
    const pair: [Key | undefined, undefined] = [undefined, undefined];
    const entries = this.#tree.entriesReversed(end ?? undefined, pair, true);
    while (!entries.next().done) {
      const key = pair[0]!;
      if (key < start || !visit(key)) return;
    }
  }

  /** The keys from `start` on, one by one. Not to be used once the index has changed: clone it for that. */
  cursor(start: Key): KeyCursor {
    const pair: [Key | undefined, undefined] = [undefined, undefined];
    const entries = this.#tree.entries(start, pair);
    return { next: () => (entries.next().done ? null : pair[0]!) };
  }
}

/** Gives keys one by one. */
export interface KeyCursor {
  /** The next key, or null after the last. */
  next(): Key | null;
}
