import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNodeDisk } from "../../src/adapters/node_disk.ts";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { measuredDisk } from "../../src/server/metrics/measured_disk.ts";
import { ServerMetrics } from "../../src/server/metrics/server_metrics.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { describeDisk } from "./disk_contract.ts";

describeDisk("a disk in memory", () => ({ disk: new MemoryDisk(systemClock), end: () => undefined }));

describeDisk("a disk that is measured", () => {
  const { disk } = new ServerMetrics(systemClock);
  return { disk: measuredDisk(new MemoryDisk(systemClock), systemClock, disk), end: () => undefined };
});

describeDisk("a disk over node:fs", () => {
  const directory = mkdtempSync(join(tmpdir(), "disk-contract-"));
  const disk = openNodeDisk(directory);
  return {
    disk,
    end: () => {
      disk.close();
      rmSync(directory, { recursive: true });
    },
  };
});
