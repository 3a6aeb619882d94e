/**
 * A disk that forgets by itself: one bit of what was durable turns over while a server is down. A server may refuse
 * to start then; what it may not do is to start as if what is damaged had never been there.
 *
 * Invariant: the bit is not in the last flush, damage in which cannot be told from a write that a crash tore.
 *
 * @module
 */
import type { Disk } from "../../ports/disk.ts";
import { segmentName, segmentNumbers } from "../../log/file_names.ts";
import { between, type Dice, pick } from "./workload.ts";

/** A segment with less in it may have nothing but its last flush in the first half. */
const LEAST_BYTES = 600;

/** Turns a bit of one file over; says which, or null when there was none to take. */
export function turnBit(disk: Disk, dice: Dice): { readonly file: string; readonly offset: number } | null {
  const names = disk.list();
  // The last segment may have been prepared ahead, and the last flush then is in the one before.
  const recent = segmentNumbers(names).slice(-2).map(segmentName);
  const name = pick(dice, names);
  const file = disk.open(name);
  try {
    const bytes = file.read(0, file.size());
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    const isOld = !recent.includes(name);
    const room = isOld ? end : end >= LEAST_BYTES ? Math.floor(end / 2) : 0;
    if (room === 0) return null;
    const offset = between(dice, 0, room - 1);
    file.write(offset, Uint8Array.of(bytes[offset]! ^ (1 << between(dice, 0, 7))));
    file.syncNow();
    return { file: name, offset };
  } finally {
    file.close();
  }
}
