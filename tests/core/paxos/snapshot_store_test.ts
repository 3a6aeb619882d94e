import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import type { SnapshotInstall } from "../../../src/core/paxos/catch_up.ts";
import { writeMessage } from "../../../src/core/paxos/message_codec.ts";
import { type Accept, MESSAGE } from "../../../src/core/paxos/messages.ts";
import { Origins } from "../../../src/core/paxos/origins.ts";
import { RECORD } from "../../../src/core/paxos/records.ts";
import { SlotLog } from "../../../src/core/paxos/slot_log.ts";
import { encodeHeader } from "../../../src/core/paxos/snapshot_header.ts";
import { SnapshotStore } from "../../../src/core/paxos/snapshot_store.ts";
import type { StateMachine } from "../../../src/core/replication.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { HeldLog } from "../../support/paxos_log.ts";

const BALLOT = makeBallot(3, 1);
const NOTHING = new Uint8Array(0);

/** A replica that has accepted something in slot 7, and whose learner knows the slots up to 5. */
class Bench {
  readonly clock = new ManualClock();
  readonly log = new HeldLog(this.clock, new Uint8Array(16));
  readonly slots = new SlotLog(this.log, 1000);
  readonly heard: string[] = [];
  chosen = 5;
  state: number[] = [];
  readonly store: SnapshotStore;

  constructor() {
    this.log.listen({ onDurable: () => {}, onFailure: () => {} });
    this.store = new SnapshotStore({
      replicas: 3,
      log: this.log,
      clock: this.clock,
      machine: this.#machine(),
      slots: this.slots,
      snapshotEvery_bytes: 1e9,
      snapshotSlice_bytes: 1000,
    });
    this.slots.append({ type: RECORD.promise, ballot: BALLOT });
    const accept: Accept = { type: MESSAGE.accept, ballot: BALLOT, slot: 7, chosen: 0, value: new Uint8Array([70]) };
    const writer = new ByteWriter(64);
    writeMessage(writer, accept);
    this.slots.appendAccept(accept, writer.take(), 0);
    this.clock.run();
  }

  #machine(): StateMachine {
    return {
      apply: () => NOTHING,
      query: () => NOTHING,
      snapshot: () => ({ next: () => null, close: () => {} }),
      restore: () => {
        const state: number[] = [];
        return { write: (slice) => void state.push(...slice), finish: () => void (this.state = state) };
      },
    };
  }

  /** Takes a snapshot of slot 10 from elsewhere, all but its end. */
  take(): SnapshotInstall {
    const header = encodeHeader({
      replicas: 3,
      slot: 10,
      base: 1,
      promised: BALLOT,
      round: 3,
      life: 1,
      isJoined: true,
      identities: new Map(),
      origins: new Origins(),
    });
    const install = this.store.install(header, {
      isNewer: (slot) => slot > this.chosen,
      onReplaced: (slot) => void this.heard.push(`replaced by ${slot}`),
      turn: (action) => action(),
    });
    install!.write(new Uint8Array([1, 2]));
    return install!;
  }

  finish(install: SnapshotInstall): void {
    install.finish((hasReplaced) => void this.heard.push(hasReplaced ? "done" : "not done"));
  }
}

describe("a snapshot from elsewhere", () => {
  test("is stored before it replaces the state, and before what was accepted is let go", () => {
    const bench = new Bench();
    bench.finish(bench.take());
    expect([bench.heard, bench.state, bench.store.slot]).toEqual([[], [], 0]);
    expect(bench.slots.value(7)).toEqual(new Uint8Array([70]));
    bench.clock.run();
    expect([bench.heard, bench.state, bench.store.slot]).toEqual([["replaced by 10", "done"], [1, 2], 10]);
    // What the log has of those slots nobody has verified.
    expect([bench.slots.value(7), bench.slots.base]).toEqual([null, 11]);
    expect(bench.store.restore().slot).toBe(10);
  });

  test.each([10, 12])("does not replace a state that has come to slot %d meanwhile", (chosen) => {
    const bench = new Bench();
    const install = bench.take();
    bench.chosen = chosen;
    bench.finish(install);
    bench.clock.run();
    expect([bench.heard, bench.state, bench.log.readSnapshot()]).toEqual([["not done"], [], null]);
    // The next one can be taken.
    bench.chosen = 5;
    bench.finish(bench.take());
    bench.clock.run();
    expect(bench.heard).toEqual(["not done", "replaced by 10", "done"]);
  });

  test("does not replace a state that has come further while it went to the disk", () => {
    const bench = new Bench();
    bench.finish(bench.take());
    bench.chosen = 10;
    bench.clock.run();
    expect([bench.heard, bench.state]).toEqual([["not done"], []]);
  });

  test("leaves a learner that began anew meanwhile its slots", () => {
    const bench = new Bench();
    const install = bench.take();
    bench.finish(install);
    install.abort();
    bench.store.restore();
    bench.clock.run();
    expect([bench.heard, bench.state]).toEqual([["not done"], []]);
    expect([bench.store.slot, bench.slots.base, bench.slots.value(7)]).toEqual([10, 1, new Uint8Array([70])]);
    expect(bench.store.restore().slot).toBe(10);
  });
});
