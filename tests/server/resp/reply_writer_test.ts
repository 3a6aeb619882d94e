import { describe, expect, it } from "vitest";
import { keyFromBytes, keyFromText } from "../../../src/codec/bytes.ts";
import { BufferPool, ReplyWriter } from "../../../src/server/resp/reply_writer.ts";

function written(protocol: 2 | 3, write: (out: ReplyWriter) => void): string {
  const out = new ReplyWriter(protocol, new BufferPool());
  write(out);
  return keyFromBytes(out.take());
}

const both = (write: (out: ReplyWriter) => void): string[] => [written(2, write), written(3, write)];

describe("ReplyWriter", () => {
  it("writes what both versions share", () => {
    const [two, three] = both((out) => {
      out.ok();
      out.simple("PONG");
      out.error("ERR no\r\nway");
      out.integer(-5);
      out.integer(12345);
      out.integer(2 ** 40);
      out.integer(-(2n ** 63n));
      out.bulk(Uint8Array.of(0, 255));
      out.bulkKey(keyFromText("key"));
      out.bulkText("é");
      out.array(2);
    });
    expect(two).toBe(three);
    expect(two).toBe(
      "+OK\r\n+PONG\r\n-ERR no  way\r\n:-5\r\n:12345\r\n:1099511627776\r\n:-9223372036854775808\r\n" +
        "$2\r\n\0\xff\r\n$3\r\nkey\r\n$2\r\n\xc3\xa9\r\n*2\r\n",
    );
  });

  it.each<[string, (out: ReplyWriter) => void, string, string]>([
    ["nil", (out) => out.nil(), "$-1\r\n", "_\r\n"],
    ["a null array", (out) => out.nilArray(), "*-1\r\n", "_\r\n"],
    ["a map", (out) => out.map(2), "*4\r\n", "%2\r\n"],
    ["a set", (out) => out.set(2), "*2\r\n", "~2\r\n"],
    ["a double", (out) => out.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
    ["infinity", (out) => out.double(-Infinity), "$4\r\n-inf\r\n", ",-inf\r\n"],
    ["a boolean", (out) => out.bool(true), ":1\r\n", "#t\r\n"],
    ["text", (out) => out.verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
  ])("writes %s by the version", (_name, write, two, three) => {
    expect(both(write)).toEqual([two, three]);
  });

  it("writes a bulk string of a part of an array", () => {
    const bytes = Uint8Array.of(65, 66, 67, 68);
    expect(written(2, (out) => out.bulkOf(bytes, 1, 3))).toBe("$2\r\nBC\r\n");
    expect(written(2, (out) => out.bulkOf(bytes, 0, 4))).toBe("$4\r\nABCD\r\n");
    expect(written(2, (out) => out.bulkOf(bytes, 4, 4))).toBe("$0\r\n\r\n");
  });

  it("refuses push messages in RESP2", () => {
    expect(written(3, (out) => out.push(3))).toBe(">3\r\n");
    expect(() => new ReplyWriter(2).push(3)).toThrow("needs RESP3");
  });

  it("keeps the order over large values, which leave by reference", () => {
    const large = new Uint8Array(100_000).fill(65);
    const out = new ReplyWriter(2, new BufferPool());
    out.integer(1);
    out.bulk(large);
    out.integer(2);
    const chunks: Uint8Array[] = [];
    out.flush((parts) => {
      chunks.push(...parts);
      return false;
    });
    expect(chunks).toContain(large);
    const text = chunks.map((chunk) => keyFromBytes(chunk)).join("");
    expect(text).toBe(`:1\r\n$100000\r\n${"A".repeat(100_000)}\r\n:2\r\n`);
    expect(out.size).toBe(0);
  });

  it("grows over many small replies", () => {
    const out = new ReplyWriter(2, new BufferPool());
    let expected = "";
    for (let i = 0; i < 60_000; i++) {
      out.integer(i);
      expected += `:${i}\r\n`;
    }
    expect(out.size).toBe(expected.length);
    expect(keyFromBytes(out.take())).toBe(expected);
  });

  it("reuses memory only when the transport is done with it", () => {
    const pool = new BufferPool();
    const held: Uint8Array[] = [];
    const write = (done: boolean) => (chunks: readonly Uint8Array[]): boolean => {
      held.push(chunks[0]!);
      return done;
    };
    const out = new ReplyWriter(2, pool);
    out.simple("one");
    out.flush(write(false));
    out.simple("two");
    out.flush(write(true));
    out.simple("six");
    out.flush(write(true));
    expect(held[0]!.buffer).not.toBe(held[1]!.buffer);
    expect(held[1]!.buffer).toBe(held[2]!.buffer);
    expect(keyFromBytes(held[0]!)).toBe("+one\r\n");
  });
});
