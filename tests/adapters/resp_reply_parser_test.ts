import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RespErrorReply, RespPush, type RespReply, RespReplyParser } from "../../src/adapters/resp_reply_parser.ts";
import { KvError } from "../../src/core/errors.ts";

const encoder = new TextEncoder();

/** Every reply in `text`, fed in pieces of the sizes given, over and over. */
function parse(bytes: Uint8Array, sizes: readonly number[] = [bytes.length]): RespReply[] {
  const parser = new RespReplyParser({ maxBulkBytes: 1000, maxItems: 100 });
  const replies: RespReply[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]!);
    parser.push(bytes.slice(at, at + size));
    at += size;
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) replies.push(copy(reply));
  }
  return replies;
}

/** A reply whose bytes stay as they are. */
function copy(reply: RespReply): RespReply {
  if (reply instanceof Uint8Array) return reply.slice();
  if (reply instanceof RespPush) return new RespPush(reply.items.map(copy));
  return Array.isArray(reply) ? reply.map(copy) : reply;
}

const ALL =
  "+OK\r\n-ERR no\r\n:42\r\n:-7\r\n:9223372036854775807\r\n$5\r\na\r\nbc\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n" +
  ",1.5\r\n,inf\r\n,nan\r\n(12345678901234567890\r\n!3\r\nERR\r\n=7\r\ntxt:abc\r\n*2\r\n:1\r\n*1\r\n+x\r\n%1\r\n+k\r\n:1\r\n" +
  "~1\r\n:1\r\n>3\r\n$7\r\nkvwatch\r\n:1\r\n$1\r\nx\r\n";
const EXPECTED: RespReply[] = [
  "OK",
  new RespErrorReply("ERR no"),
  42,
  -7,
  9223372036854775807n,
  encoder.encode("a\r\nbc"),
  new Uint8Array(),
  null,
  null,
  null,
  true,
  false,
  1.5,
  Infinity,
  NaN,
  12345678901234567890n,
  new RespErrorReply("ERR"),
  encoder.encode("txt:abc"),
  [1, ["x"]],
  ["k", 1],
  [1],
  new RespPush([encoder.encode("kvwatch"), 1, encoder.encode("x")]),
];

describe("RespReplyParser", () => {
  test("reads every kind of reply", () => {
    expect(parse(encoder.encode(ALL))).toEqual(EXPECTED);
  });

  test("reads the same however the bytes are cut", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), (sizes) => {
      expect(parse(encoder.encode(ALL), sizes)).toEqual(EXPECTED);
    }));
  });

  test.each([
    "hello\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
    "$x\r\n",
    "$-2\r\n",
    "$1001\r\n",
    "*101\r\n",
    "$1\r\nabc",
    ":1.5\r\n",
    ",x\r\n",
    "#x\r\n",
    "+a\rb\r\n",
    "*1\r\n".repeat(10),
    "+" + "x".repeat(70_000),
  ])("refuses %j", (text) => {
    expect(() => parse(encoder.encode(text))).toThrow(KvError);
  });

  test("knows an alert of TLS, which has no end of a line", () => {
    const alert = Uint8Array.of(0x15, 3, 1, 0, 2, 2, 0x46);
    expect(() => parse(alert)).toThrow(expect.objectContaining({ code: "TLS_FAILED" }));
    expect(() => parse(encoder.encode("*1\r\n\x15\r\n"))).toThrow(expect.objectContaining({ code: "PROTOCOL_ERROR" }));
  });

  test("never throws anything but a KvError, and takes no memory for what is announced", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
      try {
        parse(bytes, [size]);
      } catch (error) {
        expect(error).toBeInstanceOf(KvError);
        expect(["PROTOCOL_ERROR", "TLS_FAILED"]).toContain((error as KvError).code);
      }
    }));
  });

  test("keeps what waits for its end, and no more", () => {
    const parser = new RespReplyParser();
    parser.push(encoder.encode("$100000\r\n"));
    for (let i = 0; i < 1000; i++) {
      parser.push(encoder.encode("x".repeat(100)));
      expect(parser.next()).toBeUndefined();
    }
    parser.push(encoder.encode("\r\n+next"));
    expect(parser.next()).toHaveLength(100_000);
    expect(parser.buffered).toBe(5);
  });
});
