/**
 * The parts of a transaction, as plain data that these functions make: comparisons with {@link when}, operations
 * with {@link op}. Values become bytes only in the client, by its codec.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import { type Compare, type Expiry, NO_EXPIRY, type Operation, type Txn } from "../core/kv/command.ts";
import type { Result } from "../core/kv/result.ts";
import { type KeyInput, keyOf, type ValueCodec } from "./codecs.ts";
import { type EntryView, type KeyedEntryView, viewKeyed, viewOptional } from "./entries.ts";
import { errorOfCode } from "./errors.ts";
import { boundsOf, type KeyRange } from "./key_range.ts";
import type { ExpiryOptions, PutOptions } from "./options.ts";

/** How two things compare. */
export type CompareOperator = Compare["operator"];

/** A comparison; the transaction takes its `then` branch when all of them hold. */
export type TxnCompare<Value> =
  | {
    readonly key: KeyInput;
    readonly target: "version" | "createRevision" | "modRevision";
    readonly operator: CompareOperator;
    readonly operand: number;
  }
  | {
    readonly key: KeyInput;
    readonly target: "value";
    readonly operator: CompareOperator;
    readonly operand: Value;
  };

/** What a put inside a transaction takes. */
export type TxnPutOptions = Omit<PutOptions, "signal" | "deadline_ms">;

/** An operation of a transaction. */
export type TxnOperation<Value> =
  | { readonly type: "put"; readonly key: KeyInput; readonly value: Value; readonly options: TxnPutOptions }
  | { readonly type: "get"; readonly key: KeyInput }
  | { readonly type: "delete"; readonly key: KeyInput; readonly returnPrevious: boolean }
  | { readonly type: "deleteRange"; readonly range: KeyRange }
  | { readonly type: "range"; readonly range: KeyRange & { readonly limit?: number; readonly reverse?: boolean } }
  | { readonly type: "increment"; readonly key: KeyInput; readonly by: bigint }
  | { readonly type: "append"; readonly key: KeyInput; readonly value: Value }
  | { readonly type: "expire"; readonly key: KeyInput; readonly expiry: ExpiryOptions | null }
  | { readonly type: "txn"; readonly txn: TxnInput<Value> };

/** One atomic step. */
export interface TxnInput<Value> {
  /** All have to hold. @default none, which holds */
  readonly compare?: readonly TxnCompare<Value>[];
  /** Done in order when they hold. */
  readonly then?: readonly TxnOperation<Value>[];
  /** Done in order when they do not. */
  readonly else?: readonly TxnOperation<Value>[];
}

/** What one operation of a transaction gave. An error stands in the place of an operation that failed alone. */
export type TxnItem<Value> =
  | { readonly type: "put"; readonly written: boolean; readonly previous: EntryView<Value> | null }
  | { readonly type: "get"; readonly entry: EntryView<Value> | null }
  | { readonly type: "delete"; readonly deleted: number; readonly previous: EntryView<Value> | null }
  | { readonly type: "range"; readonly entries: readonly KeyedEntryView<Value>[]; readonly more: boolean }
  | { readonly type: "integer"; readonly value: bigint }
  | { readonly type: "expire"; readonly changed: boolean }
  | { readonly type: "txn"; readonly succeeded: boolean; readonly results: readonly TxnItem<Value>[] }
  | { readonly type: "error"; readonly error: KvError };

/** What a transaction gave. */
export interface TxnOutcome<Value> {
  /** Whether the comparisons held. */
  readonly succeeded: boolean;
  /** The store's revision after it. */
  readonly revision: number;
  /** One per operation of the branch that was taken. */
  readonly results: readonly TxnItem<Value>[];
}

/** Makes the comparisons of a transaction. */
export interface TxnConditions {
  /** The key is not there. */
  absent(key: KeyInput): TxnCompare<never>;
  /** The key is there. */
  present(key: KeyInput): TxnCompare<never>;
  /** The revision of the latest write, 0 for an absent key. */
  modRevision(key: KeyInput, operator: CompareOperator, operand: number): TxnCompare<never>;
  /** The revision at which the key was created, 0 for an absent key. */
  createRevision(key: KeyInput, operator: CompareOperator, operand: number): TxnCompare<never>;
  /** The number of writes, 0 for an absent key. */
  version(key: KeyInput, operator: CompareOperator, operand: number): TxnCompare<never>;
  /** The value, bytewise; of an absent key only `!=` holds. */
  value<Value>(key: KeyInput, operator: CompareOperator, operand: Value): TxnCompare<Value>;
}

/**
 * Comparisons.
 *
 * @example
 * ```ts
 * import { op, when } from "@x/kvpaxos";
 *
 * const txn = {
 *   compare: [when.absent("lock")],
 *   then: [op.put("lock", "me", { ttl_ms: 10_000 })],
 *   else: [op.get("lock")],
 * };
 * console.assert(txn.compare.length === 1);
 * ```
 */
export const when: TxnConditions = {
  absent(key: KeyInput): TxnCompare<never> {
    return { key, target: "version", operator: "=", operand: 0 };
  },
  present(key: KeyInput): TxnCompare<never> {
    return { key, target: "version", operator: ">", operand: 0 };
  },
  modRevision(key: KeyInput, operator: CompareOperator, operand: number): TxnCompare<never> {
    return { key, target: "modRevision", operator, operand };
  },
  createRevision(key: KeyInput, operator: CompareOperator, operand: number): TxnCompare<never> {
    return { key, target: "createRevision", operator, operand };
  },
  version(key: KeyInput, operator: CompareOperator, operand: number): TxnCompare<never> {
    return { key, target: "version", operator, operand };
  },
  value<Value>(key: KeyInput, operator: CompareOperator, operand: Value): TxnCompare<Value> {
    return { key, target: "value", operator, operand };
  },
};

/** Makes the operations of a transaction. */
export interface TxnOperations {
  /** Stores a value. */
  put<Value>(key: KeyInput, value: Value, options?: TxnPutOptions): TxnOperation<Value>;
  /** Reads an entry. */
  get(key: KeyInput): TxnOperation<never>;
  /** Removes a key. */
  delete(key: KeyInput, options?: { readonly returnPrevious?: boolean }): TxnOperation<never>;
  /** Removes a range of keys. */
  deleteRange(range: KeyRange): TxnOperation<never>;
  /** Reads a range of entries. */
  range(range: KeyRange & { readonly limit?: number; readonly reverse?: boolean }): TxnOperation<never>;
  /** Adds to a 64-bit integer. */
  increment(key: KeyInput, by?: bigint | number): TxnOperation<never>;
  /** Appends to a value. */
  append<Value>(key: KeyInput, value: Value): TxnOperation<Value>;
  /** Sets when the key goes; null for never. */
  expire(key: KeyInput, expiry: ExpiryOptions | null): TxnOperation<never>;
  /** A transaction inside this one. */
  txn<Value>(txn: TxnInput<Value>): TxnOperation<Value>;
}

/** Operations of a transaction. */
export const op: TxnOperations = {
  put<Value>(key: KeyInput, value: Value, options: TxnPutOptions = {}): TxnOperation<Value> {
    return { type: "put", key, value, options };
  },
  get(key: KeyInput): TxnOperation<never> {
    return { type: "get", key };
  },
  delete(key: KeyInput, options: { readonly returnPrevious?: boolean } = {}): TxnOperation<never> {
    return { type: "delete", key, returnPrevious: options.returnPrevious ?? false };
  },
  deleteRange(range: KeyRange): TxnOperation<never> {
    return { type: "deleteRange", range };
  },
  range(range: KeyRange & { readonly limit?: number; readonly reverse?: boolean }): TxnOperation<never> {
    return { type: "range", range };
  },
  increment(key: KeyInput, by: bigint | number = 1n): TxnOperation<never> {
    return { type: "increment", key, by: BigInt(by) };
  },
  append<Value>(key: KeyInput, value: Value): TxnOperation<Value> {
    return { type: "append", key, value };
  },
  expire(key: KeyInput, expiry: ExpiryOptions | null): TxnOperation<never> {
    return { type: "expire", key, expiry };
  },
  txn<Value>(txn: TxnInput<Value>): TxnOperation<Value> {
    return { type: "txn", txn };
  },
};

/** The expiry that options ask for. */
export function expiryOf(options: ExpiryOptions & { readonly keepTtl?: boolean }): Expiry {
  const { ttl_ms, expiresAt_ms, keepTtl = false } = options;
  if ((ttl_ms === undefined ? 0 : 1) + (expiresAt_ms === undefined ? 0 : 1) + (keepTtl ? 1 : 0) > 1) {
    throw new KvError("INVALID_ARGUMENT", "more than one of ttl_ms, expiresAt_ms and keepTtl; give one of them");
  }
  if (ttl_ms !== undefined) return { type: "after", duration_ms: wholeTime("ttl_ms", ttl_ms) };
  if (expiresAt_ms !== undefined) return { type: "at", time_ms: wholeTime("expiresAt_ms", expiresAt_ms) };
  return keepTtl ? { type: "keep" } : NO_EXPIRY;
}

function wholeTime(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new KvError("INVALID_ARGUMENT", `${name} is ${value}; it is a whole number of milliseconds above 0`);
}

/** The command of a put. */
export function putOperation(key: KeyInput, value: Uint8Array, options: TxnPutOptions): Operation {
  const { ifAbsent = false, ifPresent = false, returnPrevious = false } = options;
  if (ifAbsent && ifPresent) throw new KvError("INVALID_ARGUMENT", "both ifAbsent and ifPresent; no key is both");
  const condition = ifAbsent ? "absent" : ifPresent ? "present" : "always";
  return { type: "put", key: keyOf(key), value, expiry: expiryOf(options), condition, returnPrevious };
}

/** The command of a transaction. */
export function txnOperation<Value>(input: TxnInput<Value>, codec: ValueCodec<Value>): Txn {
  return {
    type: "txn",
    compare: (input.compare ?? []).map((compare) => compareOf(compare, codec)),
    then: (input.then ?? []).map((operation) => operationOf(operation, codec)),
    else: (input.else ?? []).map((operation) => operationOf(operation, codec)),
  };
}

function compareOf<Value>(compare: TxnCompare<Value>, codec: ValueCodec<Value>): Compare {
  const key = keyOf(compare.key);
  return compare.target === "value"
    ? { key, target: "value", operator: compare.operator, operand: codec.encode(compare.operand) }
    : { key, target: compare.target, operator: compare.operator, operand: compare.operand };
}

function operationOf<Value>(operation: TxnOperation<Value>, codec: ValueCodec<Value>): Operation {
  switch (operation.type) {
    case "put":
      return putOperation(operation.key, codec.encode(operation.value), operation.options);
    case "get":
      return { type: "get", key: keyOf(operation.key) };
    case "delete":
      return { type: "delete", key: keyOf(operation.key), returnPrevious: operation.returnPrevious };
    case "deleteRange":
      return { type: "deleteRange", ...boundsOf(operation.range) };
    case "range": {
      const { limit = 0, reverse = false } = operation.range;
      return { type: "range", ...boundsOf(operation.range), limit, reverse, projection: "entries" };
    }
    case "increment":
      return { type: "increment", key: keyOf(operation.key), delta: operation.by };
    case "append":
      return { type: "append", key: keyOf(operation.key), value: codec.encode(operation.value) };
    case "expire": {
      const expiry = operation.expiry === null ? NO_EXPIRY : expiryOf(operation.expiry);
      return { type: "expire", key: keyOf(operation.key), expiry, condition: "always" };
    }
    case "txn":
      return txnOperation(operation.txn, codec);
  }
}

/** What the operations of a transaction gave, for callers. */
export function viewItems<Value>(results: readonly Result[], codec: ValueCodec<Value>): TxnItem<Value>[] {
  return results.map((result) => viewItem(result, codec));
}

function viewItem<Value>(result: Result, codec: ValueCodec<Value>): TxnItem<Value> {
  switch (result.type) {
    case "put":
      return { type: "put", written: result.written, previous: viewOptional(result.previous, codec) };
    case "get":
      return { type: "get", entry: viewOptional(result.entry, codec) };
    case "delete":
      return { type: "delete", deleted: result.deleted, previous: viewOptional(result.previous, codec) };
    case "range":
      return {
        type: "range",
        entries: result.entries.map((entry) => viewKeyed(entry, codec)),
        more: result.more,
      };
    case "integer":
      return { type: "integer", value: result.value };
    case "expire":
      return { type: "expire", changed: result.changed };
    case "txn":
      return { type: "txn", succeeded: result.succeeded, results: viewItems(result.results, codec) };
    case "error":
      return { type: "error", error: errorOfCode(result.code, result.message) };
    default:
      throw new KvError("PROTOCOL_ERROR", `a result of type ${result.type} in a transaction that asked for none`);
  }
}
