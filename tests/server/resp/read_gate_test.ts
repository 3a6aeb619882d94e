import { describe, expect, it } from "vitest";
import { textToBytes } from "../../../src/codec/bytes.ts";
import { KvError } from "../../../src/core/errors.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { ReadGate } from "../../../src/server/resp/read_gate.ts";
import { ImmediateReplication } from "../../support/immediate_replication.ts";

/** Replication that locks keys, whose barriers call back when a test says so, and at once for keys that are `free`. */
function locking(free: readonly string[]): {
  readonly gate: ReadGate;
  readonly asked: (readonly string[] | null | undefined)[];
  readonly due: ((error: KvError | null) => void)[];
  readonly log: string[];
} {
  const asked: (readonly string[] | null | undefined)[] = [];
  const due: ((error: KvError | null) => void)[] = [];
  const replication = Object.assign(new ImmediateReplication(new KVStore()), {
    locksKeys: true,
    barrier: (done: (error: KvError | null) => void, keys?: readonly string[] | null) => {
      asked.push(keys);
      if (keys?.every((key) => free.includes(key))) done(null);
      else due.push(done);
    },
  });
  return { gate: new ReadGate(replication), asked, due, log: [] };
}

function gate(): { gate: ReadGate; replication: ImmediateReplication; due: (() => void)[]; log: string[] } {
  const due: (() => void)[] = [];
  const replication = new ImmediateReplication(new KVStore(), { scheduleBarrier: (run) => due.push(run) });
  return { gate: new ReadGate(replication), replication, due, log: [] };
}

describe("ReadGate", () => {
  it("asks for no barrier while reads may be stale, and for one as soon as they may not", () => {
    let isStale = true;
    let barriers = 0;
    const replication = Object.assign(new ImmediateReplication(new KVStore()), { barrier: () => void barriers++ });
    const one = new ReadGate(replication, () => isStale);
    expect([one.straight(), barriers]).toEqual([true, 0]);
    isStale = false;
    expect([one.straight(), barriers]).toEqual([false, 1]);
  });

  it("lets a whole turn read straight when the barrier calls back at once", () => {
    let barriers = 0;
    const replication = new ImmediateReplication(new KVStore());
    const one = new ReadGate(
      Object.assign(replication, {
        barrier: (done: (error: KvError | null) => void) => {
          barriers++;
          done(null);
        },
      }),
    );
    expect([one.straight(), one.straight(), one.straight()]).toEqual([true, true, true]);
    expect(barriers).toBe(1);
    one.endTurn();
    expect(one.straight()).toBe(true);
    expect(barriers).toBe(2);
  });

  it("releases the reads of a turn together, by one barrier", () => {
    const { gate: one, due, log } = gate();
    for (const name of ["a", "b"]) {
      expect(one.straight()).toBe(false);
      one.wait(() => log.push(name));
    }
    expect(due).toHaveLength(1);
    due[0]!();
    expect(log).toEqual(["a", "b"]);
  });

  it("releases reads in their order, whatever the order of the barriers", () => {
    const { gate: one, due, log } = gate();
    for (const name of ["first", "second"]) {
      one.straight();
      one.wait(() => log.push(name));
      one.endTurn();
    }
    due[1]!();
    expect(log).toEqual([]);
    due[0]!();
    expect(log).toEqual(["first", "second"]);
  });

  it("tells every read of the turn when the barrier fails", () => {
    const { gate: one, replication, due, log } = gate();
    replication.failure = new KvError("UNAVAILABLE", "no");
    one.straight();
    one.wait((error) => log.push(error?.code ?? "none"));
    due[0]!();
    one.wait((error) => log.push(error?.code ?? "none"));
    expect(log).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
  });

  it("asks for each read with its keys where the protocol locks them, and lets those go on that are not locked", () => {
    const { gate: one, asked, due } = locking(["free"]);
    expect(one.straight(["free"])).toBe(true);
    expect(one.straightFor(textToBytes("SET free x"), 4, 8)).toBe(true);
    expect(one.straight(["locked"])).toBe(false);
    expect(one.straight(["locked"])).toBe(false);
    expect(one.straight(null)).toBe(false);
    expect(asked).toEqual([["free"], ["free"], ["locked"], null]);
    expect(due).toHaveLength(2);
  });

  it("does not let a read of a free key overtake one of a locked key", () => {
    const { gate: one, due, log } = locking(["free"]);
    for (const name of ["locked", "free"]) {
      expect(one.straight([name])).toBe(false);
      one.wait((error) => log.push(`${name} ${error?.code ?? "read"}`));
    }
    one.endTurn();
    expect(one.straight(["free"])).toBe(false);
    one.wait(() => log.push("later"));
    expect(log).toEqual([]);
    due[0]!(new KvError("UNAVAILABLE", "no"));
    expect(log).toEqual(["locked UNAVAILABLE", "free read", "later"]);
    one.endTurn();
    expect(one.straight(["free"])).toBe(true);
  });
});
