import { describe, expect, test } from "vitest";
import { snapshotName } from "../../src/log/file_names.ts";
import { Bench, errorOf, payload } from "./support.ts";

const NAME = snapshotName(30);

/** A log of 40 records in several segments with a snapshot at 30, and nothing before it where that was possible. */
function truncated(): Bench {
  const bench = new Bench();
  for (let i = 1; i <= 40; i++) bench.flush(payload(i, 200));
  expect(bench.snapshot(30, payload(100, 700), payload(101, 900))).toBeNull();
  bench.log.truncate(40);
  expect(bench.log.firstPosition).toBeGreaterThan(10);
  expect(bench.log.firstPosition).toBeLessThanOrEqual(31);
  return bench;
}

describe("a stored snapshot", () => {
  test("is there with the records after it when the log is opened again", () => {
    const bench = truncated();
    const { firstPosition } = bench.log;
    bench.open(bench.disk.powerOff(() => false));
    const snapshot = bench.log.readSnapshot()!;
    expect(snapshot).toMatchObject({ position: 30, size: 1600 });
    expect([...snapshot.slices()]).toEqual([payload(100, 700), payload(101, 900)]);
    expect(bench.log.firstPosition).toBe(firstPosition);
    expect(bench.log.read(31, 1e6).map((record) => record.position)).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
    expect(errorOf(() => bench.log.read(firstPosition - 1, 1)).code).toBe("truncated");
  });

  test("that is damaged at any byte is refused and never passed over", () => {
    const bench = truncated();
    const origin = bench.disk;
    const whole = origin.bytesOf(NAME);
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice();
      bytes[at]! ^= 1;
      const disk = origin.clone();
      disk.overwrite(NAME, bytes);
      const error = errorOf(() => [...bench.open(disk).readSnapshot()!.slices()]);
      expect(error).toMatchObject({ code: "damaged", file: NAME });
      expect(error.offset).toBeLessThanOrEqual(at);
    }
  });

  test("that is damaged is given out up to there, and asking for it reads none of it", () => {
    const bench = truncated();
    const bytes = bench.disk.bytesOf(NAME).slice();
    bytes[bytes.length - 100]! ^= 1;
    bench.disk.overwrite(NAME, bytes);
    const slices = bench.log.readSnapshot()!.slices()[Symbol.iterator]();
    expect(slices.next().value).toEqual(payload(100, 700));
    expect(errorOf(() => slices.next())).toMatchObject({ code: "damaged", file: NAME });
  });

  test("that is cut short at any byte, or too long, is refused", () => {
    const bench = truncated();
    const origin = bench.disk;
    const whole = origin.bytesOf(NAME);
    for (let length = 0; length < whole.length; length += 3) {
      const disk = origin.clone();
      disk.overwrite(NAME, whole.slice(0, length));
      expect(errorOf(() => [...bench.open(disk).readSnapshot()!.slices()])).toMatchObject({
        code: "damaged",
        file: NAME,
      });
    }
    origin.overwrite(NAME, new Uint8Array([...whole, 0]));
    expect(errorOf(() => bench.open(origin.kill()))).toMatchObject({ code: "damaged", file: NAME });
  });

  test("that is missing is noticed when the log before it is gone", () => {
    const bench = truncated();
    bench.disk.remove(NAME);
    const error = errorOf(() => bench.open(bench.disk.kill()));
    expect(error.code).toBe("damaged");
    expect(error.message).toContain("neither in the log nor in a snapshot");
  });

  test("that stands for more than the log holds proves that the log lost its end", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    const short = bench.disk.clone();
    bench.flush(payload(2));
    bench.snapshot(2, payload(3));
    short.overwrite(snapshotName(2), bench.disk.bytesOf(snapshotName(2)));
    expect(errorOf(() => bench.open(short))).toMatchObject({ code: "damaged" });
  });

  test("replaces the one before it, and a crash in between leaves one of them", () => {
    for (let kept = 0; kept < 2; kept++) {
      const bench = truncated();
      bench.snapshot(35, payload(5));
      expect(bench.disk.list().filter((name) => name.startsWith("snapshot"))).toEqual([snapshotName(35)]);
      bench.open(bench.disk.powerOff(() => kept === 1));
      expect(bench.log.readSnapshot()!.position).toBe(35);
      expect(bench.disk.list().filter((name) => name.startsWith("snapshot"))).toEqual([snapshotName(35)]);
    }
  });

  test("lets the log go on where only whole segments before it are gone", () => {
    const bench = truncated();
    bench.snapshot(40, payload(5));
    bench.log.truncate(40);
    bench.open(bench.disk.powerOff(() => true));
    bench.flush(payload(41));
    expect(bench.reported).toEqual([41]);
    bench.open(bench.disk.powerOff(() => false));
    expect(bench.log.lastPosition).toBe(41);
  });

  test("makes a gap among segments that were being removed harmless", () => {
    const bench = new Bench();
    for (let i = 1; i <= 60; i++) bench.flush(payload(i, 200));
    bench.snapshot(50, payload(1));
    bench.log.truncate(60);
    // Of the removed names some come back, in any combination.
    let turn = 0;
    bench.open(bench.disk.powerOff(() => turn++ % 2 === 0));
    expect(bench.log.lastPosition).toBe(60);
    expect(bench.log.read(51, 1e6)).toHaveLength(10);
  });
});

describe("a snapshot that is being written", () => {
  test("leaves no trace when the process dies", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    bench.log.writeSnapshot(1).write(payload(2, 3000));
    expect(bench.disk.list()).toContain(`${snapshotName(1)}.tmp`);
    bench.open(bench.disk.kill());
    expect(bench.disk.list()).not.toContain(`${snapshotName(1)}.tmp`);
    expect(bench.log.readSnapshot()).toBeNull();
  });

  test("is given up when the log is closed", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    bench.log.writeSnapshot(1).write(payload(2, 3000));
    expect(bench.close()).toBeNull();
    expect(bench.disk.kill().list()).toEqual(["meta", "segment-0000000000000001"]);
  });

  test("is stored only when all of it is durable, also what was written while a sync was under way", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    const writer = bench.log.writeSnapshot(1);
    writer.write(new Uint8Array(9 * 1024 * 1024));
    writer.write(payload(2, 5000));
    let stored = false;
    writer.commit((error) => stored = error === null);
    bench.clock.run();
    expect(stored).toBe(true);
    bench.open(bench.disk.powerOff(() => false));
    expect(bench.log.readSnapshot()!.size).toBe(9 * 1024 * 1024 + 5000);
  });

  test("may be as large as it likes: long slices are split, and syncs keep up", () => {
    const bench = new Bench();
    bench.flush(payload(1));
    const writer = bench.log.writeSnapshot(1);
    const slice = new Uint8Array(5 * 1024 * 1024).fill(7);
    for (let i = 0; i < 3; i++) writer.write(slice);
    let result: unknown = "not stored";
    writer.commit((error) => result = error);
    bench.clock.run();
    expect(result).toBeNull();
    const snapshot = bench.log.readSnapshot()!;
    let size = 0;
    for (const part of snapshot.slices()) {
      expect(part.length).toBeLessThanOrEqual(1024 * 1024);
      size += part.length;
    }
    expect([size, snapshot.size]).toEqual([3 * slice.length, 3 * slice.length]);
  });
});
