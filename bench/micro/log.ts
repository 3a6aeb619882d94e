/**
 * The log on the disk that holds the repository: one record to its sync, and many that share one.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { openNodeDisk } from "../../src/adapters/node_disk.ts";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import { openDurableLog } from "../../src/log/durable_log.ts";
import type { Case } from "./timing.ts";
import { valueOf } from "./values.ts";

const root = resolve(import.meta.dirname, "../..");
const MANY = 1000;
/** What was logged goes now and then, so that the disk does not fill up. */
const TRUNCATE_EVERY = 100_000;

/** A log, what is measured of it, and the end of it. */
export interface LogBench {
  readonly cases: readonly Case[];
  close(): Promise<void>;
}

/** Opens a log in a directory of its own. */
export function openLogBench(): LogBench {
  mkdirSync(join(root, ".bench"), { recursive: true });
  const folder = mkdtempSync(join(root, ".bench", "log-"));
  const log = openDurableLog({ disk: openNodeDisk(folder), clock: systemClock, random: systemRandom });
  let waiting: { readonly position: number; readonly done: () => void } | null = null;
  log.listen({
    onDurable: (position) => {
      if (waiting === null || position < waiting.position) return;
      const { done } = waiting;
      waiting = null;
      done();
    },
    onFailure: (error) => {
      throw error;
    },
  });
  const append = (records: number, payload: Uint8Array): Promise<void> =>
    new Promise((done) => {
      for (let i = 0; i < records; i++) log.append(payload);
      waiting = { position: log.lastPosition, done };
      if (log.lastPosition % TRUNCATE_EVERY < records) log.truncate(log.lastPosition - 1);
    });
  const [small, large] = [valueOf(300), valueOf(64 * 1024)];
  return {
    cases: [
      { name: "record of 300 bytes, alone, to its sync", operations: 1, run: () => append(1, small) },
      { name: "record of 64 KiB, alone, to its sync", operations: 1, run: () => append(1, large) },
      { name: `record of 300 bytes, ${MANY} with one sync, each`, operations: MANY, run: () => append(MANY, small) },
    ],
    close: () =>
      new Promise((done) =>
        log.close(() => {
          rmSync(folder, { recursive: true, force: true });
          done();
        })
      ),
  };
}
