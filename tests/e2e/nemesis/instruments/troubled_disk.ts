/**
 * A disk around the real one, with crash points before and after whatever changes it, and with troubles: slow syncs,
 * syncs that fail, no space.
 *
 * @module
 */
import { type Disk, DiskError, type DiskFile } from "../../../../src/ports/disk.ts";
import type { CrashPoints } from "./crash_points.ts";
import type { TroubleFile } from "./troubles.ts";

/** What kind of file a name is of, for the names of points. */
function kindOf(name: string): string {
  if (name.startsWith("segment")) return "segment";
  if (name.startsWith("snapshot")) return "snapshot";
  return "file";
}

/** Puts points and troubles around `disk`. */
export function troubledDisk(disk: Disk, points: CrashPoints, troubles: TroubleFile): Disk {
  const refuse = (name: string): void => {
    if (troubles.now.isFull === true) throw new DiskError("no-space", name, `${name}: no space left on device`);
  };
  const file = (inner: DiskFile): DiskFile => {
    const { name } = inner;
    const kind = kindOf(name);
    return {
      name,
      size: () => inner.size(),
      read: (offset, length) => inner.read(offset, length),
      write: (offset, bytes) => {
        refuse(name);
        points.pass(`before-write-${kind}`);
        // Half of what is written, and then the end: a torn write.
        if (bytes.length > 1) {
          inner.write(offset, bytes.subarray(0, bytes.length >>> 1));
          points.pass(`within-write-${kind}`);
        }
        inner.write(offset, bytes);
        points.pass(`after-write-${kind}`);
      },
      preallocate: (length) => {
        refuse(name);
        points.around(`preallocate-${kind}`, () => inner.preallocate(length));
      },
      truncate: (length) => points.around(`truncate-${kind}`, () => inner.truncate(length)),
      sync: (done) => {
        points.pass(`before-sync-${kind}`);
        const { failSync = false, syncDelay_ms = 0 } = troubles.now;
        inner.sync((error) => {
          points.pass(`after-sync-${kind}`);
          const told = failSync ? new DiskError("io", name, `${name}: input/output error`) : error;
          if (syncDelay_ms === 0) return done(told);
          setTimeout(() => done(told), syncDelay_ms);
        });
      },
      syncNow: () => points.around(`sync-${kind}`, () => inner.syncNow()),
      close: () => inner.close(),
    };
  };
  return {
    path: disk.path,
    lock: () => disk.lock(),
    list: () => disk.list(),
    open: (name) => file(disk.open(name)),
    create: (name) => {
      refuse(name);
      return file(points.around(`create-${kindOf(name)}`, () => disk.create(name)));
    },
    rename: (from, to) => points.around(`rename-${kindOf(to)}`, () => disk.rename(from, to)),
    remove: (name) => points.around(`remove-${kindOf(name)}`, () => disk.remove(name)),
    syncDirectory: () => points.around("sync-directory", () => disk.syncDirectory()),
    close: () => disk.close(),
  };
}
