/**
 * Our own format, one event a line:
 * `{"process":3,"type":"invoke","f":"put","key":"k","value":"v","time":12}`. `key`, `value` and `time` may be
 * left out; the time is then the number of the event. Members of other names are ignored, but for `error`: a cas
 * that failed with one had no effect and tells nothing.
 *
 * @module
 */
import { FormatError, quoted, type Reading, readLines } from "./format_error.ts";
import type { EventType, HistoryEvent, Value } from "./history.ts";

const TYPES: ReadonlySet<string> = new Set<EventType>(["invoke", "ok", "fail", "info"]);

/** Reads JSON lines. */
export function readJsonLines(text: string): Reading {
  let count = 0;
  return readLines(text, (line, number) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (error) {
      throw new FormatError(number, `not JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
    return eventOf(parsed, number, line, count++);
  });
}

/** Writes JSON lines, each with its line break. */
export function writeJsonLines(events: readonly HistoryEvent[]): string {
  return events.map(({ process, type, f, key, value, time }) =>
    JSON.stringify({ process, type, f, ...(key === null ? {} : { key }), value, time }) + "\n"
  ).join("");
}

function eventOf(parsed: unknown, number: number, line: string, count: number): HistoryEvent | null {
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new FormatError(number, `not an event but ${quoted(line)}; write {"process":0,"type":"invoke","f":"get",…}`);
  }
  const { process, type, f, key = null, value = null, time = count, error } = parsed as Record<string, unknown>;
  // Faults are told in the histories of others by a process with a name.
  if (typeof process === "string") return null;
  if (!Number.isSafeInteger(process)) throw new FormatError(number, `"process" is not a whole number: ${quoted(line)}`);
  if (typeof type !== "string" || !TYPES.has(type)) {
    throw new FormatError(number, `"type" is none of ${[...TYPES].join(", ")}: ${quoted(line)}`);
  }
  if (typeof f !== "string" || f === "") {
    throw new FormatError(number, `"f" does not name an operation: ${quoted(line)}`);
  }
  if (key !== null && typeof key !== "string" && typeof key !== "number") {
    throw new FormatError(number, `"key" is not a text: ${quoted(line)}`);
  }
  if (typeof time !== "number") throw new FormatError(number, `"time" is not a number: ${quoted(line)}`);
  return {
    process: process as number,
    type: type as EventType,
    f,
    key: key === null ? null : String(key),
    value: type === "fail" && error !== undefined && error !== null ? null : value as Value,
    time,
  };
}
