import { describe, expect, test } from "vitest";
import { Ledger } from "../../src/client/ledger.ts";
import type { PendingOperation } from "../../src/client/pending.ts";
import { Wire } from "../../src/client/wire.ts";
import { keyFromText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** A ledger, and how its operations ended: the code of the error, or the type of the result. */
class Bench {
  readonly clock = new ManualClock();
  readonly late: PendingOperation[] = [];
  readonly ends: (string | undefined)[] = [];
  readonly ledger: Ledger = new Ledger(
    this.clock,
    new Wire(this.clock, new SeededRandom(1), 100, 1000),
    (operation) => void this.late.push(operation),
  );

  begin(kind: "read" | "write" | "session", deadline_ms = 100): PendingOperation {
    const key = keyFromText("k");
    return this.ledger.begin({
      kind,
      command: kind === "session" ? { type: "openSession", session: key } : { type: "get", key },
      deadline_ms,
      isStale: false,
      settle: (error, result) => void this.ends.push(error?.code ?? result?.type),
    });
  }
}

const REFUSED = new KvError("UNAVAILABLE", "no");

describe("the ledger of a client", () => {
  test("settles an operation once, and says so when something tries again", () => {
    const bench = new Bench();
    const operation = bench.begin("read");
    bench.ledger.settle(operation, null, { type: "get", revision: 0, entry: null });
    expect(() => bench.ledger.fail(operation, REFUSED)).toThrow("settled twice");
    expect(bench.ends).toEqual(["get"]);
  });

  test("never says of a write that may have been applied that nothing was changed", () => {
    const bench = new Bench();
    const [refused, unknown, read] = [bench.begin("write"), bench.begin("write"), bench.begin("read")];
    unknown.inDoubt = read.inDoubt = true;
    for (const operation of [refused, unknown, read]) bench.ledger.fail(operation, REFUSED);
    expect(bench.ends).toEqual(["UNAVAILABLE", "OUTCOME_UNKNOWN", "UNAVAILABLE"]);
  });

  test("names each operation whose deadline passes, and none that has ended", () => {
    const bench = new Bench();
    const slow = bench.begin("read", 50);
    bench.ledger.fail(bench.begin("read", 50), REFUSED);
    bench.clock.advance(500);
    expect(bench.late).toEqual([slow]);
  });

  test("is idle when no caller waits, whatever the session does", async () => {
    const bench = new Bench();
    bench.begin("session");
    await bench.ledger.idle();
    const operation = bench.begin("write");
    expect(bench.ledger.size).toBe(1);
    let isIdle = false;
    const idle = bench.ledger.idle().then(() => isIdle = true);
    await Promise.resolve();
    expect(isIdle).toBe(false);
    bench.ledger.fail(operation, REFUSED);
    await idle;
    expect(bench.ledger.list()).toEqual([]);
  });
});
