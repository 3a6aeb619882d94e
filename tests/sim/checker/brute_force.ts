/**
 * The definition of linearizability, taken literally: all orders of all choices of operations are tried on an
 * object that is written apart from the models under test. For a few operations only.
 *
 * @module
 */
import type { Operation, Value } from "../../../src/sim/checker/history.ts";
import type { Kind } from "./random_history.ts";

/** Whether the operations have an order. */
export function hasOrder(operations: readonly Operation[], kind: Kind): boolean {
  const required = operations.filter((each) => each.outcome === "ok" || refused(each));
  const optional = operations.filter((each) => each.outcome === "unknown");
  for (let chosen = 0; chosen < 1 << optional.length; chosen++) {
    const all = [...required, ...optional.filter((_, i) => (chosen & (1 << i)) !== 0)];
    if (anyOrder(all, new Map(), kind)) return true;
  }
  return false;
}

function anyOrder(left: readonly Operation[], object: ReadonlyMap<string, Value>, kind: Kind): boolean {
  if (left.length === 0) return true;
  return left.some((each) => {
    const rest = left.filter((other) => other !== each);
    if (rest.some((other) => other.outcome !== "unknown" && other.complete! < each.invoke)) return false;
    const after = perform(object, each, kind);
    return after !== null && anyOrder(rest, after, kind);
  });
}

function refused({ f, outcome, input, output }: Operation): boolean {
  return f === "cas" && outcome === "fail" && JSON.stringify(input) === JSON.stringify(output);
}

/** The object afterwards, or null when the operation cannot have gone so. */
function perform(object: ReadonlyMap<string, Value>, each: Operation, kind: Kind): ReadonlyMap<string, Value> | null {
  const { f, input, output } = each;
  const told = each.outcome !== "unknown";
  const key = each.key ?? "";
  const present = object.get(key) ?? (kind === "counter" ? 0 : null);
  const changed = (value: Value): ReadonlyMap<string, Value> => new Map(object).set(key, value);
  switch (f) {
    case "read":
    case "get":
      return told && present !== output ? null : object;
    case "write":
    case "put":
      return changed(input);
    case "delete":
      return told && output !== (present !== null) ? null : changed(null);
    case "append":
      return changed(String(present ?? "") + String(input));
    case "add": {
      const sum = Number(present) + Number(input ?? 1);
      return told && output !== sum ? null : changed(sum);
    }
    case "cas": {
      const [old, next] = input as readonly [Value, Value];
      if (each.outcome === "fail") return present === old ? null : object;
      return present === old ? changed(next) : null;
    }
    default: {
      const copy = new Map(object);
      for (const [name, at, value] of (told ? output : input) as [string, string, Value][]) {
        const list = copy.get(at) ?? null;
        if (name === "append") copy.set(at, [...(list ?? []) as Value[], value]);
        else if (told && JSON.stringify(list) !== JSON.stringify(value)) return null;
      }
      return copy;
    }
  }
}
