import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, type Key, keyToBytes } from "../../../src/codec/bytes.ts";
import { EntryMap } from "../../../src/core/kv/entry_map.ts";
import { EntryTable } from "../../../src/core/kv/entry_table.ts";
import { hashBytes, hashKey } from "../../../src/core/kv/key_hash.ts";
import { PlainPut } from "../../../src/core/kv/plain_put.ts";
import type { Entry } from "../../../src/core/kv/result.ts";
import { key } from "./arbitraries.ts";

let written = 0;

/** An entry unlike any other. */
function entry(length: number): Entry {
  written++;
  const value = new Uint8Array(length);
  for (let i = 0; i < length; i++) value[i] = (written * 31 + i * 7) & 255;
  return { value, version: written, createRevision: 2 ** 40 + written, modRevision: written + 1, expiry: written % 3 };
}

function locate(map: EntryMap, name: Key): { value: Uint8Array; expiry: number } | null {
  const place = map.locate(concatBytes([Uint8Array.of(1, 2), keyToBytes(name), Uint8Array.of(3)]), 2, 2 + name.length);
  return place === null ? null : { value: place.bytes.slice(place.start, place.end), expiry: place.expiry };
}

/** Overwrites in place, in the map and in what it should hold; false when the map would not. */
function overwrite(map: EntryMap, model: Map<Key, Entry>, name: Key, value: Uint8Array): boolean {
  const before = model.get(name);
  const source = concatBytes([Uint8Array.of(1), value, keyToBytes(name)]);
  const place = new PlainPut();
  place.valueStart = 1;
  place.valueEnd = place.keyStart = 1 + value.length;
  place.keyEnd = source.length;
  if (!map.overwrite(source, place, 77, -1)) return false;
  const version = before!.version + 1;
  model.set(name, { ...before!, value, version, modRevision: 77 });
  expect(place).toMatchObject({ version, createRevision: before!.createRevision });
  return true;
}

function expectSame(map: EntryMap, model: ReadonlyMap<Key, Entry>, names: Iterable<Key>): void {
  expect(map.size).toBe(model.size);
  expect(map.largeValues).toBe([...model.values()].filter(({ value }) => value.length > 2048).length);
  for (const name of names) {
    const expected = model.get(name);
    expect(map.get(name, true)).toEqual(expected);
    expect(map.expiryOf(name)).toBe(expected?.expiry ?? 0);
    expect(locate(map, name)).toEqual(
      expected === undefined ? null : { value: expected.value, expiry: expected.expiry },
    );
  }
}

/** Names of which at least two have the same hash, all 32 bits of it. */
function collidingNames(pairs: number): Key[] {
  const seen = new Map<number, Key>();
  const found: Key[] = [];
  for (let i = 0; found.length < 2 * pairs; i++) {
    const name = key(`name ${i}`);
    const other = seen.get(hashKey(name, 0));
    if (other === undefined) seen.set(hashKey(name, 0), name);
    else found.push(other, name);
  }
  return found;
}

const colliding = collidingNames(4);

/** A deterministic choice below `bound`. */
function chooser(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

describe("EntryMap", () => {
  test("holds what a Map holds, whatever is set and deleted", () => {
    const names = [
      ...colliding,
      ...Array.from({ length: 60 }, (_, i) => key(`k${i}`)),
      key(""),
      key("\0"),
      key("\xff\x80\0"),
      key("a".repeat(4096)),
      key("a".repeat(4095) + "b"),
    ];
    const name = fc.constantFrom(...names);
    const length = fc.oneof(fc.nat(40), fc.constantFrom(0, 2047, 2048, 2049, 5000), fc.nat(2100));
    const action = fc.oneof(
      { arbitrary: fc.record({ type: fc.constant("set" as const), name, length }), weight: 5 },
      { arbitrary: fc.record({ type: fc.constant("overwrite" as const), name, length }), weight: 3 },
      { arbitrary: fc.record({ type: fc.constant("delete" as const), name, length: fc.constant(0) }), weight: 3 },
    );
    let overwritten = 0;
    fc.assert(
      fc.property(fc.array(action, { maxLength: 600, size: "max" }), (actions) => {
        const map = new EntryMap();
        const model = new Map<Key, Entry>();
        for (const { type, name, length } of actions) {
          if (type === "set") {
            const added = entry(length);
            map.set(name, added);
            model.set(name, added);
          } else if (type === "overwrite") {
            if (overwrite(map, model, name, entry(length).value)) overwritten++;
          } else {
            map.delete(name);
            model.delete(name);
          }
          expectSame(map, model, [name]);
        }
        expectSame(map, model, names);
      }),
      { numRuns: 40 },
    );
    expect(overwritten).toBeGreaterThan(10);
  });

  test("holds what a Map holds while it grows, gives memory back and shrinks", () => {
    const choose = chooser(7);
    const map = new EntryMap();
    const model = new Map<Key, Entry>();
    const names = Array.from({ length: 6000 }, (_, i) => key(`user:${i}:${"x".repeat(i % 50 === 0 ? 3000 : i % 13)}`));
    let live = 0;
    for (const round of [0.9, 0.5, 0.2, 0.7, 0.02, 0]) {
      for (let i = 0; i < 15_000; i++) {
        const name = names[choose(names.length)]!;
        if (choose(1000) < round * 1000) {
          const added = entry(choose(choose(20) === 0 ? 4000 : 600));
          map.set(name, added);
          model.set(name, added);
        } else {
          map.delete(name);
          model.delete(name);
        }
      }
      expectSame(map, model, names);
      live = 0;
      for (const [name, { value }] of model) live += 64 + name.length + (value.length <= 2048 ? value.length : 0);
      // A record may be in memory of twice its size, a quarter of all and a page may be gaps, and one is being filled.
      expect(map.recordBytes).toBeLessThan(2 * (4 / 3) * live + 3 * 256 * 1024);
    }
    for (const name of names) map.delete(name);
    expectSame(map, new Map(), names);
  });

  test("tells keys with the same hash apart when one of them goes", () => {
    const [first, second] = colliding;
    expect(hashKey(first!, 0)).toBe(hashKey(second!, 0));
    const map = new EntryMap();
    const [one, two] = [entry(5), entry(6)];
    map.set(first!, one);
    map.set(second!, two);
    map.delete(first!);
    expect(map.get(first!, true)).toBeUndefined();
    expect(map.get(second!, true)).toEqual(two);
    expect(locate(map, first!)).toBeNull();
  });

  test("takes a key that is longer than a page", () => {
    const map = new EntryMap();
    const long = key("long".repeat(100_000));
    const model = new Map<Key, Entry>([[long, entry(10)], [key("a"), entry(20)], [key("b"), entry(2048)]]);
    for (const [name, added] of model) map.set(name, added);
    expectSame(map, model, model.keys());
  });

  test("overwrites in place what is there, does not expire and has room for it, and nothing else", () => {
    const map = new EntryMap();
    const model = new Map<Key, Entry>();
    const lengths = { kept: 100, expires: 100, large: 3000, short: 1 };
    for (const [name, length] of Object.entries(lengths)) {
      const added = { ...entry(length), expiry: name === "expires" ? 5 : 0 };
      map.set(key(name), added);
      model.set(key(name), added);
    }
    const did = [...Object.keys(lengths), "absent"].filter((name) => overwrite(map, model, key(name), entry(90).value));
    expect(did).toEqual(["kept"]);
    expect(overwrite(map, model, key("large"), Uint8Array.of(1))).toBe(false);
    expect(overwrite(map, model, key("kept"), entry(2049).value)).toBe(false);
    expectSame(map, model, [...model.keys(), key("absent")]);
    const place = new PlainPut();
    place.keyEnd = 4;
    place.valueStart = 4;
    place.valueEnd = 94;
    const source = concatBytes([keyToBytes(key("kept")), new Uint8Array(90)]);
    expect([77, 76].map((after) => map.overwrite(source, place, 78, after))).toEqual([false, true]);
  });

  test("gives out values that later changes do not reach", () => {
    const map = new EntryMap();
    const value = Uint8Array.of(1, 2, 3);
    map.set(key("k"), { ...entry(0), value });
    value[0] = 9;
    const before = map.get(key("k"), true)!;
    map.set(key("k"), { ...entry(0), value: Uint8Array.of(4, 5, 6) });
    expect([...before.value]).toEqual([1, 2, 3]);
  });

  test("leaves the value out on request", () => {
    const map = new EntryMap();
    const added = entry(10);
    map.set(key("k"), added);
    expect(map.get(key("k"), false)).toEqual({ ...added, value: new Uint8Array(0) });
  });
});

describe("the hash of a key", () => {
  test("collides for other keys with another seed", () => {
    for (let i = 0; i < colliding.length; i += 2) {
      expect(hashKey(colliding[i]!, 12345)).not.toBe(hashKey(colliding[i + 1]!, 12345));
    }
  });

  test("is the same for both forms of the key", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(2 ** 32 - 1), (bytes, seed) => {
        const name = String.fromCharCode(...bytes) as Key;
        expect(hashBytes(concatBytes([Uint8Array.of(7), bytes]), 1, 1 + bytes.length, seed)).toBe(
          hashKey(name, seed),
        );
      }),
    );
  });
});

describe("EntryTable.locate", () => {
  test("does not show an entry that is due and has not been removed", () => {
    const table = new EntryTable(0, 0, () => {}, 0);
    table.begin(1);
    table.write(key("k"), undefined, Uint8Array.of(7), 100);
    const shown = (): number | undefined => {
      const place = table.locate(keyToBytes(key("k")), 0, 1);
      return place?.bytes[place.start];
    };
    table.begin(99);
    expect(shown()).toBe(7);
    table.begin(100);
    expect(shown()).toBeUndefined();
    expect(table.size).toBe(1);
  });
});
