/**
 * Wrong results put into histories: most of them cannot be, some can all the same.
 *
 * @module
 */
import type { HistoryEvent, Value } from "../../../src/sim/checker/history.ts";

/** Changes a result: of a read, of an add or of a transaction. */
export function mutated(events: readonly HistoryEvent[], pick: number, by: number): HistoryEvent[] {
  const results = events.flatMap(({ type, f }, i) => type === "ok" && /get|read|add|txn|delete/.test(f) ? [i] : []);
  if (results.length === 0) return [...events];
  const at = results[pick % results.length]!;
  return events.map((event, i) => i === at ? { ...event, value: other(event.value, by) } : event);
}

function other(value: Value, by: number): Value {
  if (typeof value === "number") return value + (by % 3) - 1;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return by % 2 === 0 ? value.replace(/<\d+>$/, "") : null;
  if (Array.isArray(value)) {
    return (value as [string, string, Value][]).map(([name, key, list]) =>
      name === "r" ? [name, key, Array.isArray(list) ? (list as Value[]).slice(0, by % 3) : list] : [name, key, list]
    );
  }
  return by % 3;
}
