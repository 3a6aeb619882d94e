import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Key } from "../../../src/codec/bytes.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { checkCommand } from "../../../src/core/kv/limits.ts";
import { decodeResult } from "../../../src/core/kv/result_codec.ts";
import type { Result, WatchEvent } from "../../../src/core/kv/result.ts";
import { step } from "./arbitraries.ts";
import { Model } from "./model.ts";

const LIMITS = { maxValueBytes: 16, sessionIdle_ms: 60 };
const ALL = { start: "" as Key, end: null };

/** Error messages are for people: the model has only codes. */
function withoutMessages(result: Result): Result {
  if (result.type === "error") return { ...result, message: "" };
  return result.type === "txn" ? { ...result, results: result.results.map(withoutMessages) } : result;
}

describe("KVStore against the model", () => {
  test("random commands give the model's results, entries, events and revision, recovering or not", () => {
    const recovering = fc.option(fc.boolean(), { freq: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(step, recovering), { maxLength: 60 }), (steps) => {
        const store = new KVStore({ limits: LIMITS });
        const model = new Model(LIMITS);
        const seen: WatchEvent[] = [];
        store.watch({ ...ALL, fromRevision: 0 }, { onEvents: (events) => seen.push(...events), onEnd: () => {} });
        let time = 0;
        for (const [{ command, passes }, isRecovering] of steps) {
          if (isRecovering !== null) store.recovering(isRecovering);
          time = Math.max(0, time + passes);
          try {
            checkCommand(command, store.limits);
          } catch {
            // The store refuses it too, which is another test's.
            continue;
          }
          const expected = withoutMessages(model.execute(command, time));
          const actual = withoutMessages(decodeResult(store.apply(encodeCommand(command), time)));
          expect(actual).toEqual(expected);
          expect(store.revision).toBe(model.revision);
          expect(store.size).toBe(model.entries.length);
          expect(store.sessions).toBe(model.sessions.length);
        }
        const all = { type: "range", ...ALL, limit: 0, reverse: false, projection: "entries" } as const;
        const visible = model.entries.filter(({ key }) => model.live(key) !== null);
        expect(store.read(all)).toMatchObject({ entries: visible, more: false });
        expect(seen).toEqual(model.events);
        expect(store.events({ ...ALL, fromRevision: 1, limit: 10_000 })).toEqual(model.events);
        const dues = model.entries.map(({ entry }) => entry.expiry).filter((expiry) => expiry !== 0);
        for (const session of model.sessions) dues.push(session.lastUsed + LIMITS.sessionIdle_ms);
        expect(store.nextDue()).toBe(dues.length === 0 ? null : Math.min(...dues));
      }),
      { numRuns: 1500 },
    );
  });

  test("the same commands give the same bytes and the same hash on every replica", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [one, other] = [new KVStore({ limits: LIMITS }), new KVStore({ limits: LIMITS })];
        let time = 0;
        for (const { command, passes } of steps) {
          time = Math.max(0, time + passes);
          const bytes = encodeCommand(command);
          const scratch = bytes.slice();
          const left = one.apply(scratch, time);
          // The buffer that the command came in is used again.
          scratch.fill(0xee);
          expect(other.apply(bytes, time)).toEqual(left);
          // Reading changes nothing.
          one.read({ type: "range", ...ALL, limit: 0, reverse: true, projection: "entries" });
          one.nextDue();
          one.randomKey(0.5);
        }
        expect(one.hash()).toBe(other.hash());
      }),
      { numRuns: 300 },
    );
  });
});
