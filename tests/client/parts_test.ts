import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Deadlines } from "../../src/client/deadlines.ts";
import { PendingOperation, PendingQueue } from "../../src/client/pending.ts";
import { Session, SESSION_WINDOW } from "../../src/client/session.ts";
import { judge, type Refusal } from "../../src/client/verdict.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";

function operation(number: number, deadline_ms = 100, since_ms = 0): PendingOperation {
  const settle = (): void => undefined;
  return new PendingOperation({
    kind: "read",
    number,
    body: new Uint8Array(),
    type: "get",
    key: null,
    deadline_ms,
    since_ms,
    settle,
  });
}

describe("Session", () => {
  test("acknowledges below the lowest sequence without a result, in whatever order results come", () => {
    fc.assert(fc.property(fc.array(fc.nat(SESSION_WINDOW - 1), { maxLength: 200 }), (order) => {
      const session = new Session(new SeededRandom(1));
      for (let i = 0; i < SESSION_WINDOW; i++) session.take();
      expect(session.hasRoom).toBe(false);
      expect(() => session.take()).toThrow();
      const open = new Set(Array.from({ length: SESSION_WINDOW }, (_, i) => i + 1));
      for (const index of order) {
        session.finish(index + 1);
        open.delete(index + 1);
        expect(session.acknowledged).toBe(Math.min(...open, SESSION_WINDOW + 1));
        expect(session.hasRoom).toBe(session.acknowledged > 1);
      }
    }));
  });

  test("has one incarnation, which is there once it was opened", () => {
    const session = new Session(new SeededRandom(1));
    expect(() => session.incarnation).toThrow("not opened yet");
    expect(() => session.opened(7)).toThrow("new");
    session.state = "opening";
    session.opened(7);
    expect([session.state, session.incarnation]).toEqual(["open", 7]);
    expect(() => session.opened(8)).toThrow("open");
    session.state = "lost";
    expect(() => session.opened(8)).toThrow("lost");
  });

  test("has an id of its own", () => {
    const random = new SeededRandom(1);
    expect(new Session(random).id).not.toBe(new Session(random).id);
  });
});

describe("PendingQueue", () => {
  test("keeps operations in the order in which they were issued, whoever leaves and comes back", () => {
    fc.assert(fc.property(fc.array(fc.nat(30)), (picks) => {
      const queue = new PendingQueue();
      const all = Array.from({ length: 20 }, (_, i) => operation(i));
      for (const each of all) queue.push(each);
      const out = new Set<PendingOperation>();
      for (const pick of picks) {
        if (pick < 20) {
          const each = all[pick]!;
          if (out.delete(each)) queue.restore([each]);
          else {
            queue.remove(each);
            out.add(each);
          }
        } else {
          queue.restore([...out].sort((a, b) => a.number - b.number));
          out.clear();
        }
        expect(queue.list()).toEqual(all.filter((each) => !out.has(each)));
        expect(queue.first).toBe(queue.list()[0] ?? null);
      }
    }));
  });

  test("refuses what is in another queue", () => {
    const [one, two] = [new PendingQueue(), new PendingQueue()];
    const each = operation(1);
    one.push(each);
    expect(() => two.push(each)).toThrow();
    expect(() => two.remove(each)).toThrow();
  });
});

describe("Deadlines", () => {
  test("expire each operation once, when its time has come and not before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(40), fc.boolean()), { maxLength: 60 }),
        (plan) => {
          const clock = new ManualClock();
          const expired = new Map<PendingOperation, number>();
          const deadlines = new Deadlines(clock, (each) => {
            expect(expired.has(each)).toBe(false);
            expired.set(each, clock.monotonic());
          });
          const kept: PendingOperation[] = [];
          for (const [index, [deadline_ms, pause_ms, leaves]] of plan.entries()) {
            const each = operation(index, deadline_ms, clock.monotonic());
            deadlines.add(each);
            if (leaves) deadlines.remove(each);
            else kept.push(each);
            clock.advance(pause_ms);
          }
          clock.advance(100);
          expect(expired.size).toBe(kept.length);
          for (const each of kept) {
            const late_ms = expired.get(each)! - each.since_ms - each.deadline_ms;
            expect(Math.abs(late_ms)).toBeLessThan(1e-6);
          }
        },
      ),
    );
  });
});

describe("the verdict on a refusal", () => {
  const base: Refusal = {
    code: "UNAVAILABLE",
    reply: null,
    write: true,
    inDoubt: false,
    reliable: true,
    storageFailedEverywhere: false,
  };
  const reply = (revision: number) => ({ type: "error", revision, code: "UNAVAILABLE", message: "" }) as const;

  test.each<[string, Partial<Refusal>, string, boolean]>([
    ["a write refused for now", {}, "retry", false],
    ["a write refused for now, with a copy about", { inDoubt: true }, "retry", true],
    ["a write refused for now over datagrams", { reliable: false }, "retry", true],
    ["a read refused for now over datagrams", { reliable: false, write: false }, "retry", false],
    ["a write whose fate the server does not know", { code: "OUTCOME_UNKNOWN" }, "retry", true],
    ["a first copy without a session", { code: "SESSION_UNKNOWN" }, "resession", false],
    ["a first copy without a session over datagrams", { code: "SESSION_UNKNOWN", reliable: false }, "refused", true],
    ["a later copy without a session", { code: "SESSION_UNKNOWN", inDoubt: true }, "refused", true],
    ["a stale sequence", { code: "SESSION_STALE", reply: reply(5) }, "refused", true],
    ["a reply that cannot be read", { code: "PROTOCOL_ERROR" }, "refused", true],
    ["a read whose reply cannot be read", { code: "PROTOCOL_ERROR", write: false }, "refused", false],
    ["a request that does not fit", { code: "MESSAGE_TOO_LARGE" }, "refused", false],
    ["a reply that does not fit", { code: "MESSAGE_TOO_LARGE", reply: reply(0) }, "refused", true],
    ["the store's own no", { code: "NOT_AN_INTEGER", reply: reply(5), inDoubt: true }, "final", false],
    ["a front door's no", { code: "LIMIT_EXCEEDED", reply: reply(0) }, "refused", false],
    [
      "a front door's no, with a copy about",
      { code: "LIMIT_EXCEEDED", reply: reply(0), inDoubt: true },
      "refused",
      true,
    ],
    ["failed disks everywhere", { code: "STORAGE_FAILED", storageFailedEverywhere: true }, "refused", false],
    [
      "failed disks everywhere, for a read",
      { code: "STORAGE_FAILED", storageFailedEverywhere: true, write: false },
      "refused",
      false,
    ],
  ])("on %s", (_, refusal, action, inDoubt) => {
    expect(judge({ ...base, ...refusal })).toEqual({ action, inDoubt });
  });
});
