import { describe, expect, test } from "vitest";
import { openDurableLog } from "../../src/log/durable_log.ts";
import { segmentName } from "../../src/log/file_names.ts";
import { DiskError } from "../../src/ports/disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { Bench, errorOf, payload } from "./support.ts";

describe("a sync that fails", () => {
  test("stops the log: it is told once, nothing more is reported, and a later sync is not trusted", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    bench.log.append(payload(2));
    bench.disk.failingSyncs = 1;
    bench.clock.run();
    expect(bench.failures.map((error) => error.code)).toEqual(["io"]);
    expect(errorOf(() => bench.log.append(payload(3))).code).toBe("closed");
    bench.clock.run();
    expect(bench.reported).toEqual([1]);
    expect(bench.failures).toHaveLength(1);
    expect(bench.log.durablePosition).toBe(1);
    expect(bench.log.read(1, 1000).map((record) => record.position)).toEqual([1]);
    expect(bench.close()?.code).toBe("io");
  });

  test("takes nothing that was appended meanwhile along", () => {
    const bench = new Bench();
    bench.log.append(payload(1));
    bench.clock.step();
    bench.log.append(payload(2));
    bench.disk.failingSyncs = 1;
    bench.clock.run();
    expect(bench.reported).toEqual([]);
    expect(bench.failures).toHaveLength(1);
  });

  test("is not made up for by one that was under way when the log failed elsewhere", () => {
    const bench = new Bench();
    for (let i = 0; i < 40; i++) bench.flush(payload(i, 200));
    bench.snapshot(30, payload(1));
    bench.log.append(payload(41));
    bench.clock.step();
    bench.disk.remove = (name) => {
      throw new DiskError("io", name, `cannot remove ${name}`);
    };
    bench.log.truncate(30);
    bench.clock.run();
    expect(bench.failures.map((error) => error.code)).toEqual(["io"]);
    expect(bench.reported.at(-1)).toBe(40);
    expect(bench.log.durablePosition).toBe(40);
  });

  test("does not let the next process believe what only the cache holds", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    bench.disk.failingSyncs = 1;
    bench.flush(payload(2), payload(3));
    bench.open(bench.disk.kill());
    // The cache still has the records, so the log may keep them, but then they must be on the medium, too.
    const { lastPosition } = bench.log;
    bench.open(bench.disk.powerOff(() => false));
    expect(bench.log.lastPosition).toBe(lastPosition);
    expect(bench.payloads()).toEqual([payload(1), payload(2), payload(3)].slice(0, lastPosition));
  });

  test("fails the snapshot it belongs to, and the earlier one stands", () => {
    const bench = new Bench();
    bench.flush(payload(1), payload(2));
    expect(bench.snapshot(1, payload(10))).toBeNull();
    bench.disk.failingSyncs = 1;
    expect(bench.snapshot(2, payload(20))?.code).toBe("io");
    expect([...bench.log.readSnapshot()!.slices()]).toEqual([payload(10)]);
    expect(bench.disk.list().filter((name) => name.startsWith("snapshot"))).toEqual(["snapshot-0000000000000001"]);
    expect(bench.snapshot(2, payload(20))).toBeNull();
    expect(bench.log.readSnapshot()!.position).toBe(2);
  });
});

describe("a disk that fills up", () => {
  /** Appends records of 200 bytes until the log stops; how many it called durable. */
  function fill(bench: Bench): number {
    for (let i = bench.log.lastPosition + 1; bench.failures.length === 0; i++) bench.flush(payload(i, 200));
    return bench.log.durablePosition;
  }

  test("at any byte stops the log with what was durable, and it goes on after a restart with space", () => {
    for (let capacity = 1500; capacity < 6500; capacity += 37) {
      const bench = new Bench();
      bench.disk.capacity = capacity;
      const durable = fill(bench);
      expect(bench.failures[0]).toMatchObject({ code: "full" });
      expect(bench.failures[0]!.message).toContain("free some space");
      expect(bench.reported.at(-1) ?? 0).toBe(durable);
      expect(errorOf(() => bench.log.append(payload(0))).code).toBe("closed");
      expect(bench.close()?.code).toBe("full");
      bench.open(capacity % 2 === 0 ? bench.disk.kill() : bench.disk.powerOff(() => false));
      const kept = bench.log.lastPosition;
      expect(kept).toBeGreaterThanOrEqual(durable);
      bench.flush(payload(kept + 1, 200));
      expect(bench.reported).toEqual([kept + 1]);
      expect(bench.payloads()).toEqual(Array.from({ length: kept + 1 }, (_, i) => payload(i + 1, 200)));
    }
  });

  test("before there is a log is reported as full", () => {
    const bench = new Bench();
    const disk = bench.disk.clone();
    for (const name of disk.list()) disk.remove(name);
    disk.capacity = 60;
    const config = { disk, clock: bench.clock, random: new SeededRandom(1), options: bench.options };
    expect(errorOf(() => openDurableLog(config)).code).toBe("full");
    disk.capacity = 100_000;
    bench.open(disk);
    bench.flush(payload(1));
    expect(bench.payloads()).toEqual([payload(1)]);
  });

  test("while the next segment is only being prepared is no failure yet", () => {
    const bench = new Bench({ segmentBytes: 2048, reserveBytes: 2048 });
    while (bench.log.status().bytes < 900) bench.flush(payload(1));
    const used = bench.disk.list().reduce((sum, name) => sum + bench.disk.bytesOf(name).length, 0);
    bench.disk.capacity = used + 20;
    while (bench.log.status().bytes < 1500) bench.flush(payload(2));
    expect(bench.failures).toEqual([]);
    expect(bench.disk.list()).toEqual(["meta", segmentName(1)]);
    bench.disk.capacity = 100_000;
    while (bench.log.status().segments < 3) bench.flush(payload(3));
    expect(bench.failures).toEqual([]);
  });

  test("fails a snapshot without stopping the log", () => {
    const bench = new Bench();
    bench.flush(payload(1), payload(2));
    bench.disk.capacity = 3000;
    expect(bench.snapshot(2, payload(1, 4000))?.code).toBe("full");
    expect(bench.disk.list().filter((name) => name.startsWith("snapshot"))).toEqual([]);
    bench.flush(payload(3));
    expect(bench.reported.at(-1)).toBe(3);
  });
});

describe("a directory in use", () => {
  test("is refused, and the log that has it goes on", () => {
    const bench = new Bench();
    const { clock, disk, options } = bench;
    const second = errorOf(() => {
      // A disk that is refused is closed by the log; this one is the first log's, so look without closing it.
      const guarded = Object.create(disk, { close: { value: () => undefined }, lock: { value: () => disk.lock() } });
      openDurableLog({ disk: guarded, clock, random: new SeededRandom(2), options });
    });
    expect(second.code).toBe("locked");
    bench.flush(payload(1));
    expect(bench.reported).toEqual([1]);
  });
});
