/**
 * What the store answers. Plain data, as `command.ts`; the bytes are in `result_codec.ts`.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import type { KvErrorCode } from "../errors.ts";

/** A stored value and its history. Immutable: a write replaces the entry, so it may be kept and shared. */
export interface Entry {
  /** The value. */
  readonly value: Uint8Array;
  /** Writes since the key was created: 1 after the first. */
  readonly version: number;
  /** The store's revision when the key was created. */
  readonly createRevision: number;
  /** The store's revision of the latest write. */
  readonly modRevision: number;
  /** The log time at which the key goes, in milliseconds since the Unix epoch; 0 for never. */
  readonly expiry: number;
}

/** An entry and its key. */
export interface KeyedEntry {
  /** The key concerned. */
  readonly key: Key;
  /** The entry. */
  readonly entry: Entry;
}

/** Results of a put. */
export interface PutResult {
  /** Which kind this is. */
  readonly type: "put";
  /** The store's revision after the command (the same in every result). */
  readonly revision: number;
  /** Whether the condition held and the value was stored. */
  readonly written: boolean;
  /** The entry before, where it was asked for and there was one. */
  readonly previous: Entry | null;
}

/** Results of get. */
export interface GetResult {
  /** Which kind this is. */
  readonly type: "get";
  /** The store's revision after the command. */
  readonly revision: number;
  /** The entry, or null when the key is absent. */
  readonly entry: Entry | null;
}

/** Results of getMany: one entry, or null for an absent key, per key in their order. */
export interface ManyResult {
  /** Which kind this is. */
  readonly type: "many";
  /** The store's revision after the command. */
  readonly revision: number;
  /** One entry, or null, for each key asked for. */
  readonly entries: readonly (Entry | null)[];
}

/** Results of delete. */
export interface DeleteResult {
  /** Which kind this is. */
  readonly type: "delete";
  /** The store's revision after the command. */
  readonly revision: number;
  /** How many keys were removed. */
  readonly deleted: number;
  /** The entry before, where it was asked for and there was one. */
  readonly previous: Entry | null;
}

/** Results of range. */
export interface RangeResult {
  /** Which kind this is. */
  readonly type: "range";
  /** The store's revision after the command. */
  readonly revision: number;
  /** The entries, in the order asked for. */
  readonly entries: readonly KeyedEntry[];
  /** How many entries the range holds for projection `count`; how many are returned otherwise. */
  readonly count: number;
  /** Whether the limit left entries out. */
  readonly more: boolean;
}

/** Results of increment (the new value), append and setRange (the new length). */
export interface IntegerResult {
  /** Which kind this is. */
  readonly type: "integer";
  /** The store's revision after the command. */
  readonly revision: number;
  /** The value. */
  readonly value: bigint;
}

/** Results of incrementFloat: the new value, as stored. */
export interface ValueResult {
  /** Which kind this is. */
  readonly type: "value";
  /** The store's revision after the command. */
  readonly revision: number;
  /** The value. */
  readonly value: Uint8Array;
}

/** Results of expire: whether the key was there and the condition held. */
export interface ExpireResult {
  /** Which kind this is. */
  readonly type: "expire";
  /** The store's revision after the command. */
  readonly revision: number;
  /** Whether the key was there and the condition held. */
  readonly changed: boolean;
}

/** Results of txn. */
export interface TxnResult {
  /** Which kind this is. */
  readonly type: "txn";
  /** The store's revision after the command. */
  readonly revision: number;
  /** Whether all comparisons held. */
  readonly succeeded: boolean;
  /** One result per operation of the branch taken. */
  readonly results: readonly Result[];
}

/** Results of openSession. */
export interface SessionResult {
  /** Which kind this is. */
  readonly type: "session";
  /** The store's revision after the command. */
  readonly revision: number;
  /** Which opening of the session this is, from 1 on: every `once` in it says so. */
  readonly incarnation: number;
}

/** Results of closeSession and expireDue. */
export interface DoneResult {
  /** Which kind this is. */
  readonly type: "done";
  /** The store's revision after the command. */
  readonly revision: number;
}

/** The command was refused and changed nothing. */
export interface ErrorResult {
  /** Which kind this is. */
  readonly type: "error";
  /** The store's revision after the command. */
  readonly revision: number;
  /** What went wrong, for programs. Stable across versions. */
  readonly code: KvErrorCode;
  /** What went wrong, for people. */
  readonly message: string;
}

/** What a command gives. */
export type Result =
  | PutResult
  | GetResult
  | ManyResult
  | DeleteResult
  | RangeResult
  | IntegerResult
  | ValueResult
  | ExpireResult
  | TxnResult
  | SessionResult
  | DoneResult
  | ErrorResult;

/** One change, as watchers see it. All events of one revision arrive together. */
export interface WatchEvent {
  /** `expire` is a delete that the clock asked for. */
  readonly type: "put" | "delete" | "expire";
  /** The store's revision after the command. */
  readonly revision: number;
  /** The key concerned. */
  readonly key: Key;
  /** The entry written, or for delete and expire the entry that went. */
  readonly entry: Entry;
}
