/**
 * Keeps answers bounded: a range may name the whole store, and a JSON text of it would not fit in memory.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";
import type { KeyedEntry, Result } from "../../core/kv/result.ts";

/** The most bytes of keys and values in one answer. */
export const MAX_ANSWER_BYTES: number = 16 * 1024 * 1024;

/** What an entry costs beside its key and value: the names and numbers around them. */
const ENTRY_OVERHEAD_BYTES = 96;

/** The bytes that an entry counts for. */
function costOf({ key, entry }: KeyedEntry): number {
  return key.length + entry.value.length + ENTRY_OVERHEAD_BYTES;
}

/** How many of `entries`, from the first on, fit in `budget` bytes: at least one, so that paging gets on. */
export function fittingEntries(entries: readonly KeyedEntry[], budget: number): number {
  let left = budget;
  for (let i = 0; i < entries.length; i++) {
    left -= costOf(entries[i]!);
    if (left < 0) return Math.max(i, 1);
  }
  return entries.length;
}

/**
 * The result, with the entries of a range cut off (and `more` set) past {@link MAX_ANSWER_BYTES}: that is the
 * server's own limit, which `limit: 0` asks for.
 *
 * @throws {KvError} `MESSAGE_TOO_LARGE` when a transaction or a get of several keys asks for more than that
 */
export function boundResult(result: Result): Result {
  if (result.type === "range") {
    const fitting = fittingEntries(result.entries, MAX_ANSWER_BYTES);
    if (fitting === result.entries.length) return result;
    return { ...result, entries: result.entries.slice(0, fitting), count: fitting, more: true };
  }
  if ((result.type === "txn" || result.type === "many") && sizeOf(result) > MAX_ANSWER_BYTES) {
    throw new KvError(
      "MESSAGE_TOO_LARGE",
      `the answer has more than ${MAX_ANSWER_BYTES} bytes, which is the limit; what the request wrote is written: read less in it`,
    );
  }
  return result;
}

function sizeOf(result: Result): number {
  switch (result.type) {
    case "txn":
      return result.results.reduce((sum, inner) => sum + sizeOf(inner), 0);
    case "range":
      return result.entries.reduce((sum, entry) => sum + costOf(entry), 0);
    case "many":
      return result.entries.reduce((sum, entry) => sum + ENTRY_OVERHEAD_BYTES + (entry?.value.length ?? 0), 0);
    case "get":
      return ENTRY_OVERHEAD_BYTES + (result.entry?.value.length ?? 0);
    case "put":
    case "delete":
      return ENTRY_OVERHEAD_BYTES + (result.previous?.value.length ?? 0);
    case "value":
      return ENTRY_OVERHEAD_BYTES + result.value.length;
    default:
      return ENTRY_OVERHEAD_BYTES;
  }
}
