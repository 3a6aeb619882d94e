import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNodeDisk } from "../../src/adapters/node_disk.ts";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import { openDurableLog } from "../../src/log/durable_log.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import type { Log } from "../../src/ports/log.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { describeLog } from "./log_contract.ts";

const options = { segmentBytes: 16 * 1024, reserveBytes: 4 * 1024 };

function turn(): Promise<void> {
  return new Promise((resolve) => systemClock.defer(resolve));
}

async function settle(log: Log): Promise<void> {
  do await turn(); while (log.durablePosition !== log.lastPosition);
  await turn();
}

function close(log: Log): Promise<void> {
  return new Promise((resolve) => log.close(() => resolve()));
}

describeLog("a memory log", () => {
  const log = new MemoryLog({ clock: systemClock, random: systemRandom });
  return { log, settle: () => settle(log), end: () => close(log) };
});

describeLog("a durable log on a disk in memory", () => {
  const log = openDurableLog({
    disk: new MemoryDisk(systemClock),
    clock: systemClock,
    random: new SeededRandom(1),
    options,
  });
  return { log, settle: () => settle(log), end: () => close(log) };
});

describeLog("a durable log on a real disk", () => {
  const directory = mkdtempSync(join(tmpdir(), "log-contract-"));
  const log = openDurableLog({ disk: openNodeDisk(directory), clock: systemClock, random: systemRandom, options });
  return {
    log,
    settle: () => settle(log),
    end: async () => {
      await close(log);
      rmSync(directory, { recursive: true });
    },
  };
});
