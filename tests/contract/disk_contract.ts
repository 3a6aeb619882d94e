/**
 * What every disk promises, as one suite that each of them passes.
 *
 * @module
 */
import { describe, expect, test } from "vitest";
import { type Disk, DiskError } from "../../src/ports/disk.ts";

/** A disk under test, in an empty directory. */
export interface DiskUnderTest {
  readonly disk: Disk;
  /** Lets go of what the disk used. */
  end(): void;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof DiskError ? error.code : String(error);
  }
  return "no error";
}

/** Makes a `describe` block for the disk that `make` makes anew for each test. */
export function describeDisk(name: string, make: () => DiskUnderTest): void {
  async function withDisk(use: (disk: Disk) => void | Promise<void>): Promise<void> {
    const { disk, end } = make();
    try {
      await use(disk);
    } finally {
      end();
    }
  }

  describe(name, () => {
    test("starts without files and lists them in bytewise order", () =>
      withDisk((disk) => {
        expect(disk.list()).toEqual([]);
        for (const name of ["b", "a-2", "a-10", "B"]) disk.create(name).close();
        expect(disk.list()).toEqual(["B", "a-10", "a-2", "b"]);
      }));

    test("does not list its own lock", () =>
      withDisk((disk) => {
        disk.lock();
        expect(disk.list()).toEqual([]);
        disk.close();
      }));

    test("reads back what was written, and stops at the end of the file", () =>
      withDisk((disk) => {
        const file = disk.create("file");
        file.write(0, new Uint8Array([1, 2, 3, 4]));
        file.write(2, new Uint8Array([9]));
        expect(file.name).toBe("file");
        expect(file.size()).toBe(4);
        expect([...file.read(1, 2)]).toEqual([2, 9]);
        expect([...file.read(2, 100)]).toEqual([9, 4]);
        expect(file.read(4, 10)).toHaveLength(0);
        expect(file.read(400, 10)).toHaveLength(0);
        file.close();
      }));

    test("gives fresh memory to a read and keeps none of a write", () =>
      withDisk((disk) => {
        const file = disk.create("file");
        const bytes = new Uint8Array([1, 2, 3]);
        file.write(0, bytes);
        bytes.fill(7);
        file.read(0, 3).fill(8);
        expect([...file.read(0, 3)]).toEqual([1, 2, 3]);
        file.close();
      }));

    test("fills the space between the end and a later write with zeros", () =>
      withDisk((disk) => {
        const file = disk.create("file");
        file.write(3, new Uint8Array([5]));
        expect([...file.read(0, 10)]).toEqual([0, 0, 0, 5]);
        file.close();
      }));

    test("reserves space as zeros without touching what is there", () =>
      withDisk((disk) => {
        const file = disk.create("file");
        file.write(0, new Uint8Array([1, 2, 3]));
        file.preallocate(1_000_000);
        expect(file.size()).toBe(1_000_000);
        expect([...file.read(0, 5)]).toEqual([1, 2, 3, 0, 0]);
        expect(file.read(0, 1_000_000).every((byte, i) => i < 3 || byte === 0)).toBe(true);
        file.preallocate(10);
        expect(file.size()).toBe(1_000_000);
        file.truncate(2);
        expect([...file.read(0, 10)]).toEqual([1, 2]);
        file.close();
      }));

    test("keeps what was written when a file is opened again", () =>
      withDisk((disk) => {
        const file = disk.create("file");
        file.write(0, new Uint8Array([1, 2, 3]));
        file.close();
        const again = disk.open("file");
        again.write(1, new Uint8Array([7]));
        expect([...again.read(0, 10)]).toEqual([1, 7, 3]);
        again.close();
      }));

    test("calls back after a sync, in a later turn, and also when the file was closed meanwhile", () =>
      withDisk(async (disk) => {
        const file = disk.create("file");
        file.write(0, new Uint8Array([1]));
        let called = false;
        const first = new Promise((resolve) =>
          file.sync((error) => {
            called = true;
            resolve(error);
          })
        );
        expect(called).toBe(false);
        expect(() => file.sync(() => undefined)).toThrow(RangeError);
        expect(await first).toBeNull();
        const second = new Promise((resolve) => file.sync(resolve));
        file.close();
        expect(await second).toBeNull();
      }));

    test("syncs at once for those who wait", () =>
      withDisk((disk) => {
        const file = disk.create("file");
        file.write(0, new Uint8Array([1]));
        file.syncNow();
        disk.syncDirectory();
        file.close();
      }));

    test("renames over what was there, and removes", () =>
      withDisk((disk) => {
        const a = disk.create("a");
        a.write(0, new Uint8Array([1]));
        a.close();
        disk.create("b").close();
        disk.rename("a", "b");
        expect(disk.list()).toEqual(["b"]);
        const b = disk.open("b");
        expect(b.size()).toBe(1);
        b.close();
        disk.remove("b");
        expect(disk.list()).toEqual([]);
      }));

    test("says what is wrong in its own terms", () =>
      withDisk((disk) => {
        const file = disk.create("a");
        expect(codeOf(() => disk.create("a"))).toBe("exists");
        expect(codeOf(() => disk.open("b"))).toBe("not-found");
        expect(codeOf(() => disk.remove("b"))).toBe("not-found");
        expect(codeOf(() => disk.rename("b", "c"))).toBe("not-found");
        file.close();
        file.close();
        expect(codeOf(() => file.read(0, 1))).toBe("closed");
        expect(codeOf(() => file.write(0, new Uint8Array(1)))).toBe("closed");
        expect(codeOf(() => file.sync(() => undefined))).toBe("closed");
      }));
  });
}
