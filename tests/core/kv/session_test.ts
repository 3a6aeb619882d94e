import { describe, expect, test } from "vitest";
import type { Once, Operation } from "../../../src/core/kv/command.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import type { Limits } from "../../../src/core/kv/limits.ts";
import { bytes, key, put } from "./arbitraries.ts";

const increment: Operation = { type: "increment", key: key("n"), delta: 1n };

function once(sequence: number, options: Partial<Omit<Once, "session">> & { session?: string } = {}): Once {
  const { session = "s", ...others } = options;
  return {
    type: "once",
    session: key(session),
    incarnation: null,
    sequence,
    acknowledged: 0,
    operation: increment,
    ...others,
  };
}

/** Opens a session, or asks for what is open, and returns the incarnation. */
function open(store: KVStore, session = "s", time = 0): number {
  const result = store.execute({ type: "openSession", session: key(session) }, time);
  if (result.type !== "session") throw new Error(`opening gave ${result.type}`);
  return result.incarnation;
}

function code(store: KVStore, command: Once, time = 0): string {
  const result = store.execute(command, time);
  return result.type === "error" ? result.code : result.type;
}

function storeWith(limits: Partial<Limits>): KVStore {
  return new KVStore({ limits });
}

describe("an operation in a session", () => {
  test("is done once, and a repetition gets the very bytes of the first result", () => {
    const store = new KVStore();
    const first = store.apply(encodeCommand(once(1)), 0);
    store.execute(put("other", "1"), 0);
    const again = store.apply(encodeCommand(once(1)), 0);
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
    expect(store.entry(key("n"))).toMatchObject({ value: bytes("1"), version: 1 });
    expect(store.revision).toBe(2);
    // The caller may do with a result what it likes.
    again.fill(0);
    expect(store.apply(encodeCommand(once(1)), 0)).toEqual(first);
  });

  test("keeps failures too", () => {
    const store = new KVStore();
    store.execute(put("n", "x"), 0);
    expect(code(store, once(1))).toBe("NOT_AN_INTEGER");
    store.execute(put("n", "1"), 0);
    expect(code(store, once(1))).toBe("NOT_AN_INTEGER");
    expect(code(store, once(2))).toBe("integer");
  });

  test("may come in any order, and is refused once its result was acknowledged", () => {
    const store = new KVStore();
    for (const sequence of [3, 1, 2]) expect(code(store, once(sequence))).toBe("integer");
    expect(code(store, once(4, { acknowledged: 3 }))).toBe("integer");
    expect(code(store, once(2))).toBe("SESSION_STALE");
    expect(code(store, once(3))).toBe("integer");
    expect(store.entry(key("n"))!.value).toEqual(bytes("4"));
  });

  test("is refused when its sequence was used with a different operation", () => {
    const store = new KVStore();
    store.execute(once(1), 0);
    expect(code(store, once(1, { operation: { ...increment, delta: 2n } as Operation }))).toBe("SESSION_CONFLICT");
    expect(store.entry(key("n"))!.value).toEqual(bytes("1"));
  });

  test("is refused without a session unless it opens one", () => {
    const store = new KVStore();
    expect(code(store, once(1, { incarnation: 1 }))).toBe("SESSION_UNKNOWN");
    expect(store.size).toBe(0);
    const incarnation = open(store);
    expect(code(store, once(1, { incarnation }))).toBe("integer");
    store.execute({ type: "closeSession", session: key("s") }, 0);
    expect(code(store, once(1, { incarnation }))).toBe("SESSION_UNKNOWN");
    expect(store.entry(key("n"))!.value).toEqual(bytes("1"));
  });

  test("with an incarnation that is none is refused", () => {
    const store = new KVStore();
    open(store);
    for (const incarnation of [0, -1, 1.5, NaN, 2 ** 53]) {
      expect(code(store, once(1, { incarnation }))).toBe("INVALID_ARGUMENT");
    }
    expect(store.size).toBe(0);
  });

  test("is refused when too many results are unacknowledged, and taken again when they are", () => {
    const store = storeWith({ maxSessionResults: 3 });
    for (const sequence of [1, 2, 3]) expect(code(store, once(sequence))).toBe("integer");
    expect(code(store, once(4))).toBe("SESSION_FULL");
    expect(code(store, once(3))).toBe("integer");
    expect(code(store, once(4, { acknowledged: 2 }))).toBe("integer");
    expect(store.entry(key("n"))!.value).toEqual(bytes("4"));
  });

  test("is refused when the unacknowledged results take up too much", () => {
    const store = storeWith({ maxSessionBytes: 2000 });
    store.execute(put("big", "x".repeat(3000)), 0);
    const operation: Operation = { type: "get", key: key("big") };
    expect(code(store, once(1, { operation }))).toBe("get");
    expect(code(store, once(2, { operation }))).toBe("SESSION_FULL");
    expect(code(store, once(2, { operation, acknowledged: 2 }))).toBe("get");
  });

  test("with sequence 0 is refused", () => {
    expect(code(new KVStore(), once(0))).toBe("INVALID_ARGUMENT");
  });

  test("with far leaps of acknowledged is taken at once", () => {
    const store = new KVStore();
    store.execute(once(1), 0);
    const far = Number.MAX_SAFE_INTEGER;
    expect(code(store, once(far, { acknowledged: far }))).toBe("integer");
    expect(code(store, once(1))).toBe("SESSION_STALE");
  });
});

describe("sessions", () => {
  test("are forgotten when idle too long by log time, whether or not they have been removed yet", () => {
    const store = storeWith({ sessionIdle_ms: 100 });
    store.execute(once(1), 10);
    expect(store.nextDue()).toBe(110);
    expect(code(store, once(1, { incarnation: 1 }), 109)).toBe("integer");
    expect(store.nextDue()).toBe(209);
    expect(code(store, once(2, { incarnation: 1 }), 209)).toBe("SESSION_UNKNOWN");
    expect(store.sessions).toBe(0);
    store.execute(once(1, { session: "t" }), 210);
    store.apply(store.dueCommand(), 309);
    expect(store.sessions).toBe(1);
    store.apply(store.dueCommand(), 310);
    expect(store.sessions).toBe(0);
    expect(store.nextDue()).toBeNull();
  });

  test("idle longest make room for new ones", () => {
    const store = storeWith({ maxSessions: 2 });
    const [a, b] = [open(store, "a"), open(store, "b")];
    store.execute(once(1, { session: "a" }), 0);
    open(store, "c");
    expect(code(store, once(1, { session: "b", incarnation: b }))).toBe("SESSION_UNKNOWN");
    expect(code(store, once(1, { session: "a", incarnation: a }))).toBe("integer");
  });

  test("idle longest make room when all together take up too much", () => {
    const store = storeWith({ maxSessionTableBytes: 2500 });
    store.execute(put("big", "x".repeat(1000)), 0);
    const operation: Operation = { type: "get", key: key("big") };
    const [a, , c] = ["a", "b", "c"].map((session) => {
      const incarnation = open(store, session);
      expect(code(store, once(1, { session, incarnation, operation }))).toBe("get");
      return incarnation;
    });
    expect(code(store, once(2, { session: "a", incarnation: a! }))).toBe("SESSION_UNKNOWN");
    expect(code(store, once(2, { session: "c", incarnation: c! }))).toBe("integer");
  });

  test("do not raise the revision", () => {
    const store = new KVStore();
    store.execute({ type: "openSession", session: key("s") }, 0);
    store.execute(once(1, { operation: { type: "get", key: key("n") } }), 0);
    store.execute({ type: "closeSession", session: key("s") }, 0);
    expect(store.revision).toBe(0);
  });
});

/** The ways in which a session is forgotten, each at log time 1000. */
const ENDINGS: readonly (readonly [how: string, limits: Partial<Limits>, end: (store: KVStore) => void])[] = [
  ["closed", {}, (store) => store.execute({ type: "closeSession", session: key("s") }, 1000)],
  ["pushed out by another", { maxSessions: 1 }, (store) => open(store, "t", 1000)],
  ["removed when idle", { sessionIdle_ms: 1000 }, (store) => store.apply(store.dueCommand(), 1000)],
  ["idle and not removed yet", { sessionIdle_ms: 1000 }, () => {}],
];

/** The same state in a new store, by way of a snapshot. */
function restored(store: KVStore): KVStore {
  const copy = new KVStore({ limits: store.limits });
  const [source, sink] = [store.snapshot(), copy.restore()];
  for (let slice = source.next(100); slice !== null; slice = source.next(100)) sink.write(slice);
  source.close();
  sink.finish();
  return copy;
}

describe("an incarnation", () => {
  test("stays the same while the session is open, however often it is opened", () => {
    const store = new KVStore();
    const incarnation = open(store);
    expect(code(store, once(1, { incarnation }))).toBe("integer");
    open(store, "t");
    expect(open(store, "s", 5000)).toBe(incarnation);
    expect(open(restored(store), "s", 5000)).toBe(incarnation);
    expect(code(store, once(1, { incarnation }))).toBe("integer");
    expect(store.revision).toBe(1);
  });

  test.each(ENDINGS)(
    "of a session that was %s is over: late copies of all it was sent do nothing",
    (_, limits, end) => {
      for (const through of [(store: KVStore) => store, restored]) {
        const before = storeWith(limits);
        const first = open(before);
        const write = once(1, { incarnation: first });
        expect(code(before, write)).toBe("integer");
        end(before);
        const store = through(before);
        expect(code(store, write, 1000)).toBe("SESSION_UNKNOWN");
        // The late copies: of the opening, then of the write.
        const second = open(store, "s", 1000);
        expect(second).toBeGreaterThan(first);
        const hash = store.hash();
        expect(code(store, write, 1000)).toBe("SESSION_UNKNOWN");
        expect(code(store, once(2, { incarnation: second + 1 }), 1000)).toBe("SESSION_UNKNOWN");
        expect(store.hash()).toBe(hash);
        expect(code(store, once(1, { incarnation: second }), 1000)).toBe("integer");
        expect(store.entry(key("n"))!.value).toEqual(bytes("2"));
      }
    },
  );

  test("is never given twice, though neither revision nor log time moves", () => {
    let store = storeWith({ maxSessions: 2 });
    const given = new Set<number>();
    let last = 0;
    for (let i = 0; i < 100; i++) {
      const incarnation = open(store, `s${i % 5}`);
      expect(incarnation).toBeGreaterThan(last);
      given.add(last = incarnation);
      if (i % 7 === 0) store.execute({ type: "closeSession", session: key(`s${i % 5}`) }, 0);
      if (i % 10 === 0) store = restored(store);
    }
    expect([given.size, store.revision, store.time]).toEqual([100, 0, 0]);
  });

  test("is not needed by a one-shot key, of which a copy after the session was forgotten is done again", () => {
    const store = new KVStore();
    for (let i = 0; i < 2; i++) expect(code(store, once(1))).toBe("integer");
    expect(store.revision).toBe(1);
    store.execute({ type: "closeSession", session: key("s") }, 0);
    expect(code(store, once(1))).toBe("integer");
    expect(store.revision).toBe(2);
  });
});
