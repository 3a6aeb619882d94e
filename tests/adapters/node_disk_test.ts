import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openNodeDisk } from "../../src/adapters/node_disk.ts";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import { type DurableLog, openDurableLog } from "../../src/log/durable_log.ts";
import { DiskError } from "../../src/ports/disk.ts";
import type { LogError } from "../../src/ports/log.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "node-disk-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function open(path: string): DurableLog {
  return openDurableLog({ disk: openNodeDisk(path), clock: systemClock, random: systemRandom });
}

function close(log: DurableLog): Promise<LogError | null> {
  return new Promise((resolve) => log.close(resolve));
}

describe("a node disk", () => {
  test("makes its directory and those above it", () => {
    const disk = openNodeDisk(join(directory, "a", "b", "c"));
    disk.create("file").close();
    expect(existsSync(join(directory, "a", "b", "c", "file"))).toBe(true);
  });

  test("knows its directory by its whole path", () => {
    const disk = openNodeDisk(relative(process.cwd(), directory));
    expect(isAbsolute(disk.path)).toBe(true);
    expect(disk.path).toBe(directory);
  });

  test("says which file is in the way of its directory", () => {
    writeFileSync(join(directory, "file"), "");
    expect(() => openNodeDisk(join(directory, "file", "below"))).toThrow(DiskError);
    expect(() => openNodeDisk(join(directory, "file", "below"))).toThrow(join(directory, "file", "below"));
  });

  test("names the file in what goes wrong with it", () => {
    mkdirSync(join(directory, "folder"));
    const disk = openNodeDisk(directory);
    expect(() => disk.open("missing")).toThrow(join(directory, "missing"));
    expect(() => disk.open("folder")).toThrow(DiskError);
  });
});

describe("a durable log on a node disk", () => {
  test("keeps its records from one process to the next", async () => {
    const log = open(directory);
    for (let i = 0; i < 1000; i++) log.append(new Uint8Array(200).fill(i));
    expect(await close(log)).toBeNull();
    const again = open(directory);
    expect(again.lastPosition).toBe(1000);
    expect(again.read(1, 1e9).every(({ payload }, i) => payload.length === 200 && payload[0] === (i & 255))).toBe(true);
    expect(again.recovered).toBeNull();
    expect(await close(again)).toBeNull();
  });

  test("names the directory's holder, and the file and offset of damage", async () => {
    const log = open(directory);
    expect(() => open(directory)).toThrow(String(process.pid));
    for (let i = 0; i < 10; i++) log.append(new Uint8Array(200).fill(i));
    await close(log);
    const path = join(directory, "segment-0000000000000001");
    const bytes = readFileSync(path);
    bytes[500]! ^= 1;
    writeFileSync(path, bytes);
    expect(() => open(directory)).toThrow(/segment-0000000000000001 is damaged at offset 44/);
    // A log that is refused lets go of the directory.
    expect(() => open(directory)).toThrow(/damaged/);
  });

  test.runIf(existsSync("/dev/full") && process.platform === "linux")(
    "reports a full device as full",
    () => {
      // Only Linux has a device that is always full.
      const file = openNodeDisk("/dev").open("full");
      try {
        file.write(0, new Uint8Array(10));
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: "no-space" });
      } finally {
        file.close();
      }
    },
  );
});

describe("the system's clock and randomness", () => {
  test("tell time and run callbacks in later turns", async () => {
    expect(Number.isInteger(systemClock.now())).toBe(true);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(10_000);
    const before = systemClock.monotonic();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.after(5, resolve);
      systemClock.after(1, () => order.push("cancelled")).cancel();
      systemClock.defer(() => order.push("deferred"));
      order.push("now");
    });
    expect(order).toEqual(["now", "deferred"]);
    expect(systemClock.monotonic()).toBeGreaterThan(before);
  });

  test("draw numbers in [0, 1) and as many bytes as asked", () => {
    const numbers = Array.from({ length: 1000 }, () => systemRandom.next());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBe(1000);
    expect(systemRandom.bytes(0)).toHaveLength(0);
    expect(systemRandom.bytes(200_000)).toHaveLength(200_000);
    expect(systemRandom.bytes(16)).not.toEqual(systemRandom.bytes(16));
  });
});
