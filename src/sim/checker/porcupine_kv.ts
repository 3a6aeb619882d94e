/**
 * Histories of a key-value store as porcupine keeps them, a map of EDN a line:
 * `{:process 0, :type :invoke, :f :append, :key "9", :value "x 0 1 y"}`.
 *
 * @module
 */
import { readEdn } from "./edn.ts";
import { FormatError, quoted, type Reading, readLines } from "./format_error.ts";
import type { EventType, HistoryEvent, Value } from "./history.ts";
import { canonical } from "./values.ts";

const TYPES: ReadonlySet<string> = new Set<EventType>(["invoke", "ok", "fail", "info"]);

/** Reads a history of porcupine's. */
export function readPorcupineKv(text: string): Reading {
  let count = 0;
  return readLines(text, (line, number) => {
    let parsed: Value;
    try {
      parsed = readEdn(line);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new FormatError(number, `${error.message}: ${quoted(line)}`);
    }
    return eventOf(parsed, number, line, count++);
  });
}

/** Writes a history as porcupine would. Values are texts, numbers, truth values, null and lists of these. */
export function writePorcupineKv(events: readonly HistoryEvent[]): string {
  return events.map(({ process, type, f, key, value }) =>
    `{:process ${process}, :type :${type}, :f :${f}, :key ${edn(key)}, :value ${edn(value)}}\n`
  ).join("");
}

function edn(value: Value): string {
  if (value === null) return "nil";
  return Array.isArray(value) ? `[${(value as readonly Value[]).map(edn).join(" ")}]` : canonical(value);
}

function eventOf(parsed: Value, number: number, line: string, count: number): HistoryEvent | null {
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new FormatError(number, `not a map but ${quoted(line)}`);
  }
  const { process, type, f, key = null, value = null, time } = parsed as Record<string, Value>;
  if (typeof process === "string") return null;
  if (!Number.isSafeInteger(process)) throw new FormatError(number, `:process is not a whole number: ${quoted(line)}`);
  if (typeof type !== "string" || !TYPES.has(type)) {
    throw new FormatError(
      number,
      `:type is none of ${[...TYPES].map((each) => `:${each}`).join(", ")}: ${quoted(line)}`,
    );
  }
  if (typeof f !== "string" || f === "") {
    throw new FormatError(number, `:f does not name an operation: ${quoted(line)}`);
  }
  if (key !== null && typeof key !== "string" && typeof key !== "number") {
    throw new FormatError(number, `:key is neither a text nor a number: ${quoted(line)}`);
  }
  return {
    process: process as number,
    type: type as EventType,
    f,
    key: key === null ? null : String(key),
    value,
    time: typeof time === "number" ? time : count,
  };
}
