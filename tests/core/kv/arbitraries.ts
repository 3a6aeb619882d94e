/** Random commands over a few keys and short values, so that they meet often. */
import fc from "fast-check";
import type { Key } from "../../../src/codec/bytes.ts";
import type { Command, Compare, Expire, Expiry, Operation, Put, Range } from "../../../src/core/kv/command.ts";
import type { Entry, Result, WatchEvent } from "../../../src/core/kv/result.ts";

/** A byte string as a key. */
export function key(text: string): Key {
  return text as Key;
}

/** The bytes of a short text. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A plain put. */
export function put(name: string, value: string, options: Partial<Put> = {}): Put {
  return {
    type: "put",
    key: key(name),
    value: bytes(value),
    expiry: { type: "none" },
    condition: "always",
    returnPrevious: false,
    ...options,
  };
}

const whole = fc.oneof(fc.nat(20), fc.maxSafeNat());
const binary = fc.uint8Array({ maxLength: 300 });
const anyKey: fc.Arbitrary<Key> = binary.map((data) => String.fromCharCode(...data) as Key);
const conditions: readonly Put["condition"][] = ["always", "absent", "present"];
const expireConditions: readonly Expire["condition"][] = ["always", "absent", "present", "greater", "less"];
const projections: readonly Range["projection"][] = ["entries", "keys", "count"];
const operators: readonly Compare["operator"][] = ["=", "!=", "<", ">"];
const numberTargets = ["version", "createRevision", "modRevision", "expiry"] as const;

interface Parts {
  readonly key: fc.Arbitrary<Key>;
  readonly value: fc.Arbitrary<Uint8Array>;
  readonly expiry: fc.Arbitrary<Expiry>;
  readonly number: fc.Arbitrary<number>;
  readonly delta: fc.Arbitrary<bigint>;
  readonly offset: fc.Arbitrary<number>;
  readonly decimal: fc.Arbitrary<string>;
}

function operations(parts: Parts): fc.Arbitrary<Operation> {
  const bound = fc.option(parts.key, { nil: null });
  const timed = parts.expiry.filter((expiry) => expiry.type !== "keep");
  const compare: fc.Arbitrary<Compare> = fc.oneof(
    fc.record({
      key: parts.key,
      target: fc.constantFrom(...numberTargets),
      operator: fc.constantFrom(...operators),
      operand: parts.number,
    }),
    fc.record({
      key: parts.key,
      target: fc.constant("value" as const),
      operator: fc.constantFrom(...operators),
      operand: parts.value,
    }),
  );
  const { operation } = fc.letrec<{ operation: Operation }>((tie) => ({
    operation: fc.oneof(
      { depthSize: "small", maxDepth: 2 },
      { arbitrary: putOf(parts), weight: 4 },
      { arbitrary: fc.record({ type: fc.constant("get" as const), key: parts.key }), weight: 1 },
      {
        arbitrary: fc.record({ type: fc.constant("getMany" as const), keys: fc.array(parts.key, { maxLength: 4 }) }),
        weight: 1,
      },
      {
        arbitrary: fc.record({ type: fc.constant("delete" as const), key: parts.key, returnPrevious: fc.boolean() }),
        weight: 2,
      },
      {
        arbitrary: fc.record({ type: fc.constant("deleteRange" as const), start: parts.key, end: bound }),
        weight: 1,
      },
      {
        arbitrary: fc.record({
          type: fc.constant("range" as const),
          start: parts.key,
          end: bound,
          limit: fc.oneof(fc.constant(0), parts.number),
          reverse: fc.boolean(),
          projection: fc.constantFrom(...projections),
        }),
        weight: 2,
      },
      {
        arbitrary: fc.record({ type: fc.constant("increment" as const), key: parts.key, delta: parts.delta }),
        weight: 2,
      },
      {
        arbitrary: fc.record({ type: fc.constant("incrementFloat" as const), key: parts.key, delta: parts.decimal }),
        weight: 1,
      },
      {
        arbitrary: fc.record({ type: fc.constant("append" as const), key: parts.key, value: parts.value }),
        weight: 2,
      },
      {
        arbitrary: fc.record({
          type: fc.constant("setRange" as const),
          key: parts.key,
          offset: parts.offset,
          value: parts.value,
        }),
        weight: 1,
      },
      {
        arbitrary: fc.record({
          type: fc.constant("expire" as const),
          key: parts.key,
          expiry: timed,
          condition: fc.constantFrom(...expireConditions),
        }),
        weight: 2,
      },
      {
        arbitrary: fc.record({
          type: fc.constant("txn" as const),
          compare: fc.array(compare, { maxLength: 2 }),
          then: fc.array(tie("operation"), { maxLength: 4 }),
          else: fc.array(tie("operation"), { maxLength: 3 }),
        }),
        weight: 2,
      },
    ) as fc.Arbitrary<Operation>,
  }));
  return operation;
}

function putOf(parts: Parts): fc.Arbitrary<Put> {
  return fc.record({
    type: fc.constant("put" as const),
    key: parts.key,
    value: parts.value,
    expiry: parts.expiry,
    condition: fc.constantFrom(...conditions),
    returnPrevious: fc.boolean(),
  });
}

function commands(operation: fc.Arbitrary<Operation>, session: fc.Arbitrary<Key>, number: fc.Arbitrary<number>) {
  const positive = number.map((value) => Math.max(1, value));
  return fc.oneof(
    { arbitrary: operation as fc.Arbitrary<Command>, weight: 12 },
    { arbitrary: fc.record({ type: fc.constant("openSession" as const), session }), weight: 1 },
    { arbitrary: fc.record({ type: fc.constant("closeSession" as const), session }), weight: 1 },
    {
      arbitrary: fc.record({
        type: fc.constant("once" as const),
        session,
        incarnation: fc.option(positive, { nil: null }),
        sequence: positive,
        acknowledged: number,
        operation,
      }),
      weight: 4,
    },
    { arbitrary: fc.record({ type: fc.constant("expireDue" as const), limit: number }), weight: 1 },
  ) as fc.Arbitrary<Command>;
}

const wildExpiry: fc.Arbitrary<Expiry> = fc.oneof(
  fc.constant({ type: "none" as const }),
  fc.constant({ type: "keep" as const }),
  fc.record({ type: fc.constant("at" as const), time_ms: whole }),
  fc.record({ type: fc.constant("after" as const), duration_ms: whole }),
);

/** Any command that can be encoded, sensible or not. */
export const anyCommand: fc.Arbitrary<Command> = commands(
  operations({
    key: anyKey,
    value: binary,
    expiry: wildExpiry,
    number: whole,
    delta: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    offset: whole,
    decimal: anyKey,
  }),
  anyKey,
  whole,
);

const fewKeys = fc.constantFrom(..."abcdefgh").map(key);
const values = fc.oneof(
  fc.constantFrom("", "1", "-7", "07", "x", "1.5", "9223372036854775807", "1e2", "long value").map(bytes),
  fc.uint8Array({ min: 0x80, maxLength: 4 }),
);

/** Operations that meet on few keys. */
export const meetingOperation: fc.Arbitrary<Operation> = operations({
  key: fewKeys,
  value: values,
  expiry: fc.oneof(
    fc.constant({ type: "none" as const }),
    fc.constant({ type: "keep" as const }),
    fc.record({ type: fc.constant("at" as const), time_ms: fc.nat(200) }),
    fc.record({ type: fc.constant("after" as const), duration_ms: fc.nat(30) }),
  ),
  number: fc.nat(6),
  delta: fc.oneof(fc.bigInt({ min: -3n, max: 3n }), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n))),
  offset: fc.nat(14),
  decimal: fc.constantFrom("1", "0.5", "-2.25", "1e3", "nan", ""),
});

/** Commands that meet on few keys and sessions. */
export const meetingCommand: fc.Arbitrary<Command> = commands(
  meetingOperation,
  fc.constantFrom("s", "t", "u").map(key),
  fc.nat(5),
);

/** A command, and how much time passes before it (which may be less than none). */
export const step: fc.Arbitrary<{ command: Command; passes: number }> = fc.record({
  command: meetingCommand,
  passes: fc.oneof(fc.constant(0), fc.integer({ min: -5, max: 20 })),
});

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  value: binary,
  version: whole,
  createRevision: whole,
  modRevision: whole,
  expiry: whole,
});
const previous = fc.option(anyEntry, { nil: null });

/** Any result. */
export const anyResult: fc.Arbitrary<Result> = fc.letrec<{ result: Result }>((tie) => ({
  result: fc.oneof(
    { depthSize: "small", maxDepth: 2 },
    fc.record({ type: fc.constant("put" as const), revision: whole, written: fc.boolean(), previous }),
    fc.record({ type: fc.constant("get" as const), revision: whole, entry: previous }),
    fc.record({ type: fc.constant("many" as const), revision: whole, entries: fc.array(previous, { maxLength: 3 }) }),
    fc.record({ type: fc.constant("delete" as const), revision: whole, deleted: whole, previous }),
    fc.record({
      type: fc.constant("range" as const),
      revision: whole,
      entries: fc.array(fc.record({ key: anyKey, entry: anyEntry }), { maxLength: 3 }),
      count: whole,
      more: fc.boolean(),
    }),
    fc.record({
      type: fc.constant("integer" as const),
      revision: whole,
      value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
    fc.record({ type: fc.constant("value" as const), revision: whole, value: binary }),
    fc.record({ type: fc.constant("expire" as const), revision: whole, changed: fc.boolean() }),
    fc.record({ type: fc.constant("session" as const), revision: whole, incarnation: whole }),
    fc.record({ type: fc.constant("done" as const), revision: whole }),
    fc.record({
      type: fc.constant("error" as const),
      revision: whole,
      code: fc.constantFrom("OUT_OF_RANGE" as const, "SESSION_FULL" as const),
      message: fc.string(),
    }),
    fc.record({
      type: fc.constant("txn" as const),
      revision: whole,
      succeeded: fc.boolean(),
      results: fc.array(tie("result"), { maxLength: 3 }),
    }),
  ) as fc.Arbitrary<Result>,
})).result;

/** Any event. */
export const anyEvent: fc.Arbitrary<WatchEvent> = fc.record({
  type: fc.constantFrom("put" as const, "delete" as const, "expire" as const),
  revision: whole,
  key: anyKey,
  entry: anyEntry,
});
