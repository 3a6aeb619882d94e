import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../../src/codec/byte_reader.ts";
import { toHex } from "../../../src/codec/bytes.ts";
import { type Command, MAX_COMMAND_ITEMS, MAX_TXN_DEPTH, type Operation } from "../../../src/core/kv/command.ts";
import { decodeCommand, encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { decodeEvents, decodeResult, encodeEvents, encodeResult } from "../../../src/core/kv/result_codec.ts";
import { anyCommand, anyEvent, anyResult, key } from "./arbitraries.ts";
import { GOLDEN_COMMANDS, GOLDEN_EVENTS, GOLDEN_RESULTS } from "./golden.ts";

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Bytes that are nearly right: what a valid encoding becomes through a few edits. */
function edited(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edits = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() }), { maxLength: 3 });
  return fc.tuple(valid, edits).map(([whole, list]) => {
    let bytes = whole.slice();
    for (const { at, byte, cut } of list) {
      if (bytes.length === 0) break;
      if (cut) bytes = bytes.slice(0, at % bytes.length);
      else bytes[at % bytes.length] = byte;
    }
    return bytes;
  });
}

function decodesOrRefuses(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
  }
}

describe("commands", () => {
  test.each(GOLDEN_COMMANDS.map(([command, hex]) => ({ command, hex })))(
    "$command.type has the bytes $hex",
    (golden) => {
      expect(toHex(encodeCommand(golden.command))).toBe(golden.hex);
      expect(decodeCommand(fromHex(golden.hex))).toEqual(golden.command);
    },
  );

  test("of every type are among the golden ones", () => {
    expect(new Set(GOLDEN_COMMANDS.map(([command]) => command.type)).size).toBe(16);
  });

  test("are decoded as they were encoded", () => {
    fc.assert(fc.property(anyCommand, (command) => {
      expect(decodeCommand(encodeCommand(command))).toEqual(command);
    }));
  });

  test("cut short anywhere, or with a byte more, are refused with a CodecError", () => {
    for (const [, hex] of GOLDEN_COMMANDS) {
      const whole = fromHex(hex);
      for (let length = 0; length < whole.length; length++) {
        expect(() => decodeCommand(whole.subarray(0, length))).toThrow(CodecError);
      }
      expect(() => decodeCommand(fromHex(`${hex}00`))).toThrow(CodecError);
    }
  });

  test("from a Node Buffer or from the middle of a larger buffer are decoded the same", () => {
    for (const [command, hex] of GOLDEN_COMMANDS) {
      const padded = fromHex(`ffff${hex}ffff`);
      expect(decodeCommand(padded.subarray(2, padded.length - 2))).toEqual(command);
    }
  });

  test("nested or numerous beyond the limits are refused before they take up memory", () => {
    const nested = (depth: number): Operation =>
      depth === 0 ? { type: "get", key: key("a") } : { type: "txn", compare: [], then: [nested(depth - 1)], else: [] };
    expect(decodeCommand(encodeCommand(nested(MAX_TXN_DEPTH)))).toEqual(nested(MAX_TXN_DEPTH));
    expect(() => decodeCommand(encodeCommand(nested(MAX_TXN_DEPTH + 1)))).toThrow("nested deeper than 4");
    const many = (count: number): Command => ({ type: "getMany", keys: new Array(count).fill(key("")) });
    expect(decodeCommand(encodeCommand(many(MAX_COMMAND_ITEMS)))).toEqual(many(MAX_COMMAND_ITEMS));
    expect(() => decodeCommand(encodeCommand(many(MAX_COMMAND_ITEMS + 1)))).toThrow("more than 100000 parts");
    expect(() => decodeCommand(fromHex("0bffffffffffffff0f"))).toThrow("more than 100000 parts");
  });

  test("that stand where only an operation may are refused", () => {
    for (const hex of ["0c0173", "0d0173", "0e01730100000c0173", "0f01"]) {
      expect(() => decodeCommand(fromHex(`0e0173010000${hex}`))).toThrow("cannot stand inside");
    }
  });
});

describe("results and events", () => {
  test.each(GOLDEN_RESULTS.map(([result, hex]) => ({ result, hex })))("$result.type has the bytes $hex", (golden) => {
    expect(toHex(encodeResult(golden.result))).toBe(golden.hex);
    expect(decodeResult(fromHex(golden.hex))).toEqual(golden.result);
  });

  test.each(GOLDEN_EVENTS.map(([events, hex]) => ({ events, hex })))(
    "events have the bytes $hex",
    ({ events, hex }) => {
      expect(toHex(encodeEvents(events))).toBe(hex);
      expect(decodeEvents(fromHex(hex))).toEqual(events);
    },
  );

  test("are decoded as they were encoded", () => {
    fc.assert(fc.property(anyResult, fc.array(anyEvent, { maxLength: 4 }), (result, events) => {
      expect(decodeResult(encodeResult(result))).toEqual(result);
      expect(decodeEvents(encodeEvents(events))).toEqual(events);
    }));
  });

  test("are decoded into memory of their own, from a Node Buffer too", () => {
    const plain = encodeResult(GOLDEN_RESULTS[3]![0]);
    const buffer = "Buffer" in globalThis ? Buffer.from(plain) : plain.slice();
    const decoded = decodeResult(buffer);
    buffer.fill(0);
    expect(decoded).toEqual(GOLDEN_RESULTS[3]![0]);
    if (decoded.type === "get") expect(decoded.entry!.value.buffer.byteLength).toBe(1);
  });
});

describe("decoders", () => {
  test("refuse random and damaged bytes with a CodecError and nothing else", () => {
    const noise = fc.uint8Array({ maxLength: 64 });
    const commands = fc.oneof(noise, edited(anyCommand.map(encodeCommand)));
    const results = fc.oneof(noise, edited(anyResult.map(encodeResult)));
    const events = fc.oneof(noise, edited(fc.array(anyEvent, { maxLength: 3 }).map(encodeEvents)));
    fc.assert(
      fc.property(commands, results, events, (command, result, list) => {
        decodesOrRefuses(decodeCommand, command);
        decodesOrRefuses(decodeResult, result);
        decodesOrRefuses(decodeEvents, list);
      }),
      { numRuns: 3000 },
    );
  });

  test("behind apply and query never throw: whatever the bytes, there is a result", () => {
    const store = new KVStore({ limits: { maxValueBytes: 1000 } });
    const commands = fc.oneof(fc.uint8Array({ maxLength: 64 }), edited(anyCommand.map(encodeCommand)));
    fc.assert(
      fc.property(commands, fc.nat(), (bytes, time) => {
        const before = store.hash();
        decodeResult(store.query(bytes));
        expect(store.hash()).toBe(before);
        decodeResult(store.apply(bytes, time));
      }),
      { numRuns: 3000 },
    );
  });
});
