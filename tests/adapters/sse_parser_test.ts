import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ServerSentEvent, SseParser } from "../../src/adapters/sse_parser.ts";

const encoder = new TextEncoder();

function parse(text: string, sizes: readonly number[] = [1 << 20]): ServerSentEvent[] {
  const bytes = encoder.encode(text);
  const parser = new SseParser();
  const events: ServerSentEvent[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    events.push(...parser.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return events;
}

const STREAM = "event: watching\nid: 4\ndata: {}\n\n: heartbeat\nid: 9\n\nevent:put\r\ndata: a\r\ndata: é\r\n\r\n" +
  ": nothing\n\ndata\n\nretry: 5\n\nevent: x\rdata: y\r\rdata: unfinished";

describe("SseParser", () => {
  const expected = [
    { type: "watching", id: "4", data: "{}" },
    { type: "", id: "9", data: "" },
    { type: "put", id: null, data: "a\né" },
    { type: "", id: null, data: "" },
    { type: "x", id: null, data: "y" },
  ];

  test("reads events, whatever ends their lines", () => {
    expect(parse(STREAM)).toEqual(expected);
  });

  test("reads the same however the bytes are cut", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
      expect(parse(STREAM, sizes)).toEqual(expected);
    }));
  });
});
