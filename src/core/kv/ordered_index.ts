/**
 * The keys of the store in bytewise order. A thin wrapper over the copy-on-write B+ tree of `sorted-btree`, so
 * that the library is imported in one place and could be replaced in one place.
 *
 * It is changed only when a key appears or goes, never by an overwrite, and {@link OrderedIndex.clone} takes
 * constant time: the two share all nodes until one of them changes.
 *
 * A key that is added finds its place by some twenty comparisons of strings all over memory; sorting many keys at once
 * and adding them in order takes an eighth of that. So whoever adds many of them before anyone asks for their order says
 * so ({@link OrderedIndex.gather}).
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

/** A tree of so many times the keys that are to be added is not built anew for them. */
const REBUILD_RATIO = 8;

/** A sorted set of keys. */
export class OrderedIndex {
  #tree: Tree;
  /** Keys that are not in the tree yet, in the order in which they came. */
  #gathered: Key[] = [];
  /** How many of them came in ascending order, from the first on: those of a snapshot do. */
  #ascending = 0;
  #isGathering = false;

  constructor() {
    this.#tree = new TreeClass(undefined, compareKeys);
  }

  /** How many keys there are. */
  get size(): number {
    return this.#tree.size + this.#gathered.length;
  }

  /**
   * From now on keys are put in order when the order is needed, all that have come by then at once: cheaper for many, but
   * whoever needs the order waits for all of them. {@link OrderedIndex.settle} ends this.
   */
  gather(): void {
    this.#isGathering = true;
  }

  /** Puts in order what was gathered; from now on every key is at once. */
  settle(): void {
    this.#isGathering = false;
    this.#order();
  }

  /** Adds a key that is not there. */
  add(key: Key): void {
    if (!this.#isGathering) {
      this.#tree.set(key, undefined);
      return;
    }
    const gathered = this.#gathered;
    const count = gathered.length;
    if (this.#ascending === count && (count === 0 || gathered[count - 1]! < key)) this.#ascending++;
    gathered.push(key);
  }

  /** Removes a key. */
  remove(key: Key): void {
    if (this.#tree.delete(key) || this.#gathered.length === 0) return;
    this.#order();
    this.#tree.delete(key);
  }

  /** Removes every key from `first` to `last`, both included. */
  removeRange(first: Key, last: Key): void {
    this.#order();
    this.#tree.deleteRange(first, last, true);
  }

  /** Removes every key. */
  clear(): void {
    this.#gathered = [];
    this.#ascending = 0;
    this.#tree.clear();
  }

  /** A copy that does not change when this one does. Takes constant time once nothing waits to be put in order. */
  clone(): OrderedIndex {
    this.#order();
    const copy = new OrderedIndex();
    copy.#tree = this.#tree.clone();
    return copy;
  }

  /** Puts what was gathered into the tree: one by one into a large one, else into a new one from left to right. */
  #order(): void {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    const isFirst = this.#tree.size === 0;
    // The order of UTF-16 code units is that of bytes here, and the engine's own comparison is the cheapest there is.
    const rest = gathered.splice(isFirst ? this.#ascending : 0).sort();
    this.#gathered = [];
    this.#ascending = 0;
    if (this.#tree.size > REBUILD_RATIO * rest.length) {
      for (const key of rest) this.#tree.set(key, undefined);
    } else {
      this.#tree = merged(isFirst ? cursorOf(gathered) : this.cursor("" as Key), rest);
    }
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
    this.#order();
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
    this.#order();
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

function cursorOf(keys: readonly Key[]): KeyCursor {
  let at = 0;
  return { next: () => keys[at++] ?? null };
}

/** A tree of the keys of `one` and `other`, both in ascending order and with none in common. */
function merged(one: KeyCursor, other: readonly Key[]): Tree {
  const tree = new TreeClass(undefined, compareKeys);
  let next = one.next();
  for (const key of other) {
    for (; next !== null && next < key; next = one.next()) tree.set(next, undefined);
    tree.set(key, undefined);
  }
  for (; next !== null; next = one.next()) tree.set(next, undefined);
  return tree;
}
