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
  test("scans like a sorted array, in both directions, through adding, gathering, removing and cloning", () => {
    const name = fc.nat(700).map((n) => key(n.toString(36)));
    const action = fc.oneof(
      { arbitrary: fc.record({ type: fc.constant("add" as const), name }), weight: 6 },
      { arbitrary: fc.record({ type: fc.constant("remove" as const), name }), weight: 3 },
      { arbitrary: fc.record({ type: fc.constant("removeRange" as const), name, other: name }), weight: 1 },
      { arbitrary: fc.record({ type: fc.constant("clone" as const) }), weight: 1 },
      { arbitrary: fc.record({ type: fc.constant("gather" as const) }), weight: 1 },
      { arbitrary: fc.record({ type: fc.constant("settle" as const) }), weight: 1 },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 1200, size: "max" }), name, fc.option(name), (actions, start, end) => {
        const index = new OrderedIndex();
        let model: Key[] = [];
        const clones: { clone: OrderedIndex; keys: Key[] }[] = [];
        for (const action of actions) {
          if (action.type === "clone") clones.push({ clone: index.clone(), keys: [...model] });
          else if (action.type === "gather") index.gather();
          else if (action.type === "settle") index.settle();
          else if (action.type === "add") {
            if (model.includes(action.name)) continue;
            index.add(action.name);
            model.push(action.name);
          } else if (action.type === "remove") {
            index.remove(action.name);
            model = model.filter((name) => name !== action.name);
          } else {
            index.removeRange(action.name, action.other);
            model = model.filter((name) => name < action.name || name > action.other);
          }
          expect(index.size).toBe(model.length);
        }
        const within = (keys: Key[]) => keys.filter((name) => name >= start && (end === null || name < end)).sort();
        expect(scan(index, start, end)).toEqual(within(model));
        expect(scanReversed(index, start, end)).toEqual(within(model).reverse());
        for (const { clone, keys } of clones) expect(scan(clone, "", null)).toEqual([...keys].sort());
      }),
      { numRuns: 60 },
    );
  });

  test("gathers few keys for a large set, or many for a small one, and has all of them in order", () => {
    for (const [there, more] of [[0, 900], [900, 40], [900, 800], [900, 1]] as const) {
      const index = new OrderedIndex();
      const names = Array.from({ length: there + more }, (_, i) => key(String((i * 7919) % 100003)));
      for (const name of names.slice(0, there)) index.add(name);
      const before = index.clone();
      index.gather();
      for (const name of names.slice(there)) index.add(name);
      expect(index.size).toBe(there + more);
      index.settle();
      expect(scan(index, "", null)).toEqual([...names].sort());
      expect(scanReversed(index, "", null)).toEqual([...names].sort().reverse());
      expect(scan(before, "", null)).toEqual(names.slice(0, there).sort());
    }
  });

  test("a cursor, a clone and a removal see what was gathered", () => {
    const gathered = (): OrderedIndex => {
      const index = new OrderedIndex();
      index.add(key("m"));
      index.gather();
      for (const name of ["z", "a"]) index.add(key(name));
      return index;
    };
    const cursor = gathered().cursor(key(""));
    expect([cursor.next(), cursor.next(), cursor.next(), cursor.next()]).toEqual(["a", "m", "z", null]);
    expect(scan(gathered().clone(), "", null)).toEqual(["a", "m", "z"]);
    const index = gathered();
    index.remove(key("m"));
    index.remove(key("z"));
    expect(scan(index, "", null)).toEqual(["a"]);
    const ranged = gathered();
    ranged.removeRange(key("a"), key("m"));
    expect(scan(ranged, "", null)).toEqual(["z"]);
  });

  test("orders by bytes, not by language", () => {
    for (const isGathered of [false, true]) {
      const index = new OrderedIndex();
      if (isGathered) index.gather();
      for (const name of ["b", "a", "B", "\xff", "\x00", "\x7f", "aa", "\x80"]) index.add(key(name));
      expect(scan(index, "", null)).toEqual(["\x00", "B", "a", "aa", "b", "\x7f", "\x80", "\xff"]);
    }
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
