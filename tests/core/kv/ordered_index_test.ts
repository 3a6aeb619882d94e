import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Key } from "../../../src/codec/bytes.ts";
import { OrderedIndex } from "../../../src/core/kv/ordered_index.ts";
import { key } from "./arbitraries.ts";

function scan(index: OrderedIndex, start: string, end: string | null): Key[] {
  const found: Key[] = [];
  index.scan(key(start), end === null ? null : key(end), (name) => found.push(name) > 0);
  return found;
}

function scanReversed(index: OrderedIndex, start: string, end: string | null): Key[] {
  const found: Key[] = [];
  index.scanReversed(key(start), end === null ? null : key(end), (name) => found.push(name) > 0);
  return found;
}

describe("OrderedIndex", () => {
  test("scans like a sorted array, in both directions, through adding, removing and cloning", () => {
    const name = fc.nat(700).map((n) => key(n.toString(36)));
    const action = fc.oneof(
      { arbitrary: fc.record({ type: fc.constant("add" as const), name }), weight: 6 },
      { arbitrary: fc.record({ type: fc.constant("remove" as const), name }), weight: 3 },
      { arbitrary: fc.record({ type: fc.constant("removeRange" as const), name, other: name }), weight: 1 },
      { arbitrary: fc.record({ type: fc.constant("clone" as const) }), weight: 1 },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 1200, size: "max" }), name, fc.option(name), (actions, start, end) => {
        const index = new OrderedIndex();
        let model: Key[] = [];
        const clones: { clone: OrderedIndex; keys: Key[] }[] = [];
        for (const action of actions) {
          if (action.type === "clone") clones.push({ clone: index.clone(), keys: [...model] });
          else if (action.type === "add") {
            index.add(action.name);
            model = [...model.filter((name) => name !== action.name), action.name];
          } else if (action.type === "remove") {
            index.remove(action.name);
            model = model.filter((name) => name !== action.name);
          } else {
            index.removeRange(action.name, action.other);
            model = model.filter((name) => name < action.name || name > action.other);
          }
        }
        const within = (keys: Key[]) => keys.filter((name) => name >= start && (end === null || name < end)).sort();
        expect(index.size).toBe(model.length);
        expect(scan(index, start, end)).toEqual(within(model));
        expect(scanReversed(index, start, end)).toEqual(within(model).reverse());
        for (const { clone, keys } of clones) expect(scan(clone, "", null)).toEqual([...keys].sort());
      }),
      { numRuns: 60 },
    );
  });

  test("orders by bytes, not by language", () => {
    const index = new OrderedIndex();
    for (const name of ["b", "a", "B", "\xff", "\x00", "\x7f", "aa", "\x80"]) index.add(key(name));
    expect(scan(index, "", null)).toEqual(["\x00", "B", "a", "aa", "b", "\x7f", "\x80", "\xff"]);
  });

  test("stops when told to, and is empty after clear", () => {
    const index = new OrderedIndex();
    for (const name of ["a", "b", "c"]) index.add(key(name));
    const found: Key[] = [];
    index.scan(key(""), null, (name) => found.push(name) < 2);
    expect(found).toEqual(["a", "b"]);
    index.clear();
    expect(scan(index, "", null)).toEqual([]);
    expect(scanReversed(index, "", null)).toEqual([]);
    expect(scanReversed(index, "", "z")).toEqual([]);
  });
});
