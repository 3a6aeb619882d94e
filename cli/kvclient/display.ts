/**
 * Keys, values and results as text for people and as JSON for programs.
 *
 * @module
 */
import { bytesToTextStrict, type Key, keyToBytes } from "../../src/codec/bytes.ts";
import type { Result, WatchEvent } from "../../src/core/kv/result.ts";

/**
 * Bytes as one line of text: UTF-8 as it is, but for control characters and backslashes, which are escaped;
 * every byte past ASCII escaped where the whole is not UTF-8. What the prompt's double quotes read back.
 */
export function showBytes(bytes: Uint8Array): string {
  const text = bytesToTextStrict(bytes);
  if (text !== null) return text.replaceAll(/[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
  let shown = "";
  for (const byte of bytes) {
    shown += byte > 126 ? escapeByte(byte) : String.fromCharCode(byte).replace(/[\\\p{Cc}]/u, escapeCharacter);
  }
  return shown;
}

/** A key as one line of text. */
export function showKey(key: Key): string {
  return showBytes(keyToBytes(key));
}

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  return NAMED[character] ?? (code < 128 ? escapeByte(code) : `\\u{${code.toString(16)}}`);
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** A result in a few words. */
export function showResult(result: Result): string {
  switch (result.type) {
    case "put":
      return result.written ? `OK (revision ${result.revision})` : "not written: the condition does not hold";
    case "get":
      return result.entry === null ? "(absent)" : showBytes(result.entry.value);
    case "many":
      return result.entries.map((entry) => entry === null ? "(absent)" : showBytes(entry.value)).join("\n");
    case "delete":
      return result.deleted === 0 ? "(absent)" : `${result.deleted} deleted (revision ${result.revision})`;
    case "range":
      return result.entries.length === 0
        ? `${result.count} ${result.count === 1 ? "key" : "keys"}`
        : result.entries.map(({ key, entry }) => `${showKey(key)}\t${showBytes(entry.value)}`).join("\n");
    case "integer":
      return String(result.value);
    case "value":
      return showBytes(result.value);
    case "expire":
      return result.changed ? "OK" : "unchanged";
    case "txn":
      return [
        result.succeeded ? "succeeded" : "the comparison failed",
        ...result.results.map((inner) => showResult(inner).replaceAll(/^/gm, "  ")),
      ].join("\n");
    case "session":
      return `incarnation ${result.incarnation}`;
    case "done":
      return "OK";
    case "error":
      return `error: ${result.message}`;
  }
}

/** An event in one line. */
export function showEvent(event: WatchEvent): string {
  const key = showKey(event.key);
  const what = event.type === "put" ? `put ${key} = ${showBytes(event.entry.value)}` : `${event.type} ${key}`;
  return `${what} (revision ${event.revision})`;
}

/** A duration in milliseconds, as people read it. */
export function showDuration(duration_ms: number): string {
  if (duration_ms < 1) return `${(duration_ms * 1000).toFixed(0)} µs`;
  return duration_ms < 1000 ? `${duration_ms.toFixed(2)} ms` : `${(duration_ms / 1000).toFixed(2)} s`;
}
