/**
 * The shapes of commands, results and events as JSON. They mirror `command.ts` and `result.ts` field by field;
 * fields with a usual value may be left out of a command.
 *
 * @module
 */
import type { Compare, Expire, Put, Range } from "../command.ts";
import type { WatchEvent } from "../result.ts";

/** A byte string: text stands for its UTF-8 bytes, `base64` for any bytes (RFC 4648, section 4, padded). */
export type JsonBytes = string | { readonly base64: string };

/** A signed 64-bit integer: a number up to 2^53 − 1 either way, or decimal text. */
export type JsonInteger = number | string;

/** When a key is to go: never, as before, at a time, or so long after the command. Milliseconds. */
export type JsonExpiry =
  | "none"
  | "keep"
  | { readonly at_ms: number }
  | { readonly after_ms: number };

/** {@link Put} as JSON. */
export interface JsonPut {
  readonly type: "put";
  readonly key: JsonBytes;
  readonly value: JsonBytes;
  /** @default "none" */
  readonly expiry?: JsonExpiry | undefined;
  /** @default "always" */
  readonly condition?: Put["condition"] | undefined;
  /** @default false */
  readonly returnPrevious?: boolean | undefined;
}

/** A get as JSON. */
export interface JsonGet {
  readonly type: "get";
  readonly key: JsonBytes;
}

/** A get of several keys as JSON. */
export interface JsonGetMany {
  readonly type: "getMany";
  readonly keys: readonly JsonBytes[];
}

/** A delete of one key as JSON. */
export interface JsonDelete {
  readonly type: "delete";
  readonly key: JsonBytes;
  /** @default false */
  readonly returnPrevious?: boolean | undefined;
}

/** A delete of a range as JSON. */
export interface JsonDeleteRange {
  readonly type: "deleteRange";
  /** @default "" */
  readonly start?: JsonBytes | undefined;
  /** Null, or left out, means no upper bound. */
  readonly end?: JsonBytes | null | undefined;
}

/** A range as JSON. */
export interface JsonRange {
  readonly type: "range";
  /** @default "" */
  readonly start?: JsonBytes | undefined;
  /** Null, or left out, means no upper bound. */
  readonly end?: JsonBytes | null | undefined;
  /** @default 0 */
  readonly limit?: number | undefined;
  /** @default false */
  readonly reverse?: boolean | undefined;
  /** @default "entries" */
  readonly projection?: Range["projection"] | undefined;
}

/** An increment as JSON. */
export interface JsonIncrement {
  readonly type: "increment";
  readonly key: JsonBytes;
  readonly delta: JsonInteger;
}

/** A decimal increment as JSON. */
export interface JsonIncrementFloat {
  readonly type: "incrementFloat";
  readonly key: JsonBytes;
  readonly delta: string;
}

/** An append as JSON. */
export interface JsonAppend {
  readonly type: "append";
  readonly key: JsonBytes;
  readonly value: JsonBytes;
}

/** An overwrite of part of a value as JSON. */
export interface JsonSetRange {
  readonly type: "setRange";
  readonly key: JsonBytes;
  readonly offset: number;
  readonly value: JsonBytes;
}

/** A change of a key's expiry as JSON. */
export interface JsonExpire {
  readonly type: "expire";
  readonly key: JsonBytes;
  readonly expiry: Exclude<JsonExpiry, "keep">;
  /** @default "always" */
  readonly condition?: Expire["condition"] | undefined;
}

/** A comparison as JSON. */
export type JsonCompare =
  | {
    readonly key: JsonBytes;
    readonly target: "version" | "createRevision" | "modRevision" | "expiry";
    /** @default "=" */
    readonly operator?: Compare["operator"] | undefined;
    readonly operand: number;
  }
  | {
    readonly key: JsonBytes;
    readonly target: "value";
    /** @default "=" */
    readonly operator?: Compare["operator"] | undefined;
    readonly operand: JsonBytes;
  };

/** The parts of a transaction as JSON; each may be left out when it is empty. */
export interface JsonTxnBody {
  readonly compare?: readonly JsonCompare[] | undefined;
  readonly then?: readonly JsonOperation[] | undefined;
  readonly else?: readonly JsonOperation[] | undefined;
}

/** A transaction as JSON. */
export interface JsonTxn extends JsonTxnBody {
  readonly type: "txn";
}

/** What may stand in a transaction, as JSON. */
export type JsonOperation =
  | JsonPut
  | JsonGet
  | JsonGetMany
  | JsonDelete
  | JsonDeleteRange
  | JsonRange
  | JsonIncrement
  | JsonIncrementFloat
  | JsonAppend
  | JsonSetRange
  | JsonExpire
  | JsonTxn;

/** The opening of a session as JSON. */
export interface JsonOpenSession {
  readonly type: "openSession";
  readonly session: JsonBytes;
}

/** The end of a session as JSON. */
export interface JsonCloseSession {
  readonly type: "closeSession";
  readonly session: JsonBytes;
}

/** An operation done exactly once, as JSON. */
export interface JsonOnce {
  readonly type: "once";
  readonly session: JsonBytes;
  /** What opening the session gave; null, which is to be written out, takes the session as it is or opens it. */
  readonly incarnation: number | null;
  readonly sequence: number;
  /** @default 0 */
  readonly acknowledged?: number | undefined;
  readonly operation: JsonOperation;
}

/** Everything that a client can ask for, as JSON. */
export type JsonCommand = JsonOperation | JsonOpenSession | JsonCloseSession | JsonOnce;

/** An entry as JSON. */
export interface JsonEntry {
  readonly value: JsonBytes;
  readonly version: number;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Milliseconds since the Unix epoch; 0 for never. */
  readonly expiry: number;
}

/** An entry with its key as JSON. */
export interface JsonKeyedEntry extends JsonEntry {
  readonly key: JsonBytes;
}

/** A result as JSON: the fields of `result.ts`. */
export type JsonResult =
  | { readonly type: "put"; readonly revision: number; readonly written: boolean; readonly previous: JsonEntry | null }
  | { readonly type: "get"; readonly revision: number; readonly entry: JsonEntry | null }
  | { readonly type: "many"; readonly revision: number; readonly entries: readonly (JsonEntry | null)[] }
  | {
    readonly type: "delete";
    readonly revision: number;
    readonly deleted: number;
    readonly previous: JsonEntry | null;
  }
  | {
    readonly type: "range";
    readonly revision: number;
    readonly entries: readonly JsonKeyedEntry[];
    readonly count: number;
    readonly more: boolean;
  }
  | { readonly type: "integer"; readonly revision: number; readonly value: JsonInteger }
  | { readonly type: "value"; readonly revision: number; readonly value: JsonBytes }
  | { readonly type: "expire"; readonly revision: number; readonly changed: boolean }
  | {
    readonly type: "txn";
    readonly revision: number;
    readonly succeeded: boolean;
    readonly results: readonly JsonResult[];
  }
  | { readonly type: "session"; readonly revision: number; readonly incarnation: number }
  | { readonly type: "done"; readonly revision: number }
  | { readonly type: "error"; readonly revision: number; readonly code: string; readonly message: string };

/** An event as JSON. `entry` is the entry written, or for delete and expire the entry that went. */
export interface JsonEvent {
  readonly type: WatchEvent["type"];
  readonly revision: number;
  readonly key: JsonBytes;
  readonly entry: JsonEntry;
}
