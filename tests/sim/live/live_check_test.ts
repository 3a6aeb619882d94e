/** Live checks of a store in this process, right or wrong: what they find, and that they do not grow. */
import { describe, expect, it } from "vitest";
import { keyFromText, prefixEnd } from "../../../src/codec/bytes.ts";
import { OutcomeUnknown } from "../../../src/core/errors.ts";
import type { Operation } from "../../../src/core/kv/command.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import type { Result } from "../../../src/core/kv/result.ts";
import type { HistoryEvent } from "../../../src/sim/checker/history.ts";
import type { Kind } from "../../../src/sim/live/kind.ts";
import { KINDS } from "../../../src/sim/live/kinds/all.ts";
import { put, REGISTERS } from "../../../src/sim/live/kinds/register.ts";
import { LiveCheck, type LiveCheckOptions } from "../../../src/sim/live/live_check.ts";
import type { LiveActor } from "../../../src/sim/live/live_client.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

type Answer = (operation: Operation, execute: (operation: Operation) => Result) => Result | Promise<Result>;

/** A check, the store that it is of, and actors that go through `answer`. */
function setUp(options: Partial<LiveCheckOptions> = {}, answer: Answer = (operation, execute) => execute(operation)) {
  const store = new KVStore();
  store.execute(put("elsewhere", "not there"), 1);
  let now_ms = 0;
  const check = new LiveCheck({
    kind: REGISTERS,
    prefix: "p/",
    subjects: 2,
    clock: { monotonic: () => now_ms += 0.01 },
    dice: new SeededRandom(7),
    ...options,
  });
  const execute = (operation: Operation): Result => store.execute(operation, 1);
  const ask = async (operation: Operation): Promise<Result> => await answer(operation, execute);
  const actors = Array.from({ length: 4 }, (_, id): LiveActor => ({
    id,
    client: { read: ask, write: ask },
    dice: new SeededRandom(id + 1),
  }));
  const run = async (steps: number): Promise<void> => {
    const act = async (actor: LiveActor): Promise<void> => {
      for (let at = 0; at < steps && check.found === null; at++) await check.step(actor);
    };
    await Promise.all(actors.map(act));
  };
  return { store, check, actors, run };
}

describe("a live check", () => {
  it.each(KINDS.map((kind): [string, Kind] => [kind.name, kind]))(
    "judges every %s, each by itself",
    async (_name, kind) => {
      const events: HistoryEvent[] = [];
      const { check, actors, run } = setUp({ kind, lifetime: 50, onEvent: (event) => events.push(event) });
      await run(500);
      expect(await check.reread(actors[0]!)).toBe(true);
      await check.finish();
      expect([check.found, check.undecided]).toEqual([null, 0]);
      const subjects = new Set(events.map(({ key }) => key));
      expect(subjects.size).toBeGreaterThan(20);
      expect(check.judged).toBe(subjects.size);
    },
  );

  it("keeps the keys in use and a sample of those before, and removes all others", async () => {
    const { store, check, actors, run } = setUp({ lifetime: 20, kept: 5 });
    await run(2000);
    // Two in use, five kept, and the one that is none of the check's.
    expect(store.size - 1).toBeLessThanOrEqual(7);
    const kept = store.read({
      type: "range",
      start: keyFromText("p/"),
      end: prefixEnd(keyFromText("p/")),
      limit: 0,
      reverse: false,
      projection: "keys",
    });
    const numbers = kept.type === "range" ? kept.entries.map(({ key }) => Number(/\d+$/.exec(key)![0])) : [];
    // Drawn by chance, so that not only the last ones stay.
    expect(Math.min(...numbers)).toBeLessThan(check.judged / 2);
    await check.finish();
    await check.clear(actors[0]!);
    expect(store.size).toBe(1);
  });

  it("judges a key as soon as it is given up, also where it is not kept", async () => {
    let reads = 0;
    const { check, run } = setUp({ lifetime: 40, kept: 0 }, (operation, execute) => {
      // One answer among the first ones, which nobody ever wrote.
      const isWrong = operation.type === "get" && ++reads === 5;
      return isWrong ? execute({ ...operation, key: keyFromText("elsewhere") }) : execute(operation);
    });
    await run(3);
    expect(check.found).toBe(null);
    await run(500);
    expect(check.found?.keys).toEqual([expect.stringMatching(/^p\/register-[12]$/)]);
  });

  it("gives up a key with many operations of unknown outcome, which are hard to judge", async () => {
    let writes = 0;
    const { check, run } = setUp({ subjects: 1 }, (operation, execute) => {
      if (operation.type !== "get" && ++writes % 4 === 0) {
        if (writes % 8 === 0) execute(operation);
        throw new OutcomeUnknown("no answer");
      }
      return execute(operation);
    });
    await run(300);
    await check.finish();
    expect([check.found, check.undecided]).toEqual([null, 0]);
    expect(check.judged).toBeGreaterThan(1200 / 250 + 3);
  });

  it.each(KINDS.map((kind): [string, Kind] => [kind.name, kind]))(
    "finds writes that are acknowledged and lost, of kind %s",
    async (_name, kind) => {
      let writes = 0;
      const { check, actors, run } = setUp({ kind, subjects: 1 }, (operation, execute) => {
        const isRead = operation.type === "get" || operation.type === "getMany";
        return isRead || ++writes % 10 !== 0 ? execute(operation) : lost(operation);
      });
      await run(200);
      await check.reread(actors[0]!);
      await check.finish();
      expect(check.found?.lines.join("\n")).toContain("This cannot be placed");
      expect(check.found?.page).toContain("<!doctype html>");
    },
  );
});

/** What a server says of a write that it does not do. */
function lost(operation: Operation): Result {
  switch (operation.type) {
    case "put":
      return { type: "put", revision: 1, written: true, previous: null };
    case "delete":
      return { type: "delete", revision: 1, deleted: 1, previous: null };
    case "txn":
      return { type: "txn", revision: 1, succeeded: true, results: [] };
    default:
      return { type: "integer", revision: 1, value: 1n };
  }
}
