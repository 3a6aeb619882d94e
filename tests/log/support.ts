/**
 * What the tests of the durable log share: a log on a disk in memory, in small segments, and turns that happen
 * when the test says so.
 *
 * @module
 */
import { type DurableLog, openDurableLog } from "../../src/log/durable_log.ts";
import type { DurableLogOptions } from "../../src/log/open_directory.ts";
import { LogError } from "../../src/ports/log.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** Small enough that a few records fill a segment. */
export const SMALL: DurableLogOptions = { segmentBytes: 2048, reserveBytes: 700 };

/** A clock, a disk and a log on them. */
export class Bench {
  readonly clock: ManualClock = new ManualClock();
  readonly options: DurableLogOptions;
  disk: MemoryDisk = new MemoryDisk(this.clock);
  log: DurableLog;
  /** What the log of this life reported. */
  reported: number[] = [];
  failures: LogError[] = [];

  constructor(options: DurableLogOptions = SMALL) {
    this.options = options;
    this.log = this.open();
  }

  /** Opens the log on the disk, as a process that starts would. */
  open(disk: MemoryDisk = this.disk): DurableLog {
    this.disk = disk;
    // Lists of its own for each life: what an earlier one still says in a later turn is not of this one.
    const reported: number[] = this.reported = [];
    const failures: LogError[] = this.failures = [];
    const { clock, options } = this;
    this.log = openDurableLog({ disk, clock, random: new SeededRandom(7), options });
    this.log.listen({
      onDurable: (position) => reported.push(position),
      onFailure: (error) => failures.push(error),
    });
    return this.log;
  }

  /** Appends the payloads as one flush and lets it become durable. */
  flush(...payloads: Uint8Array[]): void {
    for (const payload of payloads) this.log.append(payload);
    this.clock.run();
  }

  /** Closes the log in good order. */
  close(): LogError | null {
    let result: LogError | null | undefined;
    this.log.close((error) => result = error);
    this.clock.run();
    if (result === undefined) throw new Error("the log did not close");
    return result;
  }

  /** Stores a snapshot at `position`. */
  snapshot(position: number, ...slices: Uint8Array[]): LogError | null {
    const writer = this.log.writeSnapshot(position);
    for (const slice of slices) writer.write(slice);
    let result: LogError | null | undefined;
    writer.commit((error) => result = error);
    this.clock.run();
    if (result === undefined) throw new Error("the snapshot was not stored");
    return result;
  }

  /** Every payload in the log. */
  payloads(): Uint8Array[] {
    const { log } = this;
    return log.read(log.firstPosition, Number.POSITIVE_INFINITY).map((record) => record.payload);
  }
}

/** A payload of `length` bytes that no other `number` gives. */
export function payload(number: number, length = 40): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (number * 31 + i * 7 + (i >> 3)) & 0xff);
}

/** The `LogError` that `work` throws. */
export function errorOf(work: () => unknown): LogError {
  try {
    work();
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
