import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Key } from "../../../src/codec/bytes.ts";
import { Compacted, type KvError } from "../../../src/core/errors.ts";
import { KVStore, type WatchOptions } from "../../../src/core/kv/kv_store.ts";
import type { WatchEvent } from "../../../src/core/kv/result.ts";
import { key, put, step } from "./arbitraries.ts";

const ALL = { start: "" as Key, end: null };

class Recorder {
  batches: WatchEvent[][] = [];
  errors: KvError[] = [];

  onEvents(events: readonly WatchEvent[]): void {
    this.batches.push([...events]);
  }

  onEnd(error: KvError): void {
    this.errors.push(error);
  }

  get seen(): string[] {
    return this.batches.flat().map((event) => `${event.type} ${event.key} ${event.revision}`);
  }
}

function watched(store: KVStore, options: WatchOptions): Recorder {
  const recorder = new Recorder();
  store.watch(options, recorder);
  return recorder;
}

describe("a watch", () => {
  test("sees the events of its range, each revision in one call", () => {
    const store = new KVStore();
    const all = watched(store, { ...ALL, fromRevision: 0 });
    const single = watched(store, { start: key("b"), end: key("b\0"), fromRevision: 0 });
    const range = watched(store, { start: key("b"), end: key("d"), fromRevision: 0 });
    store.execute(put("a", "1"), 0);
    const then = [put("b", "1"), put("c", "1"), put("b", "2")];
    store.execute({ type: "txn", compare: [], then, else: [] }, 0);
    store.execute({ type: "delete", key: key("c"), returnPrevious: false }, 0);
    expect(all.seen).toEqual(["put a 1", "put b 2", "put c 2", "put b 2", "delete c 3"]);
    expect(all.batches.length).toBe(3);
    expect(single.seen).toEqual(["put b 2", "put b 2"]);
    expect(single.batches.length).toBe(1);
    expect(single.batches[0]!.map((event) => event.entry.version)).toEqual([1, 2]);
    expect(range.seen).toEqual(["put b 2", "put c 2", "put b 2", "delete c 3"]);
  });

  test("sees what the clock removes as expire, in the revision of the command that removed it", () => {
    const store = new KVStore();
    const all = watched(store, { ...ALL, fromRevision: 0 });
    const expiry = { type: "after", duration_ms: 10 } as const;
    for (const name of ["a", "b", "c"]) store.execute(put(name, "1", { expiry }), 0);
    store.execute(put("a", "2"), 10);
    store.apply(store.dueCommand(), 10);
    expect(all.seen.slice(3)).toEqual(["expire a 4", "put a 4", "expire b 5", "expire c 5"]);
    expect(store.entry(key("a"))!.version).toBe(1);
  });

  test("starts with what has already happened from its revision on", () => {
    const store = new KVStore();
    for (const name of ["a", "b", "c"]) store.execute(put(name, "1"), 0);
    const late = watched(store, { ...ALL, fromRevision: 2 });
    expect(late.seen).toEqual(["put b 2", "put c 3"]);
    store.execute(put("d", "1"), 0);
    expect(late.seen).toEqual(["put b 2", "put c 3", "put d 4"]);
  });

  test("from a future revision waits for it", () => {
    const store = new KVStore();
    const future = watched(store, { ...ALL, fromRevision: 3 });
    const single = watched(store, { start: key("a"), end: key("a\0"), fromRevision: 3 });
    for (let i = 0; i < 4; i++) store.execute(put("a", "1"), 0);
    expect(future.seen).toEqual(["put a 3", "put a 4"]);
    expect(single.seen).toEqual(future.seen);
  });

  test("that is closed, even by a listener in the same delivery, sees nothing more", () => {
    const store = new KVStore();
    const second = new Recorder();
    const closers: (() => void)[] = [];
    store.watch({ ...ALL, fromRevision: 0 }, { onEvents: () => closers.forEach((close) => close()), onEnd: () => {} });
    const watch = store.watch({ ...ALL, fromRevision: 0 }, second);
    closers.push(() => watch.close());
    store.execute(put("a", "1"), 0);
    store.execute(put("a", "2"), 0);
    watch.close();
    expect(second.seen).toEqual([]);
    expect(store.watchers).toBe(1);
  });

  test("that is opened by a listener sees what comes after", () => {
    const store = new KVStore();
    const later = new Recorder();
    let opened = false;
    store.watch({ ...ALL, fromRevision: 0 }, {
      onEvents: () => {
        if (!opened) store.watch({ ...ALL, fromRevision: 0 }, later);
        opened = true;
      },
      onEnd: () => {},
    });
    store.execute(put("a", "1"), 0);
    store.execute(put("a", "2"), 0);
    expect(later.seen).toEqual(["put a 2"]);
  });

  test("whose listener throws is ended, and nobody else notices", () => {
    const store = new KVStore();
    const errors: KvError[] = [];
    store.watch({ ...ALL, fromRevision: 0 }, {
      onEvents: () => {
        throw new Error("broken listener");
      },
      onEnd: (error) => errors.push(error),
    });
    const other = watched(store, { ...ALL, fromRevision: 0 });
    expect(store.execute(put("a", "1"), 0)).toMatchObject({ type: "put", written: true });
    store.execute(put("a", "2"), 0);
    expect(errors.map((error) => error.code)).toEqual(["CLOSED"]);
    expect((errors[0]!.cause as Error).message).toBe("broken listener");
    expect(other.seen.length).toBe(2);
  });

  test("resumed at any revision sees every event once and in order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), fc.nat(10), (steps, cut, limit) => {
        const store = new KVStore();
        const whole = watched(store, { ...ALL, fromRevision: 0 });
        const first = new Recorder();
        const watch = store.watch({ ...ALL, fromRevision: 0 }, first);
        let time = 0;
        steps.forEach(({ command, passes }, i) => {
          if (i === cut) watch.close();
          store.execute(command, time = Math.max(0, time + passes));
        });
        const reached = first.batches.flat().at(-1)?.revision ?? 0;
        watch.close();
        const second = watched(store, { ...ALL, fromRevision: reached + 1 });
        expect([...first.batches.flat(), ...second.batches.flat()]).toEqual(whole.batches.flat());
        const paged: WatchEvent[] = [];
        for (;;) {
          const fromRevision = (paged.at(-1)?.revision ?? 0) + 1;
          const page = store.events({ ...ALL, fromRevision, limit: limit + 1 });
          if (page.length === 0) break;
          paged.push(...page);
        }
        expect(paged).toEqual(whole.batches.flat());
        // Without gaps: every revision has an event.
        expect(new Set(paged.map((event) => event.revision)).size).toBe(store.revision);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the history", () => {
  test("is bounded by events, and what is older is Compacted", () => {
    const store = new KVStore({ limits: { maxHistoryEvents: 10 } });
    for (let i = 0; i < 100; i++) store.execute(put("a", "1"), 0);
    expect(store.oldestRevision).toBe(91);
    expect(store.events({ ...ALL, fromRevision: 91, limit: 100 }).map((event) => event.revision)).toEqual(
      Array.from({ length: 10 }, (_, i) => 91 + i),
    );
    let caught: unknown;
    try {
      store.events({ ...ALL, fromRevision: 90, limit: 1 });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(Compacted);
    expect(caught).toMatchObject({ code: "COMPACTED", oldestRevision: 91 });
    expect(() => watched(store, { ...ALL, fromRevision: 1 })).toThrow(Compacted);
    expect(store.watchers).toBe(0);
  });

  test("is bounded by bytes", () => {
    const store = new KVStore({ limits: { maxHistoryBytes: 10_000 } });
    for (let i = 0; i < 1000; i++) store.execute(put(`k${i % 9}`, "x".repeat(i % 500)), 0);
    const kept = store.events({ ...ALL, fromRevision: store.oldestRevision, limit: 1000 });
    const size = kept.reduce((sum, event) => sum + event.key.length + event.entry.value.length, 0);
    expect(size).toBeLessThanOrEqual(10_000);
    expect(size).toBeGreaterThan(7_000);
    expect(kept[0]!.revision).toBe(store.oldestRevision);
    expect(kept.at(-1)!.revision).toBe(1000);
  });

  test("drops a revision that is too large as a whole, and goes on after it", () => {
    const store = new KVStore({ limits: { maxHistoryEvents: 4 } });
    const live = watched(store, { ...ALL, fromRevision: 0 });
    const then = Array.from({ length: 6 }, (_, i) => put(`k${i}`, "1"));
    store.execute({ type: "txn", compare: [], then, else: [] }, 0);
    expect(live.seen.length).toBe(6);
    expect(store.oldestRevision).toBe(2);
    expect(store.events({ ...ALL, fromRevision: 2, limit: 10 })).toEqual([]);
    store.execute(put("a", "1"), 0);
    expect(store.events({ ...ALL, fromRevision: 2, limit: 10 }).length).toBe(1);
  });

  test("may be switched off", () => {
    const store = new KVStore({ limits: { maxHistoryEvents: 0 } });
    store.execute(put("a", "1"), 0);
    expect(store.oldestRevision).toBe(2);
    expect(watched(store, { ...ALL, fromRevision: 2 }).seen).toEqual([]);
  });

  test("is read by whole revisions", () => {
    const store = new KVStore();
    const then = [put("a", "1"), put("b", "1"), put("c", "1")];
    store.execute({ type: "txn", compare: [], then, else: [] }, 0);
    store.execute({ type: "txn", compare: [], then, else: [] }, 0);
    expect(store.events({ ...ALL, fromRevision: 1, limit: 1 }).length).toBe(3);
    expect(store.events({ ...ALL, fromRevision: 1, limit: 3 }).length).toBe(3);
    expect(store.events({ ...ALL, fromRevision: 1, limit: 4 }).length).toBe(6);
    expect(store.events({ start: key("b"), end: key("c"), fromRevision: 1, limit: 9 }).length).toBe(2);
    expect(store.events({ ...ALL, fromRevision: 3, limit: 9 })).toEqual([]);
    expect(store.events({ ...ALL, fromRevision: 0, limit: 9 })).toEqual([]);
  });
});
