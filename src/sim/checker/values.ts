/**
 * JSON values: a text that is equal for equal values, and one for people.
 *
 * @module
 */
import type { Value } from "./history.ts";

/** The longest value shown whole. */
const SHOWN = 60;

/** JSON with sorted names: the same text for the same value. */
export function canonical(value: Value): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(canonical).join(",")}]`;
  const object = value as { readonly [name: string]: Value };
  const members = Object.keys(object).sort().map((name) => `${JSON.stringify(name)}:${canonical(object[name]!)}`);
  return `{${members.join(",")}}`;
}

/** The value for people: nil for null, and the middle of a long one left out. */
export function show(value: Value): string {
  const text = value === null ? "nil" : canonical(value);
  if (text.length <= SHOWN) return text;
  return `${text.slice(0, SHOWN / 2)}…${text.slice(-SHOWN / 2 + 1)}`;
}
