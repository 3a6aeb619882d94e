/**
 * The request's path and query as the client wrote them. Keys are bytes, percent-encoded: they are decoded here,
 * byte by byte, from the raw target, because a URL parser would take %2F for a separator's text, stumble over
 * what is not UTF-8, or merge two different keys into one.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { malformed } from "./problem.ts";

/** Where entries live; what follows is a key. */
const KV_PREFIX = "/v1/kv/";
/** Where sessions live; what follows is a session id in base64url. */
const SESSION_PREFIX = "/v1/sessions/";

/** The route of every path below {@link KV_PREFIX}. Without a pattern, so that the router finds it in one look-up. */
export const KV_ROUTE = "/v1/kv/{key}";
/** The route of every path below {@link SESSION_PREFIX}. */
export const SESSION_ROUTE = "/v1/sessions/{session}";

/** Where the path starts in an absolute URL, or in a bare path. */
function pathStart(url: string): number {
  const scheme = url.indexOf("://");
  if (scheme < 0) return 0;
  const start = url.indexOf("/", scheme + 3);
  return start < 0 ? url.length : start;
}

/** Where the path ends: at its query, or at the end. */
function pathEnd(url: string, start: number): number {
  const query = url.indexOf("?", start);
  return query < 0 ? url.length : query;
}

/** The path that the router sees. */
export function routeOf(request: Request): string {
  const { url } = request;
  const start = pathStart(url);
  if (url.startsWith(KV_PREFIX, start)) return KV_ROUTE;
  if (url.startsWith(SESSION_PREFIX, start)) return SESSION_ROUTE;
  return url.slice(start, pathEnd(url, start));
}

/**
 * The key in the path of an entry.
 *
 * @throws {HttpProblem} 400 for broken percent-encoding, or no key
 */
export function keyInPath(url: string): Key {
  const start = pathStart(url) + KV_PREFIX.length;
  const key = decodePercent(url, start, pathEnd(url, start), false);
  if (key.length === 0) throw malformed("the key is empty; a key has at least 1 byte");
  return key;
}

/** The session id in the path of a session, still in base64url. */
export function sessionInPath(url: string): string {
  const start = pathStart(url) + SESSION_PREFIX.length;
  return url.slice(start, pathEnd(url, start));
}

/** The value of a hexadecimal digit, or -1. */
function digit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/**
 * The bytes of `text[start, end)` without its percent-encoding. In a query a plus stands for a space, as forms
 * write it.
 *
 * @throws {HttpProblem} 400 for a percent sign without two digits, or a character that must be encoded
 */
function decodePercent(text: string, start: number, end: number, query: boolean): Key {
  let decoded = "";
  let copied = start;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === 37) {
      const high = i + 2 < end ? digit(text.charCodeAt(i + 1)) : -1;
      const low = i + 2 < end ? digit(text.charCodeAt(i + 2)) : -1;
      if (high < 0 || low < 0) {
        throw malformed(`"${text.slice(i, Math.min(i + 3, end))}" is no percent-encoded byte; write % as %25`);
      }
      decoded += text.slice(copied, i) + String.fromCharCode(high * 16 + low);
      i += 2;
      copied = i + 1;
    } else if (code === 43 && query) {
      decoded += text.slice(copied, i) + " ";
      copied = i + 1;
    } else if (code > 126 || code < 33 || code === 35) {
      throw malformed(`character ${code} in the request's target; percent-encode it`);
    }
  }
  return (copied === start ? text.slice(start, end) : decoded + text.slice(copied, end)) as Key;
}

/** The parameters of a query: each at most once, and none that the route does not know. */
export class Query {
  readonly #parameters: ReadonlyMap<string, Key>;

  /**
   * Takes the query of `url`.
   *
   * @throws {HttpProblem} 400 for a parameter that is not `known`, comes twice, or is badly encoded
   */
  constructor(url: string, known: readonly string[]) {
    const parameters = new Map<string, Key>();
    this.#parameters = parameters;
    const start = pathEnd(url, pathStart(url)) + 1;
    if (start > url.length) return;
    for (let at = start; at <= url.length;) {
      let end = url.indexOf("&", at);
      if (end < 0) end = url.length;
      if (end > at) {
        const equals = url.indexOf("=", at);
        const split = equals < 0 || equals > end ? end : equals;
        const name = decodePercent(url, at, split, true);
        if (!known.includes(name)) {
          const list = known.length === 0 ? "takes none" : `takes ${known.join(", ")}`;
          throw malformed(`unknown parameter "${name.slice(0, 64)}"; this route ${list}`);
        }
        if (parameters.has(name)) throw malformed(`parameter "${name}" is given twice`);
        parameters.set(name, decodePercent(url, Math.min(split + 1, end), end, true));
      }
      at = end + 1;
    }
  }

  /** Whether the parameter is there. */
  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** The parameter's bytes, or null when it is not there. */
  bytes(name: string): Key | null {
    return this.#parameters.get(name) ?? null;
  }

  /**
   * The parameter as a whole number from `least` to 2^53 − 1, or null when it is not there.
   *
   * @throws {HttpProblem} 400 for anything else
   */
  wholeNumber(name: string, least: number): number | null {
    const text = this.#parameters.get(name);
    return text === undefined ? null : parseWholeNumber(`parameter "${name}"`, text, least);
  }

  /**
   * The parameter as one of `words`, or the first of them when it is not there.
   *
   * @throws {HttpProblem} 400 for anything else
   */
  oneOf<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const text = this.#parameters.get(name);
    if (text === undefined) return words[0];
    const found = words.find((word): boolean => word === String(text));
    if (found === undefined) {
      throw malformed(`parameter "${name}" is "${text.slice(0, 32)}"; it is ${words.join(" or ")}`);
    }
    return found;
  }

  /**
   * Whether the parameter is set: `name`, `name=true` or `name=1`; not there, `false` or `0` mean no.
   *
   * @throws {HttpProblem} 400 for anything else
   */
  flag(name: string): boolean {
    const text = this.#parameters.get(name);
    if (text === undefined || text === "false" || text === "0") return false;
    if (text === "" || text === "true" || text === "1") return true;
    throw malformed(`parameter "${name}" is "${text.slice(0, 32)}"; it is true or false`);
  }
}

/**
 * `text` as a whole number from `least` to 2^53 − 1.
 *
 * @throws {HttpProblem} 400, naming `what`, for anything else
 */
export function parseWholeNumber(what: string, text: string, least: number): number {
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : -1;
  if (!Number.isSafeInteger(number) || number < least) {
    throw malformed(`${what} is "${text.slice(0, 32)}"; it is a whole number from ${least} to 2^53 - 1`);
  }
  return number;
}
