import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../../src/codec/byte_reader.ts";
import { concatBytes, type Key } from "../../../src/codec/bytes.ts";
import { Compacted, type KvError } from "../../../src/core/errors.ts";
import type { Command } from "../../../src/core/kv/command.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import type { SnapshotSource } from "../../../src/core/replication.ts";
import { bytes, key, put, step } from "./arbitraries.ts";

const ALL = { start: "" as Key, end: null };
const LIMITS = { maxValueBytes: 16, sessionIdle_ms: 60 };

function takeAll(source: SnapshotSource, size: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  for (let slice = source.next(size); slice !== null; slice = source.next(size)) slices.push(slice);
  source.close();
  return slices;
}

function restored(snapshot: Uint8Array): KVStore {
  const store = new KVStore({ limits: LIMITS });
  const sink = store.restore();
  sink.write(snapshot);
  sink.finish();
  return store;
}

/** A store with a little of everything. */
function filled(): KVStore {
  const store = new KVStore({ limits: LIMITS });
  for (let i = 0; i < 40; i++) {
    store.execute(put(`key${i}`, `value ${i}`, i % 3 === 0 ? { expiry: { type: "at", time_ms: 100 + i } } : {}), i);
  }
  for (let i = 1; i < 6; i++) {
    const operation = { type: "increment", key: key("n"), delta: 1n } as const;
    const once = { type: "once", incarnation: null, sequence: i, acknowledged: 0, operation } as const;
    store.execute({ ...once, session: key(`session${i % 2}`) }, 40 + i);
  }
  return store;
}

describe("a snapshot", () => {
  test("restores the state of the moment when it was started, whatever is done meanwhile", () => {
    const steps = fc.array(step, { maxLength: 30 });
    fc.assert(
      fc.property(
        steps,
        fc.array(fc.oneof(step, fc.nat(60)), { maxLength: 50 }),
        fc.nat(60),
        (before, during, size) => {
          const store = new KVStore({ limits: LIMITS });
          let time = 0;
          const run = ({ command, passes }: { command: Command; passes: number }): void => {
            time = Math.max(0, time + passes);
            store.execute(command, time);
          };
          before.forEach(run);
          const hash = store.hash();
          const [revision, logTime] = [store.revision, store.time];
          const source = store.snapshot();
          const slices: Uint8Array[] = [];
          for (const action of during) {
            if (typeof action !== "number") run(action);
            else slices.push(source.next(action) ?? new Uint8Array(0));
          }
          slices.push(...takeAll(source, size));
          const copy = restored(concatBytes(slices));
          expect(copy.hash()).toBe(hash);
          expect([copy.revision, copy.time]).toEqual([revision, logTime]);
          // What was captured is not held on to, and the store can be snapshot again.
          expect(restored(concatBytes(takeAll(store.snapshot(), 100))).hash()).toBe(store.hash());
        },
      ),
      { numRuns: 600 },
    );
  });

  test("restored by a store that is recovering, with commands after it, gives the same state and the same order", () => {
    const store = filled();
    const snapshot = concatBytes(takeAll(store.snapshot(), 100));
    const copy = new KVStore({ limits: LIMITS });
    copy.recovering(true);
    const sink = copy.restore();
    sink.write(snapshot);
    sink.finish();
    for (const each of [store, copy]) {
      for (let i = 0; i < 100; i++) each.execute(put(`more${(i * 37) % 101}`, "x"), 200);
      each.execute({ type: "delete", key: key("more37"), returnPrevious: false }, 200);
      each.execute({ type: "expireDue", limit: 5 }, 200);
    }
    copy.recovering(false);
    const all = { type: "range", ...ALL, limit: 0, reverse: false, projection: "entries" } as const;
    expect(copy.read(all)).toEqual(store.read(all));
    expect(copy.hash()).toBe(store.hash());
  });

  test("a restored store goes on exactly like the one it was taken of", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.array(step, { maxLength: 30 }), (before, after) => {
        const store = new KVStore({ limits: LIMITS });
        let time = 0;
        for (const { command, passes } of before) store.execute(command, time = Math.max(0, time + passes));
        const copy = restored(concatBytes(takeAll(store.snapshot(), 64)));
        expect(copy.nextDue()).toBe(store.nextDue());
        for (const { command, passes } of after) {
          time = Math.max(0, time + passes);
          expect(copy.execute(command, time)).toEqual(store.execute(command, time));
        }
        expect(copy.hash()).toBe(store.hash());
        expect(copy.nextDue()).toBe(store.nextDue());
      }),
      { numRuns: 300 },
    );
  });

  test("keeps thousands of keys consistent while all of them change between two slices", () => {
    const store = new KVStore();
    for (let i = 0; i < 5000; i++) store.execute(put(`k${i}`, `old ${i}`), 0);
    const hash = store.hash();
    const source = store.snapshot();
    const slices = [source.next(100)!, source.next(5000)!];
    for (let i = 0; i < 5000; i++) store.execute(put(`k${i}`, `new ${i}`), 0);
    for (let i = 0; i < 5000; i++) store.execute(put(`x${i}`, "another"), 0);
    slices.push(source.next(5000)!);
    store.execute({ type: "deleteRange", ...ALL }, 0);
    for (let i = 0; i < 5000; i += 7) store.execute(put(`k${i}`, "later"), 0);
    slices.push(...takeAll(source, 5000));
    const copy = new KVStore();
    const sink = copy.restore();
    for (const slice of slices) sink.write(slice);
    sink.finish();
    expect(copy.hash()).toBe(hash);
    expect(copy.read({ type: "range", ...ALL, limit: 2, reverse: true, projection: "entries" })).toMatchObject({
      entries: [{ key: "k999", entry: { value: bytes("old 999") } }, { key: "k998" }],
    });
  });

  test("comes in slices of about the size asked for", () => {
    const store = new KVStore();
    for (let i = 0; i < 1000; i++) store.execute(put(`key ${i}`, "x".repeat(90)), 0);
    const sizes = takeAll(store.snapshot(), 4096).map((slice) => slice.length);
    expect(sizes.length).toBeGreaterThan(20);
    expect(Math.max(...sizes)).toBeLessThan(4096 + 200);
  });

  test("can be abandoned half-way", () => {
    const store = filled();
    const source = store.snapshot();
    source.next(10);
    source.next(10);
    expect(() => store.snapshot()).toThrow("open already");
    source.close();
    store.execute(put("key1", "other"), 50);
    expect(source.next(10)).toBeNull();
    expect(restored(concatBytes(takeAll(store.snapshot(), 50))).hash()).toBe(store.hash());
  });

  test("can be taken twice at once, each as of its own moment, and keeps what changes until it is written", () => {
    const store = filled();
    const first = store.snapshot();
    const atFirst = store.hash();
    store.execute(put("key1", "other"), 50);
    const second = store.backup();
    const atSecond = store.hash();
    expect(second.held_bytes).toBe(0);
    store.execute({ type: "deleteRange", ...ALL }, 51);
    expect(second.held_bytes).toBeGreaterThan(1000);
    store.execute(put("key1", "again"), 52);
    expect(restored(concatBytes(takeAll(second, 100))).hash()).toBe(atSecond);
    expect(second.held_bytes).toBe(0);
    store.execute(put("key1", "once more"), 53);
    expect(restored(concatBytes(takeAll(first, 100))).hash()).toBe(atFirst);
  });

  test("is finished from the old state when the store is restored meanwhile", () => {
    const store = filled();
    const hash = store.hash();
    const source = store.snapshot();
    const head = source.next(10)!;
    const sink = store.restore();
    sink.write(concatBytes(takeAll(new KVStore().snapshot(), 100)));
    sink.finish();
    expect([store.size, store.revision]).toEqual([0, 0]);
    store.execute(put("key1", "new"), 0);
    expect(restored(concatBytes([head, ...takeAll(source, 100)])).hash()).toBe(hash);
    expect(takeAll(store.snapshot(), 100).length).toBeGreaterThan(1);
  });
});

describe("restoring", () => {
  const snapshot = concatBytes(takeAll(filled().snapshot(), 200));

  /** Restores into a store with other contents and checks that an error leaves it as it was. */
  function expectRefused(damaged: Uint8Array, pattern: RegExp = /^snapshot, block at offset \d+: /): void {
    const store = new KVStore({ limits: LIMITS });
    store.execute(put("mine", "1"), 7);
    const hash = store.hash();
    let ended = false;
    store.watch({ ...ALL, fromRevision: 0 }, { onEvents: () => {}, onEnd: () => ended = true });
    const sink = store.restore();
    let caught: unknown;
    try {
      for (let at = 0; at < damaged.length; at += 37) sink.write(damaged.subarray(at, at + 37));
      sink.finish();
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(CodecError);
    expect((caught as Error).message).toMatch(pattern);
    expect(store.hash()).toBe(hash);
    expect(store.revision).toBe(1);
    expect(ended).toBe(false);
    // It stays refused.
    expect(() => sink.write(snapshot)).toThrow(CodecError);
    expect(() => sink.finish()).toThrow(CodecError);
    store.execute(put("mine", "2"), 8);
  }

  test("takes slices of any size", () => {
    const store = new KVStore({ limits: LIMITS });
    const sink = store.restore();
    const scratch = new Uint8Array(1);
    for (const byte of snapshot) {
      scratch[0] = byte;
      sink.write(scratch);
    }
    sink.finish();
    expect(store.hash()).toBe(filled().hash());
  });

  test("refuses a snapshot that is cut short anywhere and changes nothing", () => {
    for (let length = 0; length < snapshot.length; length++) expectRefused(snapshot.subarray(0, length), /cut short/);
  });

  test("refuses a snapshot with any one bit flipped and changes nothing", () => {
    for (let at = 0; at < snapshot.length; at++) {
      const damaged = snapshot.slice();
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      expectRefused(damaged);
    }
  });

  test("refuses bytes after the end, a block left out, doubled, or from another snapshot", () => {
    const slices = takeAll(filled().snapshot(), 200);
    expectRefused(concatBytes([...slices, slices[1]!]), /after the footer/);
    expectRefused(concatBytes([...slices, new Uint8Array(1)]), /cut short/);
    expectRefused(concatBytes([...slices.slice(0, 2), ...slices.slice(3)]), /it counts/);
    expectRefused(concatBytes([...slices.slice(0, 2), ...slices.slice(1)]), /ascending/);
    expectRefused(concatBytes([slices[0]!, ...slices]), /second header/);
    expectRefused(concatBytes(slices.slice(1)), /starts with a header/);
    const other = filled();
    other.execute(put("key0", "VALUE 0"), 0);
    expectRefused(concatBytes([takeAll(other.snapshot(), 200)[0]!, ...slices.slice(1)]), /checksum of the whole/);
  });

  test("refuses random bytes and random edits with a CodecError and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(snapshot.length), fc.nat(20), (noise, at, removed) => {
        expectRefused(noise);
        const edited = concatBytes([snapshot.subarray(0, at), noise, snapshot.subarray(at + removed)]);
        if (edited.length !== snapshot.length || edited.some((byte, i) => byte !== snapshot[i])) expectRefused(edited);
      }),
      { numRuns: 200 },
    );
  });

  test("ends watches with Compacted and forgets the history", () => {
    const store = new KVStore({ limits: LIMITS });
    store.execute(put("mine", "1"), 7);
    const errors: KvError[] = [];
    const listener = { onEvents: () => {}, onEnd: (error: KvError) => errors.push(error) };
    store.watch({ ...ALL, fromRevision: 0 }, listener);
    store.watch({ start: key("mine"), end: key("mine\0"), fromRevision: 0 }, listener);
    const sink = store.restore();
    sink.write(snapshot);
    sink.finish();
    expect(store.watchers).toBe(0);
    expect(errors.map((error) => error instanceof Compacted && error.oldestRevision)).toEqual([
      store.revision + 1,
      store.revision + 1,
    ]);
    expect(() => store.watch({ ...ALL, fromRevision: store.revision }, listener)).toThrow(Compacted);
    store.watch({ ...ALL, fromRevision: store.revision + 1 }, listener).close();
    expect(() => sink.finish()).toThrow("restored already");
  });

  test("has the bytes that were laid down", () => {
    const store = new KVStore();
    store.execute(put("a", "1", { expiry: { type: "at", time_ms: 9 } }), 5);
    const operation = { type: "delete", key: key("b"), returnPrevious: false } as const;
    const once = {
      type: "once",
      session: key("s"),
      incarnation: null,
      sequence: 3,
      acknowledged: 2,
      operation,
    } as const;
    for (const time of [5, 6]) store.execute(once, time);
    expect(takeAll(store.snapshot(), 1000).map((slice) => Array.from(slice, hex).join(""))).toEqual(GOLDEN);
  });
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/** Type, length, body, CRC-32 of each block. */
const GOLDEN: readonly string[] = [
  // Magic, version 1, revision 1, log time 6, 2 uses of a session.
  "010d000000" + "084b565058534e4150" + "01010602" + "974f3053",
  // Key a: version, created, modified, expires, value.
  "0208000000" + "0161" + "01010109" + "0131" + "7c55db81",
  // Session s: opened by the first use, used at 6, by the second, acknowledged 2. Its result 3: fingerprint, bytes.
  "0312000000" + "01017301060202" + "0203e013f865" + "0403010000" + "d463e042",
  // One entry, one session, one result, CRC-32 of the whole.
  "0407000000" + "010101" + "88b5c67b" + "6163acb0",
];
