import { describe, expect, test } from "vitest";
import type { Disk, DiskError, DiskFile } from "../../../src/ports/disk.ts";
import { SimDisk } from "../../../src/sim/world/sim_disk.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { ProcessClock, VirtualTime } from "../../../src/sim/world/virtual_time.ts";
import { describeDisk } from "../../contract/disk_contract.ts";

const SECTOR = 512;

class Machine {
  readonly time = new VirtualTime();
  readonly disk: SimDisk;
  readonly faults: string[] = [];
  syncPoints = 0;
  onSyncPoint: () => void = () => {};
  clock!: ProcessClock;
  mounted!: Disk;

  constructor(seed = 1) {
    this.disk = new SimDisk("disk-1", this.time, new SimRandom(seed), {
      onSyncPoint: () => {
        this.syncPoints++;
        this.onSyncPoint();
      },
      onFault: (kind) => void this.faults.push(kind),
      onSynced: () => {},
    });
    this.boot();
  }

  boot(): void {
    this.clock = new ProcessClock(this.time);
    this.mounted = this.disk.mount(this.clock);
    this.mounted.lock();
  }

  losePower(corruption = 0): { kept: number; lost: number; corrupted: number } {
    this.clock.kill();
    const loss = this.disk.losePower(corruption);
    this.boot();
    return loss;
  }

  /** A file whose name is durable. */
  create(name: string): DiskFile {
    const file = this.mounted.create(name);
    this.mounted.syncDirectory();
    return file;
  }

  sync(file: DiskFile): DiskError | null | "no answer" {
    let outcome: DiskError | null | "no answer" = "no answer";
    file.sync((error) => void (outcome = error));
    while (this.time.step(Number.POSITIVE_INFINITY));
    return outcome;
  }
}

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

describeDisk("the simulated disk", () => {
  const machine = new Machine();
  const pump = setInterval(() => machine.time.step(Number.POSITIVE_INFINITY), 1);
  machine.mounted.close();
  return { disk: machine.mounted, end: () => clearInterval(pump) };
});

describe("a simulated disk that loses power", () => {
  test("keeps whatever was synced", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const machine = new Machine(seed);
      const file = machine.create("file");
      file.write(0, filled(3000, 7));
      expect(machine.sync(file)).toBeNull();
      file.write(100, filled(2000, 8));
      file.write(3000, filled(2000, 9));
      machine.losePower(0.5);
      const bytes = machine.disk.bytesOf("file");
      expect(bytes.subarray(0, 100)).toEqual(filled(100, 7));
      expect(bytes.subarray(2100, 3000)).toEqual(filled(900, 7));
      expect(bytes.subarray(100, 2100).every((byte) => byte === 7 || byte === 8)).toBe(true);
    }
  });

  test("tears what was not synced by whole sectors, and sometimes loses or keeps all of it", () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const machine = new Machine(seed);
      const file = machine.create("file");
      file.preallocate(8 * SECTOR);
      file.syncNow();
      file.write(0, filled(8 * SECTOR, 1));
      const { kept, lost } = machine.losePower();
      const bytes = machine.disk.bytesOf("file");
      let ones = 0;
      for (let sector = 0; sector < 8; sector++) {
        const part = bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR);
        expect(part.every((byte) => byte === part[0])).toBe(true);
        ones += part[0]!;
      }
      expect([kept, lost]).toEqual([ones, 8 - ones]);
      outcomes.add(ones === 0 ? "lost" : ones === 8 ? "kept" : "torn");
    }
    expect(outcomes).toEqual(new Set(["lost", "kept", "torn"]));
  });

  test("keeps of what was not synced what a scenario says, names before sectors", () => {
    const machine = new Machine();
    const file = machine.create("a");
    file.write(0, filled(3 * SECTOR, 1));
    machine.mounted.create("b");
    machine.clock.kill();
    const asked: boolean[] = [];
    machine.disk.cutPower(() => asked.push(asked.length % 2 === 1) % 2 === 0);
    expect(asked).toHaveLength(4);
    expect(machine.disk.files()).toEqual([{ name: "a", size: 3 * SECTOR }]);
    const bytes = machine.disk.bytesOf("a");
    expect([0, SECTOR, 2 * SECTOR].map((at) => bytes[at])).toEqual([1, 0, 1]);
  });

  test("loses names that were not synced, sometimes, and never one that was", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const machine = new Machine(seed);
      machine.create("old").close();
      machine.mounted.create("new").close();
      machine.mounted.rename("old", "renamed");
      machine.losePower();
      const names = machine.disk.list();
      expect(names.includes("old") !== names.includes("renamed")).toBe(true);
      seen.add(names.join(" "));
    }
    expect(seen).toEqual(new Set(["old", "new old", "renamed", "new renamed"]));
  });

  test("corrupts nothing but what was blank on the medium", () => {
    let corrupted = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const machine = new Machine(seed);
      const file = machine.create("file");
      file.write(0, filled(2 * SECTOR, 5));
      file.syncNow();
      file.write(0, filled(2 * SECTOR, 5));
      file.write(2 * SECTOR, filled(2 * SECTOR, 6));
      corrupted += machine.losePower(0.5).corrupted;
      expect(machine.disk.bytesOf("file").subarray(0, 2 * SECTOR)).toEqual(filled(2 * SECTOR, 5));
    }
    expect(corrupted).toBeGreaterThan(10);
  });

  test("takes nothing from a process that is dead, and does not call it back", () => {
    const machine = new Machine();
    const file = machine.create("file");
    let called = false;
    file.sync(() => void (called = true));
    machine.losePower();
    while (machine.time.step(Number.POSITIVE_INFINITY));
    expect(called).toBe(false);
    expect(() => file.write(0, filled(1, 1))).toThrow("the process has crashed");
  });

  test("does not make durable what was written after a sync began", () => {
    let lost = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const machine = new Machine(seed);
      const file = machine.create("file");
      file.write(0, filled(10, 1));
      let isDone = false;
      file.sync(() => void (isDone = true));
      file.write(10, filled(10, 2));
      while (!isDone) machine.time.step(Number.POSITIVE_INFINITY);
      machine.losePower();
      expect(machine.disk.bytesOf("file").subarray(0, 10)).toEqual(filled(10, 1));
      if (machine.disk.bytesOf("file").length < 20) lost++;
    }
    expect(lost).toBeGreaterThan(3);
  });

  test("may do so in the middle of a sync", () => {
    const machine = new Machine();
    const file = machine.create("file");
    machine.onSyncPoint = () => machine.clock.kill();
    file.write(0, filled(1, 1));
    expect(() => file.syncNow()).toThrow("the process has crashed");
  });
});

describe("a simulated disk in trouble", () => {
  test("leaves the cache clean after a failed sync: processes see what no later sync makes durable", () => {
    let lost = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const machine = new Machine(seed);
      const file = machine.create("file");
      file.write(0, filled(4 * SECTOR, 1));
      machine.disk.failingSyncs = 1;
      expect(machine.sync(file)).toMatchObject({ code: "io" });
      expect(machine.faults).toEqual(["failedSync"]);
      expect(machine.sync(file)).toBeNull();
      expect([...file.read(0, 4 * SECTOR)].every((byte) => byte === 1)).toBe(true);
      machine.losePower();
      const bytes = machine.disk.bytesOf("file");
      if (bytes.length < 4 * SECTOR || bytes.includes(0)) lost++;
    }
    expect(lost).toBeGreaterThan(15);
  });

  test("takes longer for syncs while it is slow", () => {
    const machine = new Machine();
    const file = machine.create("file");
    machine.sync(file);
    expect(machine.time.now_us).toBeLessThan(1000);
    machine.disk.slow_us = 50_000;
    machine.sync(file);
    expect(machine.time.now_us).toBeGreaterThan(50_000);
    expect(machine.faults).toEqual(["slowSync"]);
  });

  test("cuts a write short when it is full, in the middle of a record", () => {
    const machine = new Machine();
    const file = machine.create("file");
    machine.disk.writable = 1000;
    expect(() => file.write(0, filled(1500, 1))).toThrow("no space left for file");
    expect(file.size()).toBe(1000);
    machine.disk.writable = Number.POSITIVE_INFINITY;
    machine.disk.capacity = 1200;
    expect(() => file.write(1000, filled(300, 2))).toThrow("no space left for file");
    expect(file.size()).toBe(1200);
    file.write(0, filled(1200, 3));
    expect(() => file.preallocate(1201)).toThrow("no space left for file");
    expect(machine.faults).toEqual(["fullDisk", "fullDisk", "fullDisk"]);
  });

  test("turns bits over and misdirects writes when a scenario says so", () => {
    const machine = new Machine();
    const file = machine.create("file");
    file.write(0, new Uint8Array([1, 2, 3, 4]));
    file.syncNow();
    machine.disk.flipBit("file", 1, 7);
    machine.disk.misdirect("file", 0, 2, 2);
    expect([...file.read(0, 4)]).toEqual([1, 130, 1, 130]);
    machine.losePower();
    expect([...machine.disk.bytesOf("file")]).toEqual([1, 130, 1, 130]);
    expect(() => machine.disk.flipBit("file", 4)).toThrow("offset 4 is behind the 4 bytes");
  });
});
