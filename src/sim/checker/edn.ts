/**
 * The part of EDN that histories are written in: maps, vectors, lists, strings, keywords, numbers, nil and truth
 * values. Keywords become texts without their colon.
 *
 * @module
 */
import type { Value } from "./history.ts";

/** How deep values may be nested. */
const MOST_DEPTH = 32;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", '"': '"', "\\": "\\" };

/**
 * Reads one value.
 *
 * @throws {SyntaxError} saying what is wrong and in which column
 */
export function readEdn(text: string): Value {
  const reader = new EdnReader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class EdnReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Value {
    if (depth > MOST_DEPTH) throw this.#error(`values nested deeper than ${MOST_DEPTH}`);
    this.#skip();
    const next = this.#text[this.#at];
    switch (next) {
      case undefined:
        throw this.#error("the value ends too early");
      case "{":
        return this.#map(depth);
      case "[":
        return this.#list("]", depth);
      case "(":
        return this.#list(")", depth);
      case '"':
        return this.#string();
      default:
        return this.#atom();
    }
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw this.#error("something follows the value");
  }

  #map(depth: number): Value {
    const members = this.#list("}", depth) as readonly Value[];
    if (members.length % 2 !== 0) throw this.#error("a map has a name without a value");
    const entries = new Map<string, Value>();
    for (let i = 0; i < members.length; i += 2) {
      const name = members[i]!;
      if (typeof name !== "string") throw this.#error("a map has a name that is no keyword");
      if (entries.has(name)) throw this.#error(`a map has :${name} twice`);
      entries.set(name, members[i + 1]!);
    }
    return Object.fromEntries(entries);
  }

  #list(end: string, depth: number): Value {
    this.#at++;
    const values: Value[] = [];
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === end) {
        this.#at++;
        return values;
      }
      values.push(this.value(depth + 1));
    }
  }

  #string(): Value {
    let value = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const each = this.#text[this.#at]!;
      if (each === '"') {
        this.#at++;
        return value;
      }
      value += each === "\\" ? this.#escape() : each;
    }
    throw this.#error("a string does not end");
  }

  #escape(): string {
    const letter = this.#text[++this.#at] ?? "";
    if (letter === "u") {
      const digits = this.#text.slice(this.#at + 1, this.#at + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#error("\\u needs four hexadecimal digits");
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meant = ESCAPES[letter];
    if (meant === undefined) throw this.#error(`\\${letter} is no escape`);
    return meant;
  }

  #atom(): Value {
    const word = /^[^\s,{}[\]()"]+/.exec(this.#text.slice(this.#at))?.[0];
    if (word === undefined) throw this.#error(`${JSON.stringify(this.#text[this.#at])} stands where a value should`);
    this.#at += word.length;
    if (word === "nil") return null;
    if (word === "true" || word === "false") return word === "true";
    if (/^:[^:]+$/.test(word)) return word.slice(1);
    if (/^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[NM]?$/.test(word)) {
      const number = Number(word.replace(/[NM]$/, ""));
      if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw this.#error(`${word} is too large`);
      return number;
    }
    throw this.#error(`${JSON.stringify(word)} is no value`);
  }

  #skip(): void {
    while (/[\s,]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #error(message: string): SyntaxError {
    return new SyntaxError(`column ${this.#at + 1}: ${message}`);
  }
}
