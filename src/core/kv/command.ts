/**
 * What can be asked of the store. Every front door turns its requests into these; every client library does.
 * They are plain data: what they do is in `kv_store.ts`, their bytes are in `command_codec.ts`.
 *
 * Times are whole milliseconds since the Unix epoch, as stamped on the command by the replica that proposed
 * it (log time); revisions, versions, offsets and limits are whole numbers up to 2^53 − 1.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";

/** When a key is to go. */
export type Expiry =
  /** Never; an expiry that was set is removed. */
  | { readonly type: "none" }
  /** As it was before the write. */
  | { readonly type: "keep" }
  /** At this log time; a time that has passed removes the key. */
  | { readonly type: "at"; readonly time_ms: number }
  /** This long after the log time of the command. */
  | { readonly type: "after"; readonly duration_ms: number };

/** Never expires: what a plain put asks for. */
export const NO_EXPIRY: Expiry = { type: "none" };

/** Stores a value. With a condition that does not hold nothing changes. */
export interface Put {
  /** Which kind this is. */
  readonly type: "put";
  /** The key concerned. */
  readonly key: Key;
  /** The value to store. */
  readonly value: Uint8Array;
  /** When the key is to go. */
  readonly expiry: Expiry;
  /** Write always, only when the key is absent, or only when it is present. */
  readonly condition: "always" | "absent" | "present";
  /** Whether the result carries the entry as it was before. */
  readonly returnPrevious: boolean;
}

/** Reads one entry. */
export interface Get {
  /** Which kind this is. */
  readonly type: "get";
  /** The key concerned. */
  readonly key: Key;
}

/** Reads several entries at one moment. A key may occur more than once. */
export interface GetMany {
  /** Which kind this is. */
  readonly type: "getMany";
  /** The keys to read. */
  readonly keys: readonly Key[];
}

/** Removes one key. */
export interface Delete {
  /** Which kind this is. */
  readonly type: "delete";
  /** The key concerned. */
  readonly key: Key;
  /** Whether the result carries the entry as it was before. */
  readonly returnPrevious: boolean;
}

/** Removes every key in [start, end); `end` null means no upper bound. */
export interface DeleteRange {
  /** Which kind this is. */
  readonly type: "deleteRange";
  /** The lowest key of the range. */
  readonly start: Key;
  /** The end of the range, itself not in it; null for no upper bound. */
  readonly end: Key | null;
}

/** Reads the entries in [start, end), in bytewise order of their keys. */
export interface Range {
  /** Which kind this is. */
  readonly type: "range";
  /** The lowest key of the range. */
  readonly start: Key;
  /** Null means no upper bound. */
  readonly end: Key | null;
  /** The most entries to return; 0 means no limit but the server's. */
  readonly limit: number;
  /** From the highest key down. */
  readonly reverse: boolean;
  /** Whole entries, entries with empty values, or only how many there are (`limit` is then ignored). */
  readonly projection: "entries" | "keys" | "count";
}

/** Adds to the signed 64-bit decimal integer at the key (absent counts as 0). Keeps the expiry. */
export interface Increment {
  /** Which kind this is. */
  readonly type: "increment";
  /** The key concerned. */
  readonly key: Key;
  /** What is added. */
  readonly delta: bigint;
}

/** Adds to the decimal number at the key (absent counts as 0), exactly, to 17 fractional digits. Keeps the expiry. */
export interface IncrementFloat {
  /** Which kind this is. */
  readonly type: "incrementFloat";
  /** The key concerned. */
  readonly key: Key;
  /** A decimal number, as text: `-1.5`, `3e2`. */
  readonly delta: string;
}

/** Appends to the value (absent counts as empty). Keeps the expiry. */
export interface Append {
  /** Which kind this is. */
  readonly type: "append";
  /** The key concerned. */
  readonly key: Key;
  /** What is appended. */
  readonly value: Uint8Array;
}

/** Overwrites part of the value from `offset` bytes on, padding with zero bytes. An empty value changes nothing. Keeps the expiry. */
export interface SetRange {
  /** Which kind this is. */
  readonly type: "setRange";
  /** The key concerned. */
  readonly key: Key;
  /** Where the writing begins, in bytes. */
  readonly offset: number;
  /** What is written over the old bytes. */
  readonly value: Uint8Array;
}

/** Changes when a key is to go. */
export interface Expire {
  /** Which kind this is. */
  readonly type: "expire";
  /** The key concerned. */
  readonly key: Key;
  /** `none` makes the key persistent; `keep` is not allowed. */
  readonly expiry: Expiry;
  /**
   * Always; only without an expiry yet (`absent`); only with one (`present`); only when the new one is later
   * (`greater`) or sooner (`less`), where no expiry counts as infinitely late.
   */
  readonly condition: "always" | "absent" | "present" | "greater" | "less";
}

/** A condition on one entry. An absent key has version, createRevision, modRevision and expiry 0 and no value. */
export type Compare =
  | {
    readonly key: Key;
    readonly target: "version" | "createRevision" | "modRevision" | "expiry";
    readonly operator: "=" | "!=" | "<" | ">";
    readonly operand: number;
  }
  | {
    readonly key: Key;
    /** An absent key has no value: every comparison with it but `!=` is false. */
    readonly target: "value";
    readonly operator: "=" | "!=" | "<" | ">";
    readonly operand: Uint8Array;
  };

/**
 * One atomic step: when every comparison holds the operations in `then` are done in order, otherwise those in
 * `else`. Later operations see what earlier ones did. An operation that fails yields an error in its place and
 * changes nothing; the others stand. Transactions nest, up to {@link MAX_TXN_DEPTH} deep.
 */
export interface Txn {
  /** Which kind this is. */
  readonly type: "txn";
  /** The comparisons that decide. */
  readonly compare: readonly Compare[];
  /** Done when all comparisons hold. */
  readonly then: readonly Operation[];
  /** Done when one of them does not. */
  readonly else: readonly Operation[];
}

/** How deep transactions nest. */
export const MAX_TXN_DEPTH = 4;

/**
 * The most comparisons, operations and keys that the bytes of one command may hold. A decoder stops there: a few bytes
 * each would otherwise become many times as much memory before any limit of the store could be checked.
 */
export const MAX_COMMAND_ITEMS = 100_000;

/** What reads and nothing else: a front door may answer it from its own state after a read barrier. */
export type ReadOperation = Get | GetMany | Range;

/** What may stand in a transaction. */
export type Operation =
  | Put
  | Get
  | GetMany
  | Delete
  | DeleteRange
  | Range
  | Increment
  | IncrementFloat
  | Append
  | SetRange
  | Expire
  | Txn;

/** Opens a session, or shows that it is there; either way the result names its present incarnation. */
export interface OpenSession {
  /** Which kind this is. */
  readonly type: "openSession";
  /** 1 to 256 bytes, drawn at random by the client. */
  readonly session: Key;
}

/** Ends a session, in whichever incarnation it is, and forgets its results. */
export interface CloseSession {
  /** Which kind this is. */
  readonly type: "closeSession";
  /** The session's id. */
  readonly session: Key;
}

/**
 * Does an operation exactly once: the first time it is applied its result is kept under (session, sequence),
 * and every repetition gets that result and changes nothing. A session that was forgotten cannot tell a repetition
 * any more, so that it must not be taken for the one that was opened again under its name: the incarnation tells
 * them apart.
 */
export interface Once {
  /** Which kind this is. */
  readonly type: "once";
  /** The session's id. */
  readonly session: Key;
  /**
   * What opening the session gave, from 1 on: in any other incarnation, or none, nothing is done. Null takes the
   * session as it is and opens it when it is not known: for one-shot keys, whose client opens nothing; a copy of
   * theirs that comes after the session was forgotten is done again.
   */
  readonly incarnation: number | null;
  /** Counts from 1. Sequences may arrive in any order. */
  readonly sequence: number;
  /** The client has the results of all sequences below this one: they are forgotten. */
  readonly acknowledged: number;
  /** What is to be done once. */
  readonly operation: Operation;
}

/** Removes keys and sessions that are due by the log time. Proposed by the server itself. */
export interface ExpireDue {
  /** Which kind this is. */
  readonly type: "expireDue";
  /** The most keys to remove in this step. */
  readonly limit: number;
}

/** Everything that goes through the log. */
export type Command = Operation | OpenSession | CloseSession | Once | ExpireDue;

/** Whether the operation only reads, so that it need not go through the log. */
export function isRead(operation: Command): operation is ReadOperation {
  return operation.type === "get" || operation.type === "getMany" || operation.type === "range";
}
