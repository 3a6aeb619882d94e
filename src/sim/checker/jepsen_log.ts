/**
 * The logs of Jepsen's runs against an etcd register:
 * `INFO  jepsen.util - PROCESS :TYPE :F VALUE`, separated by tabs or spaces, F read, write or cas. What
 * `jepsen.util` does not log is skipped, as is what a process with a name (`:nemesis`) does. An operation that
 * timed out has an unknown outcome even where it says that it failed, except a read, which read nothing.
 *
 * @module
 */
import { FormatError, quoted, type Reading, readLines } from "./format_error.ts";
import type { EventType, HistoryEvent, Value } from "./history.ts";

const LOGGED = /^(?:.*\s)?[A-Z]+\s+jepsen\.util\s+-\s+(.*)$/;
const OTHER = /^(?:.*\s)?(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+\S+\s+-(?:\s|$)/;
const NAMED = /^:[a-z][\w-]*\s/;
const EVENT = /^(\d{1,15})\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.+)$/;
const PAIR = /^\[\s*(nil|-?\d{1,15})[\s,]+(nil|-?\d{1,15})\s*\]$/;
const SINGLE = /^(?:nil|-?\d{1,15})$/;
const REASON = /^(?:nil$|:[\w-]+|"|\{|\[|\()/;

/** Reads a log of Jepsen. */
export function readJepsenLog(text: string): Reading {
  let count = 0;
  return readLines(text, (line, number) => {
    const logged = LOGGED.exec(line);
    if (logged === null) {
      if (OTHER.test(line)) return null;
      throw new FormatError(number, `no line of Jepsen's log: ${quoted(line)}`);
    }
    if (NAMED.test(logged[1]!)) return null;
    const match = EVENT.exec(logged[1]!);
    if (match === null) {
      throw new FormatError(
        number,
        `not PROCESS :invoke|:ok|:fail|:info :read|:write|:cas VALUE, but ${quoted(logged[1]!)}`,
      );
    }
    return eventOf(match, number, count++);
  });
}

/** Writes a log of Jepsen. The events are reads, writes and cas of whole numbers and null, without keys. */
export function writeJepsenLog(events: readonly HistoryEvent[]): string {
  return events.map(({ process, type, f, value }) => {
    const shown = type === "info" ? ":timed-out" : edn(value);
    return `INFO  jepsen.util - ${process}\t:${type}\t:${f}\t${shown}\n`;
  }).join("");
}

function edn(value: Value): string {
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(edn).join(" ")}]`;
  return value === null ? "nil" : String(value);
}

function eventOf(match: RegExpExecArray, number: number, time: number): HistoryEvent {
  const type = match[2] as EventType;
  const f = match[3]!;
  const text = match[4]!;
  const event = { process: Number(match[1]), f, key: null, time };
  const value = valueOf(f, text);
  if (value !== undefined && type !== "info") return { ...event, type, value };
  if (type === "invoke" || type === "ok" || !REASON.test(text)) {
    const wanted = f === "cas" ? "[OLD NEW]" : "a whole number or nil";
    throw new FormatError(number, `a ${f} (:${type}) needs ${wanted}, not ${quoted(text)}`);
  }
  return { ...event, type: type === "fail" && f === "read" ? "fail" : "info", value: null };
}

/** The value of an operation, undefined when it is none. */
function valueOf(f: string, text: string): Value | undefined {
  if (f !== "cas") return SINGLE.test(text) ? single(text) : undefined;
  const pair = PAIR.exec(text);
  return pair === null ? undefined : [single(pair[1]!), single(pair[2]!)];
}

function single(text: string): Value {
  return text === "nil" ? null : Number(text);
}
