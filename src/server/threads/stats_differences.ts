/**
 * What a thread has counted, as differences from what it told before: added to the counters of the server, those of
 * several threads make one sum, which may be set back at any time.
 *
 * @module
 */
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { ServerStats } from "../stats.ts";

type Field = Exclude<keyof ServerStats, "reset">;

const FIELDS: readonly Field[] = (Object.keys(new ServerStats()) as Field[]).toSorted();

/** Writes where `stats` differ from `told`, to what `begin` returns, and makes them equal. Nothing where they are. */
export function writeDifferences(stats: ServerStats, told: ServerStats, begin: () => ByteWriter): void {
  let changed = 0;
  for (const field of FIELDS) if (stats[field] !== told[field]) changed++;
  if (changed === 0) return;
  const writer = begin();
  writer.varint(changed);
  for (const [index, field] of FIELDS.entries()) {
    const difference = stats[field] - told[field];
    if (difference === 0) continue;
    told[field] = stats[field];
    writer.u8(index);
    writer.u8(difference < 0 ? 1 : 0);
    writer.varint(Math.abs(difference));
  }
}

/** Adds what {@link writeDifferences} wrote. */
export function addDifferences(stats: ServerStats, reader: ByteReader): void {
  for (let left = reader.varint(); left > 0; left--) {
    const field = FIELDS[reader.u8()]!;
    const sign = reader.u8() === 1 ? -1 : 1;
    stats[field] += sign * reader.varint();
  }
}
