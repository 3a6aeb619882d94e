import { describe, expect, it } from "vitest";
import { KvError } from "../../../src/core/errors.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { ReadGate } from "../../../src/server/resp/read_gate.ts";
import { ImmediateReplication } from "../../support/immediate_replication.ts";

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
});
