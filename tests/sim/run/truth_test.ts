import { describe, expect, test } from "vitest";
import { keyFromText, textToBytes } from "../../../src/codec/bytes.ts";
import { NO_EXPIRY, type Operation } from "../../../src/core/kv/command.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import type { SnapshotSource } from "../../../src/core/replication.ts";
import { MemoryLog } from "../../../src/log/memory_log.ts";
import type { Log } from "../../../src/ports/log.ts";
import { startAt } from "../../../src/sim/run/late_start.ts";
import { type Life, Truth, WitnessedMachine } from "../../../src/sim/run/truth.ts";
import { Violations } from "../../../src/sim/run/violation.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { ManualClock } from "../../support/manual_clock.ts";

function put(key: string, value: string): Operation {
  return {
    type: "put",
    key: keyFromText(key),
    value: textToBytes(value),
    expiry: NO_EXPIRY,
    condition: "always",
    returnPrevious: false,
  };
}

function live(truth: Truth, writes: readonly Operation[], firstRevision = 0): Life {
  const store = new KVStore();
  if (firstRevision > 0) startAt(store, firstRevision);
  const machine = new WitnessedMachine(store, store, truth, { checksSnapshots: true });
  for (const write of writes) machine.apply(encodeCommand(write), 1000);
  return {
    store,
    log: new MemoryLog({ clock: new ManualClock(), random: new SimRandom(1) }),
    apply: (command, time) => void store.apply(command, time),
    appliedPosition: () => writes.length,
  };
}

describe("the truth", () => {
  test("accepts a server that has what its life before had", () => {
    const violations = new Violations();
    const truth = new Truth(violations, 0);
    truth.onRecovered(0, live(truth, [put("a", "1"), put("b", "2")]));
    truth.onRecovered(0, live(truth, [put("a", "1"), put("b", "2")]));
    expect(violations.all).toEqual([]);
    expect(truth.events.map(({ revision }) => revision)).toEqual([1, 2]);
    expect(truth.time).toBe(1000);
  });

  test("sees what was lost", () => {
    const violations = new Violations();
    const truth = new Truth(violations, 0);
    truth.onRecovered(0, live(truth, [put("a", "1"), put("b", "2")]));
    truth.onRecovered(0, live(truth, [put("a", "1")]));
    expect(violations.all).toEqual([{ check: "durability", message: "server 0 had applied 2 records and has 1" }]);
  });

  test("sees what is not the same", () => {
    const violations = new Violations();
    const truth = new Truth(violations, 0);
    truth.onRecovered(0, live(truth, [put("a", "1")]));
    truth.onRecovered(0, live(truth, [put("a", "2")]));
    expect(violations.all.map(({ message }) => message)).toEqual([
      "revision 1 was applied again with other events",
      expect.stringContaining("has another state after a restart"),
    ]);
  });

  test("sees a log that lost what was durable", () => {
    const violations = new Violations();
    const truth = new Truth(violations, 0);
    const log = (durablePosition: number, lastPosition: number): Log =>
      new Proxy<Log>(new MemoryLog({ clock: new ManualClock(), random: new SimRandom(1) }), {
        get: (_, name) => name === "durablePosition" ? durablePosition : name === "lastPosition" ? lastPosition : null,
      });
    truth.onOpened(0, log(3, 5));
    truth.onOpened(1, log(9, 9));
    truth.onOpened(0, log(3, 3));
    expect(violations.all).toEqual([]);
    truth.onOpened(1, log(8, 8));
    expect(violations.all).toEqual([
      { check: "durability", message: "the log of server 1 was durable up to record 9 and ends with 8" },
    ]);
  });

  test("sees a state that goes back, unless it may, and one that is of no snapshot", () => {
    const violations = new Violations();
    const truth = new Truth(violations, 0);
    const witness = (writes: readonly Operation[]): { store: KVStore; machine: WitnessedMachine } => {
      const store = new KVStore();
      const machine = new WitnessedMachine(store, store, truth, { checksSnapshots: true });
      for (const write of writes) machine.apply(encodeCommand(write), 1000);
      return { store, machine };
    };
    const copy = (source: SnapshotSource, machine: WitnessedMachine): void => {
      const sink = machine.restore();
      for (let slice = source.next(4096); slice !== null; slice = source.next(4096)) sink.write(slice);
      source.close();
      sink.finish();
    };
    const old = witness([put("a", "1")]);
    const newer = witness([put("a", "1"), put("b", "2")]);
    copy(newer.machine.snapshot(), old.machine);
    expect(old.store.hash()).toBe(newer.store.hash());
    expect(violations.all).toEqual([]);

    const older = witness([put("a", "1")]);
    newer.machine.mayGoBack();
    copy(older.machine.snapshot(), newer.machine);
    expect(violations.all).toEqual([]);

    copy(older.machine.snapshot(), old.machine);
    expect(violations.all.map(({ message }) => message)).toEqual([
      "the state of a server went back from revision 2 to 1",
    ]);

    const stranger = new KVStore();
    stranger.execute(put("z", "9"), 1000);
    copy(stranger.snapshot(), witness([]).machine);
    expect(violations.all.map(({ message }) => message)[1]).toMatch("no server made one of that state");
  });

  test("follows revisions past 32 bits", () => {
    const violations = new Violations();
    const truth = new Truth(violations, 2 ** 32 - 1);
    live(truth, [put("a", "1"), put("b", "2")], 2 ** 32 - 1);
    expect(violations.all).toEqual([]);
    expect(truth.events.map(({ revision }) => revision)).toEqual([2 ** 32, 2 ** 32 + 1]);
  });
});
