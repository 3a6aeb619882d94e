/**
 * The way into the durable log: a directory in, a log out, or the reason why not.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Log } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { toLogError } from "./disk_failure.ts";
import { type DurableLogOptions, openDirectory, resolveOptions } from "./open_directory.ts";
import type { TornTail } from "./recovery.ts";
import { SegmentedLog } from "./segmented_log.ts";

/** A {@link Log} on a disk. Made by {@link openDurableLog}. */
export interface DurableLog extends Log {
  /** The unfinished end that was cut off when the log was opened, for the operator to be told; null for none. */
  readonly recovered: TornTail | null;
}

/** What a durable log is made of. */
export interface DurableLogConfig {
  /** The directory. The log locks it, and closes it when it is closed or cannot be opened. */
  readonly disk: Disk;
  /** Says when a turn is over. */
  readonly clock: Clock;
  /** Draws the identity of a new log. */
  readonly random: Random;
  /** Sizes, where the defaults do not fit. */
  readonly options?: DurableLogOptions;
}

/**
 * Opens the log in a directory, or makes a new one in an empty directory. Everything that is found is durable
 * when it returns. Blocks while it reads: meant for start-up.
 *
 * @throws {LogError} `damaged` (the message names file, offset and remedy), `version`, `locked`, `full`, `io`
 *
 * @example
 * ```ts
 * import { openNodeDisk } from "../adapters/node_disk.ts";
 * import { systemClock } from "../adapters/system_clock.ts";
 * import { systemRandom } from "../adapters/system_random.ts";
 * import { openDurableLog } from "./durable_log.ts";
 *
 * const disk = openNodeDisk("./data");
 * const log = openDurableLog({ disk, clock: systemClock, random: systemRandom });
 * if (log.recovered !== null) console.warn("cut off an unfinished write", log.recovered);
 * ```
 */
export function openDurableLog(config: DurableLogConfig): DurableLog {
  const options = resolveOptions(config.options);
  try {
    config.disk.lock();
    return new SegmentedLog(config, options, openDirectory(config.disk, config.random, options));
  } catch (error) {
    config.disk.close();
    throw toLogError(error);
  }
}
