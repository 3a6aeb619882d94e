import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, keyFromBytes, textToBytes } from "../../../src/codec/bytes.ts";
import { ProtocolError, RespParser } from "../../../src/server/resp/parser.ts";

const LIMITS = { maxBulkBytes: 1 << 20, maxRequestBytes: 1 << 21 };

/** Feeds chunks, each in memory that is overwritten afterwards, and gives all commands. */
function parse(chunks: readonly Uint8Array[], parser = new RespParser(LIMITS)): string[][] {
  const commands: string[][] = [];
  for (const chunk of chunks) {
    const memory = chunk.slice();
    parser.feed(memory);
    while (parser.next()) {
      commands.push(parser.args().map((arg) => keyFromBytes(arg)));
      parser.consume();
    }
    parser.settle();
    memory.fill(0xee);
  }
  return commands;
}

function parseText(text: string, limited = false): string[][] {
  const parser = new RespParser(LIMITS);
  parser.limited = limited;
  return parse([textToBytes(text)], parser);
}

function faultOf(text: string, limited = false): string {
  try {
    parseText(text, limited);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
  return "none";
}

function encode(args: readonly Uint8Array[]): Uint8Array {
  const parts = [textToBytes(`*${args.length}\r\n`)];
  for (const arg of args) parts.push(textToBytes(`$${arg.length}\r\n`), arg, textToBytes("\r\n"));
  return concatBytes(parts);
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Uint8Array[] = [];
  let start = 0;
  for (const place of [...places, bytes.length]) {
    chunks.push(bytes.subarray(start, place));
    start = place;
  }
  return chunks;
}

describe("RespParser", () => {
  it("gives the same commands however the bytes are cut into chunks", () => {
    const args = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(
      fc.array(args, { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 40 }),
      (commands, cuts) => {
        const bytes = concatBytes(commands.map(encode));
        expect(parse(cut(bytes, cuts))).toEqual(commands.map((command) => command.map((arg) => keyFromBytes(arg))));
      },
    ));
  });

  it("reads one byte at a time", () => {
    const bytes = textToBytes("*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING hello\r\n*1\r\n$4\r\nPING\r\n");
    expect(parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual([["GET", "a"], ["PING", "hello"], [
      "PING",
    ]]);
  });

  it("keeps a command that was not consumed across chunks", () => {
    const parser = new RespParser(LIMITS);
    const first = textToBytes("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPI");
    parser.feed(first);
    expect(parser.next()).toBe(true);
    parser.settle();
    first.fill(0);
    parser.feed(textToBytes("NG\r\n"));
    expect(parser.next()).toBe(true);
    expect(parser.args().map((arg) => keyFromBytes(arg))).toEqual(["GET", "a"]);
    parser.consume();
    expect(parser.next()).toBe(true);
    expect(parser.args().map((arg) => keyFromBytes(arg))).toEqual(["PING"]);
    parser.consume();
    parser.settle();
    expect(parser.buffered).toBe(0);
  });

  it("takes a large argument in small chunks", () => {
    const value = new Uint8Array(1 << 20).fill(120);
    const bytes = encode([textToBytes("SET"), textToBytes("k"), value]);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 1000) chunks.push(bytes.subarray(at, at + 1000));
    const [command] = parse(chunks);
    expect(command!.map((arg) => arg.length)).toEqual([3, 1, 1 << 20]);
  });

  it("ignores empty and null arrays and empty lines", () => {
    expect(parseText("*0\r\n*-1\r\n\r\n  \r\n\nPING\r\n")).toEqual([["PING"]]);
  });

  it.each([
    ['set k "a b"\r\n', ["set", "k", "a b"]],
    ['set k "\\x41\\n\\r\\t\\b\\a\\q\\""\r\n', ["set", "k", 'A\n\r\t\b\x07q"']],
    ["set k 'a\\'b\\n'\n", ["set", "k", "a'b\\n"]],
    ["set k \"\" ''\r\n", ["set", "k", "", ""]],
    ['set k pre"fix"\r\n', ["set", "k", "prefix"]],
    ["\t set\x0bk  v \r\n", ["set", "k", "v"]],
  ])("splits the inline command %j as Redis does", (line, expected) => {
    expect(parseText(line)).toEqual([expected]);
  });

  it.each([
    ['set k "a\r\n', "ERR Protocol error: unbalanced quotes in request"],
    ['set k "a"b\r\n', "ERR Protocol error: unbalanced quotes in request"],
    ["set k 'a'b\r\n", "ERR Protocol error: unbalanced quotes in request"],
    ["*1\r\nfoo\r\n", "ERR Protocol error: expected '$', got 'f'"],
    ["*x\r\n", "ERR Protocol error: invalid multibulk length"],
    ["*\r\n", "ERR Protocol error: invalid multibulk length"],
    ["*01\r\n", "ERR Protocol error: invalid multibulk length"],
    ["*3000000000\r\n", "ERR Protocol error: invalid multibulk length"],
    ["*1048577\r\n", "ERR Protocol error: invalid multibulk length"],
    ["*1\r\n$-10\r\n", "ERR Protocol error: invalid bulk length"],
    ["*1\r\n$blabla\r\n", "ERR Protocol error: invalid bulk length"],
    ["*1\r\n$2000000000\r\n", "ERR Protocol error: invalid bulk length"],
    ["*1\r\n$99999999999999999999999999\r\n", "ERR Protocol error: invalid bulk length"],
    ["x".repeat(65_537), "ERR Protocol error: too big inline request"],
    [`${"x".repeat(65_537)}\r\n`, "ERR Protocol error: too big inline request"],
  ])("refuses %.30j with Redis's words", (text, expected) => {
    expect(faultOf(text)).toBe(expected);
  });

  it("takes only small requests before the password", () => {
    expect(faultOf("*11\r\n", true)).toBe("ERR Protocol error: unauthenticated multibulk length");
    expect(faultOf("*1\r\n$16385\r\n", true)).toBe("ERR Protocol error: unauthenticated bulk length");
    expect(faultOf("a b c d e f g h i j k\r\n", true)).toBe("ERR Protocol error: unauthenticated multibulk length");
    expect(faultOf("*10\r\n$16384\r\n", true)).toBe("none");
  });

  it("bounds a request that never ends", () => {
    const parser = new RespParser({ maxBulkBytes: 1000, maxRequestBytes: 10_000 });
    const argument = textToBytes(`$1000\r\n${"x".repeat(1000)}\r\n`);
    expect(() => parse([textToBytes("*1000\r\n"), ...Array.from({ length: 20 }, () => argument)], parser))
      .toThrow("ERR Protocol error: request of more than 10000 bytes");
    expect(parser.buffered).toBeLessThan(12_000);
  });

  it("throws nothing but protocol errors, and holds little, whatever it is fed", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(
        "*",
        "$",
        "\r\n",
        "*2\r\n",
        "$3\r\nGET\r\n",
        "*-1\r\n",
        "'",
        '"',
        "\\x",
        "*1\r\n$1\r\n",
        "$-1",
        "9",
      )
        .map(textToBytes),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.array(fc.nat(), { maxLength: 10 }), (pieces, cuts) => {
        const parser = new RespParser({ maxBulkBytes: 500, maxRequestBytes: 1000 });
        const bytes = concatBytes(pieces);
        try {
          parse(cut(bytes, cuts), parser);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
        expect(parser.buffered).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
