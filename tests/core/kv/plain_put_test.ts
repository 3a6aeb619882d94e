/** The short way of a plain put does what the ordinary way does: two stores, one of which never takes it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { concatBytes, type Key, keyFromBytes, keyToBytes } from "../../../src/codec/bytes.ts";
import type { Command } from "../../../src/core/kv/command.ts";
import { decodeCommand, encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore, type Watch } from "../../../src/core/kv/kv_store.ts";
import { PlainPut, writePlainPut } from "../../../src/core/kv/plain_put.ts";
import { decodeResult, encodeResult } from "../../../src/core/kv/result_codec.ts";
import type { WatchEvent } from "../../../src/core/kv/result.ts";
import type { SnapshotSource } from "../../../src/core/replication.ts";
import { anyCommand, key, meetingCommand, put } from "./arbitraries.ts";

const ALL = { start: "" as Key, end: null };
const LIMITS = {
  maxKeyBytes: 200,
  sessionIdle_ms: 60,
  maxHistoryEvents: 20,
  maxHistoryBytes: 20_000,
};

/** A plain put without the help of the code under test. */
function plain(name: Key, length: number, fill: number): Command {
  return { ...put(name, ""), value: new Uint8Array(length).fill(fill) };
}

const names = fc.constantFrom(
  ..."abcd",
  "",
  "\xff\0",
  "k".repeat(127),
  "k".repeat(128),
  "k".repeat(200),
  "k".repeat(201),
);
const lengths = fc.oneof(fc.nat(60), fc.constantFrom(127, 128, 300, 2047, 2048, 2049, 2500, 2501));
const plainPut = fc.tuple(names.map(key), lengths, fc.nat(255)).map((parts) => plain(...parts));

/** Where the longest value fits into a record, and where it does not. */
const valueLimit = fc.constantFrom(60, 2500);

type Step =
  | { readonly type: "command"; readonly command: Command; readonly passes: number; readonly isAwaited: boolean }
  | { readonly type: "snapshot" | "backup" | "slice" | "close" | "restore" | "watch" | "unwatch" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      type: fc.constant("command" as const),
      command: fc.oneof({ arbitrary: plainPut, weight: 3 }, { arbitrary: meetingCommand, weight: 2 }),
      passes: fc.oneof(fc.constant(0), fc.integer({ min: -5, max: 20 })),
      isAwaited: fc.boolean(),
    }),
    weight: 30,
  },
  {
    arbitrary: fc.record({
      type: fc.constantFrom("snapshot", "backup", "slice", "close", "restore", "watch", "unwatch"),
    }),
    weight: 5,
  },
);

/** A store with what is open of it. */
class Bench {
  readonly store: KVStore;
  readonly seen: WatchEvent[] = [];
  readonly slices: Uint8Array[] = [];
  #watch: Watch | null = null;
  #snapshot: SnapshotSource | null = null;

  constructor(maxValueBytes: number) {
    this.store = new KVStore({ limits: { ...LIMITS, maxValueBytes } });
  }

  change(type: Exclude<Step["type"], "command">): void {
    switch (type) {
      case "snapshot":
      case "backup":
        this.#snapshot ??= this.store[type]();
        return;
      case "slice": {
        const slice = this.#snapshot?.next(100) ?? null;
        if (slice !== null) this.slices.push(slice);
        return;
      }
      case "close":
        this.#snapshot?.close();
        this.#snapshot = null;
        return;
      case "restore": {
        const source = this.store.backup();
        const sink = this.store.restore();
        for (let slice = source.next(4096); slice !== null; slice = source.next(4096)) sink.write(slice);
        source.close();
        sink.finish();
        return;
      }
      case "watch":
        this.#watch ??= this.store.watch({ ...ALL, fromRevision: 0 }, {
          onEvents: (events) => void this.seen.push(...events),
          onEnd: () => this.#watch = null,
        });
        return;
      case "unwatch":
        this.#watch?.close();
        this.#watch = null;
        return;
    }
  }

  /** All that can be seen. */
  look(): unknown {
    const { store } = this;
    const { revision, size, time, sessions, watchers, oldestRevision } = store;
    return {
      ...{ revision, size, time, sessions, watchers, oldestRevision },
      due: store.nextDue(),
      hash: store.hash(),
      events: store.events({ ...ALL, fromRevision: oldestRevision, limit: 1000 }),
      seen: this.seen,
      slices: this.slices,
    };
  }
}

describe("a plain put", () => {
  test("has the results, states, events and snapshots that it has in the ordinary way, whatever comes between", () => {
    let changed = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), fc.nat(5), valueLimit, (steps, before, limit) => {
        const [short, ordinary] = [new Bench(limit), new Bench(limit)];
        let time = 0;
        for (const each of steps) {
          if (each.type !== "command") {
            short.change(each.type);
            ordinary.change(each.type);
          } else {
            time = Math.max(0, time + each.passes);
            const bytes = encodeCommand(each.command);
            const source = concatBytes([new Uint8Array(before).fill(1), bytes, new Uint8Array(3).fill(0)]);
            const result = short.store.applyFrom(source, before, before + bytes.length, time, each.isAwaited);
            // The memory that the command came in is used again.
            source.fill(0xee);
            const expected = encodeResult(ordinary.store.execute(decodeCommand(bytes), time));
            if (each.isAwaited || each.command.type === "once") expect(result).toEqual(expected);
            else expect(result).toHaveLength(0);
            changed++;
          }
          expect(short.look()).toEqual(ordinary.look());
        }
      }),
      { numRuns: 300 },
    );
    expect(changed).toBeGreaterThan(1000);
  });

  test("is refused when it breaks a limit, also over a key that came from a store with others", () => {
    const generous = new KVStore();
    for (const name of ["abc", "abcd"]) generous.execute(put(name, "12345"), 0);
    const strict = new KVStore({ limits: { maxKeyBytes: 3, maxValueBytes: 4 } });
    const source = generous.snapshot();
    const sink = strict.restore();
    for (let slice = source.next(4096); slice !== null; slice = source.next(4096)) sink.write(slice);
    sink.finish();
    const refused = { type: "error", code: "LIMIT_EXCEEDED", revision: 2 };
    const apply = (name: string, value: string): unknown =>
      decodeResult(strict.apply(encodeCommand(put(name, value)), 0));
    expect(apply("abcd", "1")).toMatchObject(refused);
    expect(apply("abc", "12345")).toMatchObject(refused);
    expect(apply("abc", "1234")).toMatchObject({ type: "put", revision: 3 });
  });

  test("of which the bytes are wrong gives an error that does not depend on what is around it", () => {
    const bytes = encodeCommand(put("key", "value"));
    for (let length = 0; length < bytes.length; length++) {
      const store = new KVStore();
      store.execute(put("key", "value"), 0);
      const alone = store.apply(bytes.subarray(0, length), 0);
      expect(store.applyFrom(concatBytes([bytes, bytes]), bytes.length, bytes.length + length, 0, true)).toEqual(alone);
      expect(store.revision).toBe(1);
    }
  });

  test("is written as any command is, and is told from every other one", () => {
    const place = new PlainPut();
    const commands = fc.oneof(anyCommand, plainPut);
    const flips = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 2 });
    let found = 0;
    fc.assert(
      fc.property(commands, flips, fc.nat(9), (command, changes, before) => {
        const bytes = encodeCommand(command);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        const source = concatBytes([new Uint8Array(before).fill(1), bytes, new Uint8Array(9)]);
        const isPlain = place.read(source, before, before + bytes.length);
        let decoded: Command | null = null;
        try {
          decoded = decodeCommand(bytes);
        } catch {
          // It is no command any more.
        }
        const { type } = decoded ?? { type: null };
        const expected = decoded?.type === "put" && decoded.condition === "always" && !decoded.returnPrevious &&
          decoded.expiry.type === "none" && type === "put";
        if (!expected) {
          expect(isPlain).toBe(false);
          return;
        }
        if (!isPlain) {
          // A length in more bytes than it needs is left to the ordinary way.
          expect(changes.length).toBeGreaterThan(0);
          return;
        }
        found++;
        const { keyStart, keyEnd, valueStart, valueEnd } = place;
        expect(keyFromBytes(source, keyStart, keyEnd)).toBe(decoded?.type === "put" ? decoded.key : null);
        expect(source.slice(valueStart, valueEnd)).toEqual(decoded?.type === "put" ? decoded.value : null);
        const writer = new ByteWriter(8);
        writePlainPut(writer, source, keyStart, keyEnd, valueStart, valueEnd);
        if (changes.length === 0) expect(writer.take()).toEqual(bytes);
      }),
      { numRuns: 3000 },
    );
    expect(found).toBeGreaterThan(300);
  });

  test("that does not fit over what is there makes room, and what was located moves with it", () => {
    const store = new KVStore();
    for (const length of [10, 300, 290, 20, 2048, 2049, 40, 0, 1]) {
      store.apply(encodeCommand(plain(key("k"), length, length)), 0);
      const place = store.locate(keyToBytes(key("k")), 0, 1)!;
      expect(place.bytes.slice(place.start, place.end)).toEqual(new Uint8Array(length).fill(length));
    }
    expect(store.entry(key("k"))).toMatchObject({ version: 9, createRevision: 1, modRevision: 9 });
  });
});
