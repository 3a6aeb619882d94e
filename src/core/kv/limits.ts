/**
 * The limits of the store, in one place. Every replica of a cluster must run with the same ones: those that
 * are checked while a command is applied decide what the command does.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { KvError } from "../errors.ts";
import { type Command, type Expiry, MAX_COMMAND_ITEMS, MAX_TXN_DEPTH, type Operation } from "./command.ts";
import { isI64 } from "./decimal.ts";

/** How large things may be. Sizes are bytes. */
export interface Limits {
  /** The longest key. @default 4096 */
  readonly maxKeyBytes: number;
  /** The longest value. @default 1048576 */
  readonly maxValueBytes: number;
  /**
   * The most comparisons and operations of one transaction, nested ones and the keys of a getMany included, or keys of
   * one getMany. At most {@link MAX_COMMAND_ITEMS}. @default 10000
   */
  readonly maxTxnOperations: number;
  /** The most bytes of keys and values in one command. @default 16777216 */
  readonly maxCommandBytes: number;
  /** The longest session id. @default 256 */
  readonly maxSessionIdBytes: number;
  /**
   * The most bytes of keys and values in the results of one command, give or take one entry: a range stops there and says that
   * there is more, other operations that would return entries past it fail. @default 67108864
   */
  readonly maxResultBytes: number;
  /** The most results kept for one session that its client has not acknowledged. @default 1024 */
  readonly maxSessionResults: number;
  /** A session whose unacknowledged results take up this much takes no further operation. @default 16777216 */
  readonly maxSessionBytes: number;
  /** The most bytes of all sessions and their results; those idle longest make room. @default 268435456 */
  readonly maxSessionTableBytes: number;
  /** The most sessions; the one idle longest makes room. @default 100000 */
  readonly maxSessions: number;
  /** A session unused for this long, by log time, is forgotten. @default 3600000 */
  readonly sessionIdle_ms: number;
  /** The most watch events kept to resume from. @default 100000 */
  readonly maxHistoryEvents: number;
  /** The most bytes those events take up, which is little more than their keys and values. @default 67108864 */
  readonly maxHistoryBytes: number;
}

/** The limits unless others are given. */
export const DEFAULT_LIMITS: Limits = {
  maxKeyBytes: 4096,
  maxValueBytes: 1024 * 1024,
  maxTxnOperations: 10_000,
  maxCommandBytes: 16 * 1024 * 1024,
  maxSessionIdBytes: 256,
  maxResultBytes: 64 * 1024 * 1024,
  maxSessionResults: 1024,
  maxSessionBytes: 16 * 1024 * 1024,
  maxSessionTableBytes: 256 * 1024 * 1024,
  maxSessions: 100_000,
  sessionIdle_ms: 3_600_000,
  maxHistoryEvents: 100_000,
  maxHistoryBytes: 64 * 1024 * 1024,
};

/** Throws unless the limits go together. */
export function checkLimits(limits: Limits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(value) && value >= 0)) {
      throw new KvError("INVALID_ARGUMENT", `limit ${name} is ${value}; it is a whole number from 0 to 2^53 - 1`);
    }
  }
  if (limits.maxTxnOperations > MAX_COMMAND_ITEMS) {
    throw new KvError(
      "INVALID_ARGUMENT",
      `limit maxTxnOperations is ${limits.maxTxnOperations}; it is at most ${MAX_COMMAND_ITEMS}`,
    );
  }
  if (limits.maxSessions < 1) throw new KvError("INVALID_ARGUMENT", "limit maxSessions is 0; it is at least 1");
}

/** Throws unless `key` is 1 to `maxKeyBytes` bytes long. */
export function checkKey(key: Key, limits: Limits): void {
  if (key.length === 0) throw new KvError("INVALID_ARGUMENT", "the key is empty; a key has at least 1 byte");
  if (key.length > limits.maxKeyBytes) {
    throw new KvError("LIMIT_EXCEEDED", `key of ${key.length} bytes; the limit is ${limits.maxKeyBytes} bytes`);
  }
}

/** Says that an operation would make a value of `length` bytes. Begins as Redis's own message does. */
export function valueTooLong(length: number, limits: Limits): string {
  return `string exceeds maximum allowed size: ${length} bytes; the limit is ${limits.maxValueBytes} bytes`;
}

/** Throws unless `value` is at most `maxValueBytes` long. */
export function checkValue(value: Uint8Array, limits: Limits): void {
  if (value.length > limits.maxValueBytes) {
    throw new KvError(
      "LIMIT_EXCEEDED",
      `value of ${value.length} bytes; the limit is ${limits.maxValueBytes} bytes`,
    );
  }
}

/**
 * Throws a {@link KvError} naming the limit unless the command keeps to all of them. Front doors call it
 * before a command goes to the log.
 */
export function checkCommand(command: Command, limits: Limits): void {
  switch (command.type) {
    case "openSession":
    case "closeSession":
      checkSession(command.session, limits);
      return;
    case "once":
      checkSession(command.session, limits);
      if (command.incarnation !== null) {
        if (command.incarnation < 1) {
          throw new KvError("INVALID_ARGUMENT", `incarnation ${command.incarnation}; incarnations count from 1`);
        }
        checkWhole("incarnation", command.incarnation);
      }
      if (command.sequence < 1) {
        throw new KvError("INVALID_ARGUMENT", `sequence ${command.sequence}; sequences count from 1`);
      }
      checkWhole("sequence", command.sequence);
      checkWhole("acknowledged", command.acknowledged);
      checkOperation(command.operation, limits);
      return;
    case "expireDue":
      checkWhole("limit", command.limit);
      return;
    default:
      checkOperation(command, limits);
  }
}

function checkSession(session: Key, limits: Limits): void {
  if (session.length === 0 || session.length > limits.maxSessionIdBytes) {
    throw new KvError(
      "LIMIT_EXCEEDED",
      `session id of ${session.length} bytes; it has 1 to ${limits.maxSessionIdBytes} bytes`,
    );
  }
}

function checkWhole(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw new KvError("INVALID_ARGUMENT", `${name} ${value}; it is a whole number from 0 to 2^53 - 1`);
  }
}

function checkExpiry(expiry: Expiry): void {
  if (expiry.type === "at") checkWhole("expiry time_ms", expiry.time_ms);
  else if (expiry.type === "after") checkWhole("expiry duration_ms", expiry.duration_ms);
}

function checkOperation(operation: Operation, limits: Limits): void {
  switch (operation.type) {
    case "put":
      checkKey(operation.key, limits);
      checkValue(operation.value, limits);
      checkExpiry(operation.expiry);
      return;
    case "append":
      checkKey(operation.key, limits);
      checkValue(operation.value, limits);
      return;
    case "increment":
      checkKey(operation.key, limits);
      if (!isI64(operation.delta)) {
        throw new KvError("INVALID_ARGUMENT", `delta ${operation.delta} does not fit into a signed 64-bit integer`);
      }
      return;
    case "expire":
      checkKey(operation.key, limits);
      if (operation.expiry.type === "keep") {
        throw new KvError("INVALID_ARGUMENT", "expire to `keep` the expiry; say `none`, `at` or `after`");
      }
      checkExpiry(operation.expiry);
      return;
    case "setRange": {
      checkKey(operation.key, limits);
      checkWhole("offset", operation.offset);
      const end = operation.offset + operation.value.length;
      if (operation.value.length > 0 && end > limits.maxValueBytes) {
        throw new KvError("LIMIT_EXCEEDED", valueTooLong(end, limits));
      }
      return;
    }
    case "getMany":
      if (operation.keys.length > limits.maxTxnOperations) {
        throw new KvError(
          "LIMIT_EXCEEDED",
          `read of ${operation.keys.length} keys; the limit is ${limits.maxTxnOperations} keys`,
        );
      }
      return;
    case "range":
      checkWhole("limit", operation.limit);
      return;
    case "get":
    case "deleteRange":
      return;
    case "txn":
      checkTxn(operation, limits);
      return;
    default:
      checkKey(operation.key, limits);
  }
}

function checkTxn(txn: Operation & { readonly type: "txn" }, limits: Limits): void {
  let count = 0;
  let bytes = 0;
  const walk = (operation: Operation, depth: number): void => {
    count++;
    if (operation.type === "getMany") count += operation.keys.length;
    if (operation.type === "txn") count += operation.compare.length;
    if (count > limits.maxTxnOperations) {
      throw new KvError(
        "LIMIT_EXCEEDED",
        `transaction of more than ${limits.maxTxnOperations} comparisons and operations, which is the limit`,
      );
    }
    if ("key" in operation) bytes += operation.key.length;
    if ("value" in operation) bytes += operation.value.length;
    if (operation.type === "txn") {
      if (depth >= MAX_TXN_DEPTH) {
        throw new KvError("LIMIT_EXCEEDED", `transactions nested deeper than ${MAX_TXN_DEPTH}, which is the limit`);
      }
      for (const compare of operation.compare) {
        checkKey(compare.key, limits);
        if (compare.target !== "value") checkWhole("operand", compare.operand);
        bytes += compare.key.length + (compare.target === "value" ? compare.operand.length : 8);
      }
      for (const inner of operation.then) walk(inner, depth + 1);
      for (const inner of operation.else) walk(inner, depth + 1);
    } else {
      checkOperation(operation, limits);
    }
    if (bytes > limits.maxCommandBytes) {
      throw new KvError(
        "LIMIT_EXCEEDED",
        `transaction of more than ${limits.maxCommandBytes} bytes of keys and values, which is the limit`,
      );
    }
  };
  walk(txn, 0);
}
