import { describe, expect, test } from "vitest";
import { Housekeeping } from "../../src/core/housekeeping.ts";
import type { SnapshotSink, SnapshotSource, StateMachine } from "../../src/core/replication.ts";
import type { Timer } from "../../src/ports/clock.ts";
import { ManualClock } from "../support/manual_clock.ts";

/** A clock that counts its timers. */
class CountingClock extends ManualClock {
  timers = 0;

  override after(delay_ms: number, callback: () => void): Timer {
    this.timers++;
    return super.after(delay_ms, callback);
  }
}

/** A machine of which only the time when something falls due matters. */
class DueMachine implements StateMachine {
  due: number | null = null;

  nextDue(): number | null {
    return this.due;
  }

  dueCommand(): Uint8Array {
    return new Uint8Array([1]);
  }

  apply(): Uint8Array {
    throw new Error("nothing is applied here");
  }

  query(): Uint8Array {
    throw new Error("nothing is asked here");
  }

  snapshot(): SnapshotSource {
    throw new Error("no snapshot is taken here");
  }

  restore(): SnapshotSink {
    throw new Error("nothing is restored here");
  }
}

/** Housekeeping that is on; `proposals` are the times since its start at which it proposed. */
function bench() {
  const clock = new CountingClock();
  const machine = new DueMachine();
  const start = clock.now();
  const began = clock.monotonic();
  const proposals: number[] = [];
  let done: (() => void) | null = null;
  const housekeeping = new Housekeeping(clock, machine, (_command, end) => {
    proposals.push(clock.monotonic() - began);
    done = end;
  });
  housekeeping.turn(true);
  return { clock, machine, housekeeping, proposals, start, end: () => done?.() };
}

describe("housekeeping", () => {
  test("proposes what is due when its time has come, and again only when that is applied", () => {
    const { clock, machine, housekeeping, proposals, start, end } = bench();
    machine.due = start + 50;
    housekeeping.schedule();
    clock.advance(49);
    expect(proposals).toEqual([]);
    clock.advance(1);
    expect(proposals).toEqual([50]);
    machine.due = start + 60;
    housekeeping.schedule();
    clock.advance(100);
    expect(proposals).toEqual([50]);
    end();
    clock.advance(2);
    expect(proposals).toEqual([50, 152]);
  });

  test("makes one timer for many batches while nothing earlier falls due", () => {
    const { clock, machine, housekeeping, proposals, start } = bench();
    for (let batch = 0; batch < 100; batch++) {
      machine.due = start + 5000 + batch;
      housekeeping.schedule();
      clock.advance(1);
    }
    expect(clock.timers).toBe(1);
    clock.advance(10_000);
    expect(proposals).toEqual([5099]);
    expect(clock.timers).toBe(2);
  });

  test("wakes up sooner for what falls due earlier", () => {
    const { clock, machine, housekeeping, proposals, start } = bench();
    machine.due = start + 5000;
    housekeeping.schedule();
    machine.due = start + 20;
    housekeeping.schedule();
    clock.advance(20);
    expect(proposals).toEqual([20]);
  });

  test("lets near expiries share one command", () => {
    const { clock, machine, housekeeping, proposals, start } = bench();
    machine.due = start - 1000;
    for (let batch = 0; batch < 10; batch++) housekeeping.schedule();
    expect(clock.timers).toBe(1);
    clock.advance(1);
    housekeeping.schedule();
    expect(proposals).toEqual([]);
    clock.advance(1);
    expect(proposals).toEqual([2]);
  });

  test("notices at the next batch that the wall clock was set forward, and waits when it was set back", () => {
    const { clock, machine, housekeeping, proposals, start } = bench();
    machine.due = start + 3_600_000;
    housekeeping.schedule();
    clock.advance(1000);
    clock.jump(start + 4_000_000);
    housekeeping.schedule();
    clock.advance(2);
    expect(proposals).toEqual([1002]);

    const other = bench();
    other.machine.due = other.start + 100;
    other.housekeeping.schedule();
    other.clock.jump(other.start - 500);
    other.clock.advance(599);
    expect(other.proposals).toEqual([]);
    other.clock.advance(1);
    expect(other.proposals).toEqual([600]);
  });

  test("waits in steps for what is further away than a timer reaches", () => {
    const { clock, machine, housekeeping, proposals, start } = bench();
    machine.due = start + 2 ** 32;
    housekeeping.schedule();
    clock.advance(2 ** 32 - 1);
    expect(proposals).toEqual([]);
    clock.advance(1);
    expect(proposals).toEqual([2 ** 32]);
  });

  test("proposes nothing while it is off, nor when what was due is gone", () => {
    const { clock, machine, housekeeping, proposals, start } = bench();
    machine.due = start + 10;
    housekeeping.schedule();
    housekeeping.turn(false);
    clock.advance(100);
    expect(proposals).toEqual([]);
    machine.due = start + 200;
    housekeeping.turn(true);
    machine.due = null;
    clock.advance(200);
    expect(proposals).toEqual([]);
  });
});
