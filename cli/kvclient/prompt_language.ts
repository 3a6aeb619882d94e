/**
 * What can be typed at the prompt: `PUT key value`, in either case, with quotes where there are spaces.
 *
 * @module
 */
import { concatBytes, type Key, keyFromBytes, keyToText, prefixEnd, textToBytes } from "../../src/codec/bytes.ts";
import { integerFromJson } from "../../src/core/kv/json/json_form.ts";
import { NO_EXPIRY, type Operation } from "../../src/core/kv/command.ts";
import { UsageError } from "../exit_code.ts";
import { duration, integer } from "../flags.ts";
import { nearest } from "../suggest.ts";

/** A line, understood. */
export type Statement =
  | { readonly type: "operation"; readonly operation: Operation }
  | { readonly type: "status" }
  | { readonly type: "help" }
  | { readonly type: "exit" }
  /** An empty line, or a comment. */
  | { readonly type: "nothing" };

interface Verb {
  readonly usage: string;
  readonly what: string;
  readonly read: (words: readonly Uint8Array[]) => Statement;
}

const VERBS: Readonly<Record<string, Verb>> = {
  PUT: { usage: "PUT key value [TTL 10s]", what: "store a value", read: readPut },
  GET: { usage: "GET key", what: "show a value", read: (words) => operation({ type: "get", key: only(words) }) },
  DELETE: {
    usage: "DELETE key",
    what: "remove a key",
    read: (words) => operation({ type: "delete", key: only(words), returnPrevious: false }),
  },
  RANGE: { usage: "RANGE [prefix] [LIMIT n]", what: "list keys and values in order", read: readRange },
  INCR: { usage: "INCR key [by]", what: "add to a number", read: readIncrement },
  STATUS: { usage: "STATUS", what: "what the server says of itself", read: none({ type: "status" }) },
  HELP: { usage: "HELP", what: "show this", read: () => ({ type: "help" }) },
  EXIT: { usage: "EXIT", what: "leave; Ctrl-D does too", read: none({ type: "exit" }) },
};

const OTHER_NAMES: Readonly<Record<string, string>> = { SET: "PUT", DEL: "DELETE", QUIT: "EXIT", "?": "HELP" };

/** The verbs, for completion. */
export const VERB_NAMES: readonly string[] = Object.keys(VERBS);

/** What HELP shows. */
export const PROMPT_HELP: string = [
  ...Object.values(VERBS).map(({ usage, what }) => `  ${usage.padEnd(26)}  ${what}`),
  '  Quote what has spaces: PUT greeting "hello, world"; "…" knows \\n \\t \\" \\\\ \\x00, \'…\' takes all as it is.',
].join("\n");

/**
 * Reads a line.
 *
 * @throws {UsageError} that says how to write it
 */
export function parseStatement(line: string): Statement {
  const words = splitWords(line);
  const first = words[0];
  if (first === undefined) return { type: "nothing" };
  const typed = keyToText(keyFromBytes(first));
  const name = OTHER_NAMES[typed.toUpperCase()] ?? typed.toUpperCase();
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name]! : undefined;
  if (verb === undefined) {
    const near = nearest(typed, [...VERB_NAMES, ...Object.keys(OTHER_NAMES)].map((each) => each.toLowerCase()));
    throw new UsageError(
      `unknown command "${typed}"; ` +
        (near === null ? "HELP lists the commands" : `did you mean ${near.toUpperCase()}?`),
    );
  }
  try {
    return verb.read(words.slice(1));
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${error.message}; write ${verb.usage}`);
    throw error;
  }
}

function operation(operation: Operation): Statement {
  return { type: "operation", operation };
}

function none(statement: Statement): Verb["read"] {
  return (words) => {
    if (words.length > 0) throw new UsageError(`"${show(words[0]!)}" is too much`);
    return statement;
  };
}

function show(word: Uint8Array): string {
  return keyToText(keyFromBytes(word));
}

function only(words: readonly Uint8Array[]): Key {
  if (words.length === 0) throw new UsageError("the key is missing");
  if (words.length > 1) throw new UsageError(`"${show(words[1]!)}" is too much; a key with spaces needs quotes`);
  return keyFromBytes(words[0]!);
}

function readPut([key, value, option, ttl, ...rest]: readonly Uint8Array[]): Statement {
  if (key === undefined) throw new UsageError("the key and the value are missing");
  if (value === undefined) throw new UsageError("the value is missing");
  if (option !== undefined && (show(option).toUpperCase() !== "TTL" || ttl === undefined || rest.length > 0)) {
    throw new UsageError(`"${show(option)}" is too much; a value with spaces needs quotes`);
  }
  return operation({
    type: "put",
    key: keyFromBytes(key),
    value,
    expiry: ttl === undefined ? NO_EXPIRY : { type: "after", duration_ms: read("TTL", show(ttl), duration) },
    condition: "always",
    returnPrevious: false,
  });
}

function readRange(words: readonly Uint8Array[]): Statement {
  const at = words.findIndex((word, i) => i < 2 && i === words.length - 2 && show(word).toUpperCase() === "LIMIT");
  const limit = at < 0 ? 100 : read("LIMIT", show(words[at + 1]!), integer(1, 10_000));
  const [prefix, extra] = at < 0 ? words : words.slice(0, at);
  if (extra !== undefined) throw new UsageError(`"${show(extra)}" is too much`);
  const start = keyFromBytes(prefix ?? new Uint8Array(0));
  return operation({ type: "range", start, end: prefixEnd(start), limit, reverse: false, projection: "entries" });
}

function readIncrement([key, by, extra]: readonly Uint8Array[]): Statement {
  if (extra !== undefined) throw new UsageError(`"${show(extra)}" is too much`);
  const delta = by === undefined ? 1n : read("the step", show(by), (text) => {
    if (!/^-?\d{1,19}$/.test(text)) throw new UsageError("is not a whole number of at most 64 bits");
    return integerFromJson(text);
  });
  return operation({ type: "increment", key: only(key === undefined ? [] : [key]), delta });
}

function read<T>(what: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`${what} "${text}" ${error instanceof Error ? error.message : String(error)}`);
  }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, "0": 0, "\\": 92, '"': 34, "'": 39 };
const PIECE = /(\s+)|'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\s'"]+)/suy;

/** Splits a line into words, which are bytes. Pieces that touch are one word. A line that begins with `#` is a comment. */
function splitWords(line: string): Uint8Array[] {
  const words: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  const end = (): void => {
    if (parts.length > 0) words.push(concatBytes(parts));
    parts = [];
  };
  if (line.trimStart().startsWith("#")) return words;
  for (let position = 0; position < line.length; position = PIECE.lastIndex) {
    PIECE.lastIndex = position;
    const match = PIECE.exec(line);
    if (match === null) {
      throw new UsageError(`the quote that begins at ${line.slice(position, position + 20)} does not end`);
    }
    const [, space, literal, quoted, bare] = match;
    if (space !== undefined) end();
    else parts.push(quoted === undefined ? textToBytes(literal ?? bare!) : unescape(quoted));
  }
  end();
  return words;
}

function unescape(quoted: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (
    const [piece, , byte, point, name] of quoted.matchAll(/\\(x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|(.))|[^\\]+/gsu)
  ) {
    if (byte !== undefined) parts.push(Uint8Array.of(Number.parseInt(byte, 16)));
    else if (point !== undefined && Number.parseInt(point, 16) <= 0x10ffff) {
      parts.push(textToBytes(String.fromCodePoint(Number.parseInt(point, 16))));
    } else if (name !== undefined || point !== undefined) {
      const code = ESCAPES[name ?? "u"];
      if (code === undefined) throw new UsageError(`${piece} is no escape; a backslash itself is \\\\`);
      parts.push(Uint8Array.of(code));
    } else parts.push(textToBytes(piece));
  }
  return concatBytes(parts);
}
