import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Key, keyFromText } from "../../../src/codec/bytes.ts";
import { Glob } from "../../../src/server/resp/glob.ts";

const MAX_KEY = 4096;

function matches(pattern: string, key: string): boolean {
  return new Glob(pattern as Key, MAX_KEY).matches(key as Key);
}

/** The plainest matcher there is: tries every split at a star. Knows `*`, `?` and bytes. */
function naive(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    for (let i = 0; i <= text.length; i++) if (naive(pattern.slice(1), text.slice(i))) return true;
    return false;
  }
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && naive(pattern.slice(1), text.slice(1));
}

describe("Glob", () => {
  const cases: readonly [pattern: string, matching: readonly string[], other: readonly string[]][] = [
    ["", [], ["a"]],
    ["*", ["a", "\0", "\xff\xff"], []],
    ["a", ["a"], ["b", "aa", "A"]],
    ["a*", ["a", "ab", "a*"], ["b", "ba"]],
    ["*a", ["a", "ba", "aba"], ["ab"]],
    ["*a*b*", ["ab", "xaxbx", "aabb"], ["ba", "a", "b"]],
    ["a**b", ["ab", "a**b", "axxb"], ["a", "abx"]],
    ["h?llo", ["hello", "h?llo", "h\nllo"], ["hllo", "heello"]],
    ["?", ["a", "\xff"], ["ab"]],
    ["h[ae]llo", ["hallo", "hello"], ["hillo", "h[ae]llo"]],
    ["h[^e]llo", ["hallo", "h^llo"], ["hello", "hllo"]],
    ["[a-c]", ["a", "b", "c"], ["d", "-"]],
    ["[c-a]", ["a", "b", "c"], ["d", "-"]],
    ["[a-]", ["a", "]", "_"], ["b", "-"]],
    ["[-a]", ["-", "a"], ["b"]],
    ["[\\]]", ["]"], ["\\", "[\\]]"]],
    ["[\\^]", ["^"], ["\\"]],
    ["[a\\-c]", ["a", "-", "c"], ["b", "\\"]],
    ["[]", [], ["", "]", "[]"]],
    ["[^]", ["a", "]"], ["[^]x", ""]],
    ["[abc", ["a", "b", "c"], ["[abc", "d"]],
    ["[^abc", ["d"], ["a"]],
    ["[a-", ["a", "-"], ["b"]],
    ["[", [], ["[", "a"]],
    ["[a\\", ["a", "\\"], ["b"]],
    ["\\*", ["*"], ["a", "\\*"]],
    ["\\", ["\\"], ["a"]],
    ["a\\", ["a\\"], ["a"]],
    ["\\a", ["a"], ["\\a"]],
    ["[\x80-\xff]", ["\x80", "\xc3", "\xff"], ["\x7f", "a"]],
  ];
  for (const [pattern, matching, other] of cases) {
    it(`treats ${JSON.stringify(pattern)} as Redis does`, () => {
      for (const key of matching) expect(matches(pattern, key), key).toBe(true);
      for (const key of other) expect(matches(pattern, key), key).toBe(false);
    });
  }

  it("agrees with a matcher that tries every split", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 10 });
    fc.assert(
      fc.property(pattern, text, (pattern, text) => matches(pattern, text) === naive(pattern, text)),
      { numRuns: 5000 },
    );
  });

  it("keeps every match between the prefix and the end that it names", () => {
    const unit = fc.constantFrom("a", "b", "*", "?", "[", "]", "\\", "^", "-", "\xff", "\0");
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\xff", "\0", "*"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 6 }), text, (pattern, text) => {
        const glob = new Glob(pattern as Key, MAX_KEY);
        const inRange = text >= glob.prefix && (glob.end === null || text < glob.end);
        return glob.matches(text as Key) ? inRange : !(glob.matchesRange && inRange);
      }),
      { numRuns: 5000 },
    );
  });

  it("names the range of a literal pattern exactly", () => {
    const glob = new Glob(keyFromText("user\\*1"), MAX_KEY);
    expect(glob.prefix).toBe("user*1");
    expect(glob.end).toBe("user*1\0");
    expect(glob.matchesRange).toBe(true);
  });

  it("does not blow up on nested stars", () => {
    const key = "a".repeat(4096);
    expect(matches("a*".repeat(1000) + "b", key)).toBe(false);
    expect(matches("*a".repeat(2000) + "*", key)).toBe(true);
  });

  it("takes a pattern of many megabytes that no key can match", () => {
    const glob = new Glob("[ab]".repeat(2_000_000) as Key, MAX_KEY);
    expect(glob.matches("a".repeat(4096) as Key)).toBe(false);
    expect(new Glob("x".repeat(8_000_000) as Key, MAX_KEY).matches("x".repeat(4096) as Key)).toBe(false);
    expect(new Glob("*".repeat(8_000_000) as Key, MAX_KEY).matches("x" as Key)).toBe(true);
  });
});
