import { expect, test } from "vitest";
import { formatLine, parseLine } from "../../cli/kvclient/json_line.ts";
import { type Key, textToBytes } from "../../src/codec/bytes.ts";

function parse(line: string): unknown {
  return parseLine(textToBytes(line));
}

test("an entry is a line of JSON and comes back from it, also where its bytes are no UTF-8", () => {
  const plain = { key: "k\xc3\xa4" as Key, value: textToBytes('"v"\n'), ttl_ms: 5 };
  expect(formatLine(plain)).toBe('{"key":"kä","value":"\\"v\\"\\n","ttl_ms":5}\n');
  expect(parseLine(textToBytes(formatLine(plain)))).toEqual(plain);
  const raw = { key: "\xff" as Key, value: Uint8Array.of(255, 0), ttl_ms: null };
  expect(formatLine(raw)).toBe('{"key":{"base64":"/w=="},"value":{"base64":"/wA="}}\n');
  expect(parseLine(textToBytes(formatLine(raw)))).toEqual(raw);
});

test.each([
  ["{", /no JSON/],
  ["[]", /no object/],
  ['{"value":"v"}', /key is missing/],
  ['{"key":"","value":"v"}', /key is empty/],
  ['{"key":"k"}', /value is missing/],
  ['{"key":"k","value":1}', /value is neither text nor/],
  ['{"key":"k","value":{"base64":"*"}}', /base64/],
  ['{"key":"k","value":"v","ttl_ms":0}', /ttl_ms is not a whole number/],
  ['{"key":"k","value":"v","ttl":1}', /"ttl" is not known; there are key, value and ttl_ms/],
  ['{"key":"\\ud800","value":"v"}', /surrogate/],
])("the line %s is refused with the reason", (line, reason) => {
  expect(() => parse(line)).toThrow(reason);
});

test("a line that is no UTF-8 is refused", () => {
  expect(() => parseLine(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/no UTF-8/);
});
