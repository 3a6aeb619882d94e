/**
 * What each operation does to the entries. An operation checks everything that can refuse it before it changes
 * anything, so that an error always means that nothing changed.
 *
 * Results that hold values count against `maxResultBytes` of the command, so that a small request (a transaction
 * that reads one large value ten thousand times) cannot ask for an answer that does not fit into memory.
 *
 * @module
 */
import { compareBytes, concatBytes, copyBytes, EMPTY, type Key, keyFromBytes, keyToBytes } from "../../codec/bytes.ts";
import type { KvErrorCode } from "../errors.ts";
import type {
  Append,
  Compare,
  Delete,
  Expire,
  Expiry,
  Increment,
  IncrementFloat,
  Operation,
  Put,
  Range,
  ReadOperation,
  SetRange,
  Txn,
} from "./command.ts";
import {
  addDecimals,
  DECIMAL_ZERO,
  formatDecimal,
  isI64,
  MAX_DECIMAL_TEXT,
  parseDecimal,
  parseI64,
} from "./decimal.ts";
import type { EntryTable } from "./entry_table.ts";
import { type Limits, valueTooLong } from "./limits.ts";
import type {
  Entry,
  ErrorResult,
  GetResult,
  IntegerResult,
  KeyedEntry,
  ManyResult,
  PutResult,
  RangeResult,
  Result,
} from "./result.ts";

/** What an entry costs in a result besides its key and value, in bytes. */
const ENTRY_OVERHEAD = 32;

/** What a read gives; the error is that the result would be too large. */
export type ReadResult = GetResult | ManyResult | RangeResult | ErrorResult;

/** Executes the operations of one command. */
export class Executor {
  readonly #table: EntryTable;
  readonly #limits: Limits;
  /** Bytes of entries in the results of the command so far. */
  #resultBytes = 0;
  #owned = false;

  constructor(table: EntryTable, limits: Limits) {
    this.#table = table;
    this.#limits = limits;
  }

  /** Starts the next command. With `owned` its byte fields are the store's to keep. */
  begin(owned: boolean): void {
    this.#resultBytes = 0;
    this.#owned = owned;
  }

  /** Executes an operation that keeps to the limits. */
  execute(operation: Operation): Result {
    switch (operation.type) {
      case "put":
        return this.put(operation);
      case "get":
      case "getMany":
      case "range":
        return this.read(operation);
      case "delete":
        return this.#delete(operation);
      case "deleteRange": {
        const deleted = this.#table.removeRange(operation.start, operation.end);
        return { type: "delete", revision: this.#table.revision, deleted, previous: null };
      }
      case "increment":
        return this.#increment(operation);
      case "incrementFloat":
        return this.#incrementFloat(operation);
      case "append":
        return this.#append(operation);
      case "setRange":
        return this.#setRange(operation);
      case "expire":
        return this.#expire(operation);
      case "txn":
        return this.#txn(operation);
    }
  }

  /** Executes an operation that changes nothing, not even entries that are due. */
  read(operation: ReadOperation): ReadResult {
    const table = this.#table;
    if (this.#resultFull()) return this.#tooLarge();
    switch (operation.type) {
      case "get":
        return { type: "get", revision: table.revision, entry: this.#count(table.live(operation.key)) };
      case "getMany": {
        const entries: (Entry | null)[] = [];
        for (const key of operation.keys) {
          if (this.#resultFull()) return this.#tooLarge();
          entries.push(this.#count(table.live(key)));
        }
        return { type: "many", revision: table.revision, entries };
      }
      case "range":
        return this.#range(operation);
    }
  }

  /** Executes a put. */
  put(put: Put): PutResult | ErrorResult {
    const table = this.#table;
    if (put.returnPrevious && this.#resultFull()) return this.#tooLarge();
    let expiry = 0;
    if (put.expiry.type !== "none" && put.expiry.type !== "keep") {
      expiry = this.#dueTime(put.expiry);
      if (!Number.isSafeInteger(expiry)) return this.#badExpiry();
    }
    const old = table.touch(put.key, put.returnPrevious);
    const previous = put.returnPrevious ? this.#count(old) : null;
    if (put.condition !== "always" && (put.condition === "absent") === (old !== undefined)) {
      return { type: "put", revision: table.revision, written: false, previous };
    }
    if (put.expiry.type === "keep" && old !== undefined) expiry = old.expiry;
    if (isTimed(put.expiry) && expiry <= table.time) {
      // As if written and at once expired.
      if (old !== undefined) table.remove(put.key, old, "expire");
    } else {
      table.write(put.key, old, this.#own(put.value), expiry);
    }
    return { type: "put", revision: table.revision, written: true, previous };
  }

  #delete(operation: Delete): Result {
    const table = this.#table;
    if (operation.returnPrevious && this.#resultFull()) return this.#tooLarge();
    const old = table.touch(operation.key);
    if (old !== undefined) table.remove(operation.key, old, "delete");
    const previous = operation.returnPrevious ? this.#count(old) : null;
    return { type: "delete", revision: table.revision, deleted: old === undefined ? 0 : 1, previous };
  }

  #range(range: Range): RangeResult {
    const table = this.#table;
    const { start, end, projection } = range;
    const revision = table.revision;
    if (projection === "count") {
      if (start === "" && end === null && !table.hasDue()) {
        return { type: "range", revision, entries: [], count: table.size, more: false };
      }
      let count = 0;
      table.index.scan(start, end, (key) => {
        if (table.live(key, false) !== undefined) count++;
        return true;
      });
      return { type: "range", revision, entries: [], count, more: false };
    }
    const entries: KeyedEntry[] = [];
    let more = false;
    const visit = (key: Key): boolean => {
      const entry = table.live(key, projection !== "keys");
      if (entry === undefined) return true;
      if ((range.limit !== 0 && entries.length >= range.limit) || this.#resultFull()) {
        more = true;
        return false;
      }
      const shown = projection === "keys" ? withoutValue(entry) : entry;
      this.#resultBytes += key.length + shown.value.length + ENTRY_OVERHEAD;
      entries.push({ key, entry: shown });
      return true;
    };
    if (range.reverse) table.index.scanReversed(start, end, visit);
    else table.index.scan(start, end, visit);
    return { type: "range", revision, entries, count: entries.length, more };
  }

  #increment(operation: Increment): IntegerResult | ErrorResult {
    const table = this.#table;
    const old = table.live(operation.key);
    const before = old === undefined ? 0n : parseI64(old.value);
    if (before === null) return this.#error("NOT_AN_INTEGER", "value is not an integer or out of range");
    const after = before + operation.delta;
    if (!isI64(after)) return this.#error("OUT_OF_RANGE", "increment or decrement would overflow");
    const value = keyToBytes(after.toString() as Key);
    if (value.length > this.#limits.maxValueBytes) return this.#tooLong(value.length);
    table.write(operation.key, table.touch(operation.key), value, old?.expiry ?? 0);
    return { type: "integer", revision: table.revision, value: after };
  }

  #incrementFloat(operation: IncrementFloat): Result {
    const table = this.#table;
    const old = table.live(operation.key);
    const delta = parseDecimal(operation.delta);
    const before = old === undefined
      ? DECIMAL_ZERO
      : old.value.length > MAX_DECIMAL_TEXT
      ? null
      : parseDecimal(keyFromBytes(old.value));
    if (before === null || delta === null) return this.#error("NOT_A_FLOAT", "value is not a valid float");
    const after = formatDecimal(addDecimals(before, delta));
    if (after === null) return this.#error("OUT_OF_RANGE", "increment would produce NaN or Infinity");
    const value = keyToBytes(after as Key);
    if (value.length > this.#limits.maxValueBytes) return this.#tooLong(value.length);
    if (this.#resultFull()) return this.#tooLarge();
    this.#resultBytes += value.length;
    table.write(operation.key, table.touch(operation.key), value, old?.expiry ?? 0);
    return { type: "value", revision: table.revision, value };
  }

  #append(operation: Append): Result {
    const table = this.#table;
    const old = table.live(operation.key);
    const length = (old?.value.length ?? 0) + operation.value.length;
    if (length > this.#limits.maxValueBytes) return this.#tooLong(length);
    const value = old === undefined ? this.#own(operation.value) : concatBytes([old.value, operation.value]);
    table.write(operation.key, table.touch(operation.key), value, old?.expiry ?? 0);
    return { type: "integer", revision: table.revision, value: BigInt(length) };
  }

  #setRange(operation: SetRange): Result {
    const table = this.#table;
    const old = table.live(operation.key);
    const before = old?.value ?? EMPTY;
    if (operation.value.length === 0) {
      return { type: "integer", revision: table.revision, value: BigInt(before.length) };
    }
    const length = Math.max(before.length, operation.offset + operation.value.length);
    if (length > this.#limits.maxValueBytes) return this.#tooLong(length);
    const value = new Uint8Array(length);
    value.set(before);
    value.set(operation.value, operation.offset);
    table.write(operation.key, table.touch(operation.key), value, old?.expiry ?? 0);
    return { type: "integer", revision: table.revision, value: BigInt(length) };
  }

  #expire(operation: Expire): Result {
    const table = this.#table;
    const expiry = this.#dueTime(operation.expiry);
    if (!Number.isSafeInteger(expiry)) return this.#badExpiry();
    const old = table.touch(operation.key);
    const timed = isTimed(operation.expiry);
    if (old === undefined || !expireConditionHolds(operation.condition, old.expiry, timed ? expiry : Infinity)) {
      return { type: "expire", revision: table.revision, changed: false };
    }
    if (timed && expiry <= table.time) table.remove(operation.key, old, "expire");
    else if (timed || old.expiry !== 0) table.write(operation.key, old, old.value, expiry);
    return { type: "expire", revision: table.revision, changed: true };
  }

  #txn(txn: Txn): Result {
    const succeeded = txn.compare.every((compare) => holds(compare, this.#table.live(compare.key)));
    const results: Result[] = [];
    for (const operation of succeeded ? txn.then : txn.else) results.push(this.execute(operation));
    return { type: "txn", revision: this.#table.revision, succeeded, results };
  }

  #own(value: Uint8Array): Uint8Array {
    return this.#owned ? value : copyBytes(value);
  }

  /** The log time that an expiry stands for, 0 for none. Not a safe integer when it is too far away. */
  #dueTime(expiry: Expiry): number {
    if (expiry.type === "at") return expiry.time_ms;
    return expiry.type === "after" ? this.#table.time + expiry.duration_ms : 0;
  }

  #count(entry: Entry | undefined): Entry | null {
    if (entry === undefined) return null;
    this.#resultBytes += entry.value.length + ENTRY_OVERHEAD;
    return entry;
  }

  #resultFull(): boolean {
    return this.#resultBytes >= this.#limits.maxResultBytes;
  }

  #error(code: KvErrorCode, message: string): ErrorResult {
    return { type: "error", revision: this.#table.revision, code, message };
  }

  #badExpiry(): ErrorResult {
    return this.#error("INVALID_ARGUMENT", "invalid expire time: it is past 2^53 - 1 milliseconds since 1970");
  }

  #tooLong(length: number): ErrorResult {
    return this.#error("LIMIT_EXCEEDED", valueTooLong(length, this.#limits));
  }

  #tooLarge(): ErrorResult {
    return this.#error(
      "LIMIT_EXCEEDED",
      `the results have more than ${this.#resultBytes} bytes; the limit of one command is ` +
        `${this.#limits.maxResultBytes} bytes: ask for less at once`,
    );
  }
}

/**
 * Sets the revision of every result inside a transaction to that after the whole: an inner result was made before
 * it was known whether a later operation changes something.
 */
export function stampRevision(result: Result, revision: number): void {
  (result as { revision: number }).revision = revision;
  if (result.type === "txn") { for (const inner of result.results) stampRevision(inner, revision); }
}

function isTimed(expiry: Expiry): boolean {
  return expiry.type === "at" || expiry.type === "after";
}

function withoutValue(entry: Entry): Entry {
  return {
    value: EMPTY,
    version: entry.version,
    createRevision: entry.createRevision,
    modRevision: entry.modRevision,
    expiry: entry.expiry,
  };
}

function expireConditionHolds(condition: Expire["condition"], before: number, after: number): boolean {
  const infiniteBefore = before === 0 ? Infinity : before;
  switch (condition) {
    case "always":
      return true;
    case "absent":
      return before === 0;
    case "present":
      return before !== 0;
    case "greater":
      return after > infiniteBefore;
    case "less":
      return after < infiniteBefore;
  }
}

function holds(compare: Compare, entry: Entry | undefined): boolean {
  if (compare.target !== "value") return ordered(compare.operator, (entry?.[compare.target] ?? 0) - compare.operand);
  if (entry === undefined) return compare.operator === "!=";
  return ordered(compare.operator, compareBytes(entry.value, compare.operand));
}

function ordered(operator: Compare["operator"], difference: number): boolean {
  switch (operator) {
    case "=":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case ">":
      return difference > 0;
  }
}
