/**
 * Redis's glob patterns over byte strings: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a byte that is meant as
 * it is. What Redis makes of odd patterns holds here, too: a class that is not closed ends with the pattern, a
 * range may be written backwards, a lone `\` at the end stands for itself. Bytes in a range compare unsigned.
 *
 * The invariant: a match takes at most (length of the key)² steps, whatever the pattern. After a `*` only the
 * latest one is ever tried again: what the earlier ones matched need not change, because each of them already
 * stopped at the first place where what follows it fits.
 *
 * @module
 */
import { type Key, prefixEnd } from "../../codec/bytes.ts";

const STAR = -1;
const ANY = -2;

/** Longer than any key that a server allows by default. */
const MAX_KEY_BYTES = 65_536;

const ASTERISK = 42;
const HYPHEN = 45;
const QUESTION = 63;
const BRACKET = 91;
const BACKSLASH = 92;
const BRACKET_END = 93;
const CARET = 94;

/** A byte, {@link STAR}, {@link ANY}, or for a class whether it holds each of the 256 bytes. */
type Token = number | Uint8Array;

/** A pattern, ready to match. */
export class Glob {
  /** The bytes with which every match begins. */
  readonly prefix: Key;
  /** The first key past every match, or null when there is none: matches are in [{@link prefix}, end). */
  readonly end: Key | null;
  /** Whether everything that begins with {@link prefix} matches. */
  readonly matchesRange: boolean;
  readonly #tokens: readonly Token[];

  /** @param maxKeyBytes The longest key there can be: what asks for more matches nothing, and costs nothing. */
  constructor(pattern: Key, maxKeyBytes: number = MAX_KEY_BYTES) {
    const tokens = parse(pattern, maxKeyBytes);
    let prefix = "";
    let literal = 0;
    while (literal < tokens.length && isByte(tokens[literal]!)) {
      prefix += String.fromCharCode(tokens[literal++] as number);
    }
    this.prefix = prefix as Key;
    this.end = literal === tokens.length ? (prefix + "\0") as Key : prefixEnd(this.prefix);
    this.matchesRange = literal === tokens.length || (literal === tokens.length - 1 && tokens[literal] === STAR);
    this.#tokens = tokens;
  }

  /** Whether the whole of `key` matches. */
  matches(key: Key): boolean {
    const tokens = this.#tokens;
    let token = 0;
    let at = 0;
    /** The latest star, and where what it matches ends. */
    let star = -1;
    let starEnd = 0;
    while (at < key.length) {
      const expected = tokens[token];
      if (expected === STAR) {
        if (token === tokens.length - 1) return true;
        star = token++;
        starEnd = at;
      } else if (expected !== undefined && matchesByte(expected, key.charCodeAt(at))) {
        token++;
        at++;
      } else if (star >= 0) {
        token = star + 1;
        at = ++starEnd;
      } else {
        return false;
      }
    }
    while (tokens[token] === STAR) token++;
    return token === tokens.length;
  }
}

function isByte(token: Token): boolean {
  return typeof token === "number" && token >= 0;
}

function matchesByte(token: Token, byte: number): boolean {
  if (typeof token !== "number") return token[byte] === 1;
  return token === byte || token === ANY;
}

/** Stops once the tokens ask for more than `maxKeyBytes` bytes: they cannot be met, and neither can the rest. */
function parse(pattern: Key, maxKeyBytes: number): Token[] {
  const tokens: Token[] = [];
  let stars = 0;
  let at = 0;
  while (at < pattern.length && tokens.length - stars <= maxKeyBytes) {
    const byte = pattern.charCodeAt(at);
    if (byte === ASTERISK) {
      if (tokens.at(-1) !== STAR) {
        tokens.push(STAR);
        stars++;
      }
      at++;
    } else if (byte === QUESTION) {
      tokens.push(ANY);
      at++;
    } else if (byte === BRACKET) {
      const members = new Uint8Array(256);
      at = parseClass(pattern, at + 1, members);
      tokens.push(members);
    } else {
      if (byte === BACKSLASH && at + 1 < pattern.length) at++;
      tokens.push(pattern.charCodeAt(at));
      at++;
    }
  }
  return tokens;
}

/** Marks the members of the class whose `[` is before `at`; returns where the pattern goes on. */
function parseClass(pattern: Key, at: number, members: Uint8Array): number {
  const negated = pattern.charCodeAt(at) === CARET;
  if (negated) at++;
  while (at < pattern.length && pattern.charCodeAt(at) !== BRACKET_END) {
    const byte = pattern.charCodeAt(at);
    if (byte === BACKSLASH && at + 1 < pattern.length) {
      members[pattern.charCodeAt(at + 1)] = 1;
      at += 2;
    } else if (at + 2 < pattern.length && pattern.charCodeAt(at + 1) === HYPHEN) {
      const bound = pattern.charCodeAt(at + 2);
      members.fill(1, Math.min(byte, bound), Math.max(byte, bound) + 1);
      at += 3;
    } else {
      members[byte] = 1;
      at++;
    }
  }
  for (let i = 0; negated && i < 256; i++) members[i] = 1 - members[i]!;
  return at + 1;
}
