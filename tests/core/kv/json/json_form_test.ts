import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../../../src/codec/byte_reader.ts";
import { type Key, keyFromBytes, textToBytes } from "../../../../src/codec/bytes.ts";
import {
  bytesFromJson,
  bytesToJson,
  type ClientCommand,
  commandFromJson,
  commandToJson,
  eventFromJson,
  eventToJson,
  integerFromJson,
  integerToJson,
  keyFromJson,
  resultFromJson,
  resultToJson,
} from "../../../../src/core/kv/json/json_form.ts";
import type { Compare, Expiry, Operation } from "../../../../src/core/kv/command.ts";
import type { Entry, Result, WatchEvent } from "../../../../src/core/kv/result.ts";

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 10 }).map((text) => textToBytes(text)),
);
const key: fc.Arbitrary<Key> = bytes.map((bytes) => keyFromBytes(bytes));
const whole = fc.maxSafeNat();
const expiry: fc.Arbitrary<Expiry> = fc.oneof(
  fc.constant<Expiry>({ type: "none" }),
  fc.constant<Expiry>({ type: "keep" }),
  whole.map((time_ms): Expiry => ({ type: "at", time_ms })),
  whole.map((duration_ms): Expiry => ({ type: "after", duration_ms })),
);
const operator = fc.constantFrom("=" as const, "!=" as const, "<" as const, ">" as const);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    key,
    target: fc.constantFrom("version" as const, "createRevision" as const, "modRevision" as const, "expiry" as const),
    operator,
    operand: whole,
  }),
  fc.record({ key, target: fc.constant("value" as const), operator, operand: bytes }),
);
const always = fc.constantFrom("always" as const, "absent" as const, "present" as const);
const simple: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    type: fc.constant("put" as const),
    key,
    value: bytes,
    expiry,
    condition: always,
    returnPrevious: fc.boolean(),
  }),
  fc.record({ type: fc.constant("get" as const), key }),
  fc.record({ type: fc.constant("getMany" as const), keys: fc.array(key, { maxLength: 3 }) }),
  fc.record({ type: fc.constant("delete" as const), key, returnPrevious: fc.boolean() }),
  fc.record({ type: fc.constant("deleteRange" as const), start: key, end: fc.option(key) }),
  fc.record({
    type: fc.constant("range" as const),
    start: key,
    end: fc.option(key),
    limit: whole,
    reverse: fc.boolean(),
    projection: fc.constantFrom("entries" as const, "keys" as const, "count" as const),
  }),
  fc.record({ type: fc.constant("increment" as const), key, delta: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
  fc.record({ type: fc.constant("incrementFloat" as const), key, delta: fc.double().map(String) }),
  fc.record({ type: fc.constant("append" as const), key, value: bytes }),
  fc.record({ type: fc.constant("setRange" as const), key, offset: whole, value: bytes }),
  fc.record({
    type: fc.constant("expire" as const),
    key,
    expiry: expiry.filter(({ type }) => type !== "keep"),
    condition: fc.constantFrom("always" as const, "absent" as const, "greater" as const, "less" as const),
  }),
);
const { operation } = fc.letrec<{ operation: Operation }>((tie) => ({
  operation: fc.oneof(
    { depthSize: "small" },
    simple,
    fc.record({
      type: fc.constant("txn" as const),
      compare: fc.array(compare, { maxLength: 3 }),
      then: fc.array(tie("operation"), { maxLength: 3 }),
      else: fc.array(tie("operation"), { maxLength: 3 }),
    }),
  ),
}));
const command: fc.Arbitrary<ClientCommand> = fc.oneof(
  operation,
  fc.record({ type: fc.constantFrom("openSession" as const, "closeSession" as const), session: key }),
  fc.record({
    type: fc.constant("once" as const),
    session: key,
    incarnation: fc.option(whole, { nil: null }),
    sequence: whole,
    acknowledged: whole,
    operation,
  }),
);

const entry: fc.Arbitrary<Entry> = fc.record({
  value: bytes,
  version: whole,
  createRevision: whole,
  modRevision: whole,
  expiry: whole,
});
const revision = whole;
const flatResult: fc.Arbitrary<Result> = fc.oneof(
  fc.record({ type: fc.constant("put" as const), revision, written: fc.boolean(), previous: fc.option(entry) }),
  fc.record({ type: fc.constant("get" as const), revision, entry: fc.option(entry) }),
  fc.record({ type: fc.constant("many" as const), revision, entries: fc.array(fc.option(entry), { maxLength: 3 }) }),
  fc.record({ type: fc.constant("delete" as const), revision, deleted: whole, previous: fc.option(entry) }),
  fc.record({
    type: fc.constant("range" as const),
    revision,
    entries: fc.array(fc.record({ key, entry }), { maxLength: 3 }),
    count: whole,
    more: fc.boolean(),
  }),
  fc.record({ type: fc.constant("integer" as const), revision, value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
  fc.record({ type: fc.constant("value" as const), revision, value: bytes }),
  fc.record({ type: fc.constant("expire" as const), revision, changed: fc.boolean() }),
  fc.record({ type: fc.constant("session" as const), revision, incarnation: whole }),
  fc.record({ type: fc.constant("done" as const), revision }),
  fc.record({
    type: fc.constant("error" as const),
    revision,
    code: fc.constantFrom("NOT_AN_INTEGER" as const, "OUT_OF_RANGE" as const),
    message: fc.string(),
  }),
);
const result: fc.Arbitrary<Result> = fc.oneof(
  flatResult,
  fc.record({
    type: fc.constant("txn" as const),
    revision,
    succeeded: fc.boolean(),
    results: fc.array(flatResult, { maxLength: 4 }),
  }),
);

function overTheWire(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json));
}

describe("the JSON form", () => {
  test("every command comes back from JSON as it was", () => {
    fc.assert(fc.property(command, (command) => {
      expect(commandFromJson(overTheWire(commandToJson(command)) as never)).toEqual(command);
    }));
  });

  test("every result comes back from JSON as it was", () => {
    fc.assert(fc.property(result, (result) => {
      expect(resultFromJson(overTheWire(resultToJson(result)))).toEqual(result);
    }));
  });

  test("every event comes back from JSON as it was", () => {
    const event: fc.Arbitrary<WatchEvent> = fc.record({
      type: fc.constantFrom("put" as const, "delete" as const, "expire" as const),
      revision,
      key,
      entry,
    });
    fc.assert(fc.property(event, (event) => {
      expect(eventFromJson(overTheWire(eventToJson(event)))).toEqual(event);
    }));
  });

  test("a result that is not one is refused with a typed error, whatever it is", () => {
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), result.map(resultToJson)), fc.string(), (json, junk) => {
      const broken = typeof json === "object" && json !== null && !Array.isArray(json)
        ? Object.fromEntries(Object.entries(json).map(([name, value], i) => [name, i === 1 ? junk : value]))
        : json;
      try {
        resultFromJson(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
      }
    }));
  });

  test("bytes are text where they are UTF-8, and base64 where they are not", () => {
    expect(bytesToJson(textToBytes("grüße \ufeff"))).toBe("grüße \ufeff");
    expect(bytesToJson(new Uint8Array([0xff, 0]))).toEqual({ base64: "/wA=" });
    expect(bytesFromJson({ base64: "aGk=" })).toEqual(textToBytes("hi"));
  });

  test("half a surrogate pair is refused rather than replaced", () => {
    expect(() => bytesFromJson("a\ud800")).toThrow(CodecError);
    expect(() => keyFromJson("\udc00b")).toThrow(CodecError);
    expect(keyFromJson("😀")).toBe("\xf0\x9f\x98\x80");
  });

  test("integers are numbers up to 2^53 - 1 and text beyond", () => {
    expect(integerToJson(2n ** 53n - 1n)).toBe(2 ** 53 - 1);
    expect(integerToJson(2n ** 53n)).toBe("9007199254740992");
    expect(integerToJson(-(2n ** 63n))).toBe("-9223372036854775808");
    expect(integerFromJson("-7")).toBe(-7n);
    for (const bad of [1.5, 2 ** 53, "", "1e3", "9223372036854775808", "-9223372036854775809", " 1", "0x10"]) {
      expect(() => integerFromJson(bad)).toThrow(CodecError);
    }
  });

  test("what may be left out of a command has its usual value", () => {
    expect(commandFromJson({ type: "put", key: "k", value: "v" })).toEqual({
      type: "put",
      key: "k",
      value: textToBytes("v"),
      expiry: { type: "none" },
      condition: "always",
      returnPrevious: false,
    });
    expect(commandFromJson({ type: "range" })).toEqual({
      type: "range",
      start: "",
      end: null,
      limit: 0,
      reverse: false,
      projection: "entries",
    });
    expect(commandFromJson({ type: "txn" })).toEqual({ type: "txn", compare: [], then: [], else: [] });
  });
});
