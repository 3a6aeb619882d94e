import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../src/codec/byte_reader.ts";
import { toHex } from "../../src/codec/bytes.ts";
import { BatchBuilder, readBatch } from "../../src/core/batch.ts";

function commandsOf(batch: Uint8Array): { commands: Uint8Array[]; times: number[] } {
  const commands: Uint8Array[] = [];
  const times: number[] = [];
  readBatch(batch, 0, batch.length, (start, end, time, index) => {
    expect(index).toBe(commands.length);
    commands.push(batch.slice(start, end));
    times.push(time);
  });
  return { commands, times };
}

describe("a batch", () => {
  test("has golden bytes", () => {
    const builder = new BatchBuilder();
    builder.add(Uint8Array.of(1, 2));
    builder.add(Uint8Array.of(3));
    expect(toHex(builder.seal(0x1_0000_0002))).toBe("01" + "0200000001000000" + "02000000" + "020102" + "0103");
  });

  test("gives back what was added, with the time of its seal", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 })),
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        (commands, time) => {
          const builder = new BatchBuilder();
          builder.add(Uint8Array.of(9));
          builder.reset();
          for (const command of commands) builder.add(command);
          const read = commandsOf(builder.seal(time));
          expect(read.commands).toEqual(commands);
          expect(new Set(read.times).size).toBeLessThanOrEqual(1);
          if (commands.length > 0) expect(read.times[0]).toBe(time);
        },
      ),
    );
  });

  test("that is cut short, too long or of another version is refused", () => {
    const builder = new BatchBuilder();
    expect(builder.seal(5)).toHaveLength(13);
    builder.add(Uint8Array.of(1, 2, 3));
    const whole = builder.seal(5).slice();
    for (let length = 0; length < whole.length; length++) {
      expect(() => commandsOf(whole.subarray(0, length))).toThrow(CodecError);
    }
    expect(() => commandsOf(Uint8Array.of(...whole, 0))).toThrow("too many");
    whole[0] = 2;
    expect(() => commandsOf(whole)).toThrow("batch of version 2");
  });
});
