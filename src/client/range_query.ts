/**
 * A range, read page by page while it is iterated, so that a large one costs neither side much memory.
 *
 * @module
 */
import type { Key } from "../codec/bytes.ts";
import { KvError } from "../core/errors.ts";
import type { Operation } from "../core/kv/command.ts";
import type { KeyedEntry, Result } from "../core/kv/result.ts";
import type { ValueCodec } from "./codecs.ts";
import { type KeyedEntryView, type KeyView, viewKey, viewKeyed } from "./entries.ts";
import { boundsOf, type KeyRange, successor } from "./key_range.ts";
import type { ReadOptions } from "./options.ts";

/** What a range takes. Each page has the whole deadline. */
export interface RangeOptions extends KeyRange, ReadOptions {
  /** The most entries in all. @default no limit */
  readonly limit?: number;
  /** From the highest key down. */
  readonly reverse?: boolean;
  /** The most entries read at once. @default 256 */
  readonly pageSize?: number;
}

type Submit = (operation: Operation, options: ReadOptions) => Promise<Result>;

/**
 * The entries of a range, in bytewise order of their keys. Each page is consistent at one revision; the whole is
 * not when there are more pages than one: use a transaction for that.
 */
export class RangeQuery<Item> implements AsyncIterable<Item> {
  #submit: Submit;
  #options: RangeOptions;
  #projection: "entries" | "keys";
  #view: (entry: KeyedEntry) => Item;

  private constructor(
    submit: Submit,
    options: RangeOptions,
    projection: "entries" | "keys",
    view: (entry: KeyedEntry) => Item,
  ) {
    this.#submit = submit;
    this.#options = options;
    this.#projection = projection;
    this.#view = view;
    const { limit = 0, pageSize = 1 } = options;
    if (!Number.isSafeInteger(limit) || limit < 0) {
      throw new KvError("INVALID_ARGUMENT", `limit is ${limit}; it is a whole number, 0 for no limit`);
    }
    if (!Number.isSafeInteger(pageSize) || pageSize < 1) {
      throw new KvError("INVALID_ARGUMENT", `pageSize is ${pageSize}; it is a whole number above 0`);
    }
  }

  /** A range of whole entries. */
  static entries<Value>(
    submit: Submit,
    options: RangeOptions,
    codec: ValueCodec<Value>,
  ): RangeQuery<KeyedEntryView<Value>> {
    return new RangeQuery(submit, options, "entries", (entry) => viewKeyed(entry, codec));
  }

  /** A range of keys. */
  static keys(submit: Submit, options: RangeOptions): RangeQuery<KeyView> {
    return new RangeQuery(submit, options, "keys", ({ key }) => viewKey(key));
  }

  /** All of it. */
  async toArray(): Promise<Item[]> {
    const items: Item[] = [];
    for await (const item of this) items.push(item);
    return items;
  }

  /** The items in order, fetched page by page. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    const { limit = 0, reverse = false } = this.#options;
    let { start, end } = boundsOf(this.#options);
    let pageSize = this.#options.pageSize ?? 256;
    let left = limit === 0 ? Infinity : limit;
    while (left > 0) {
      const page = await this.#page(start, end, Math.min(pageSize, left), reverse);
      if (page === null) {
        // One entry that does not fit by itself never will.
        pageSize = Math.max(1, Math.floor(pageSize / 4));
        continue;
      }
      for (const entry of page.entries) yield this.#view(entry);
      left -= page.entries.length;
      const last = page.entries[page.entries.length - 1];
      if (!page.more || last === undefined) return;
      if (reverse) end = last.key;
      else start = successor(last.key);
    }
  }

  /** One page, or null when so many entries do not fit one reply. */
  async #page(
    start: Key,
    end: Key | null,
    limit: number,
    reverse: boolean,
  ): Promise<Result & { readonly type: "range" } | null> {
    try {
      const operation = { type: "range", start, end, limit, reverse, projection: this.#projection } as const;
      return await this.#submit(operation, this.#options) as Result & { readonly type: "range" };
    } catch (error) {
      if (error instanceof KvError && error.code === "MESSAGE_TOO_LARGE" && limit > 1) return null;
      throw error;
    }
  }
}
