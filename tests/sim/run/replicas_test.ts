import { describe, expect, test } from "vitest";
import { runProtocol } from "../../../src/sim/run/run_seed.ts";
import { shrinkProtocol } from "../../../src/sim/run/shrink.ts";
import { formatShrunk, parseShrunk, type RunOptions, type RunReport } from "../../../src/sim/sim.ts";
import { type Bug, PRIMARY_BACKUP, primaryBackup } from "../../support/primary_backup.ts";

const OPS = 100;

async function firstFailure(bug: Bug, limit: number, change: Partial<RunOptions> = {}): Promise<RunReport> {
  for (let seed = 1; seed <= limit; seed++) {
    const report = await runProtocol({ seed, ops: OPS, ...change }, primaryBackup(bug));
    if (report.violations.length > 0) return report;
  }
  throw new Error(`no violation in ${limit} seeds`);
}

describe("a run of several replicas", () => {
  test.each([[3, 6], [5, 3]])("of %d has nothing to say against a protocol that is right", async (replicas, seeds) => {
    const faults: Record<string, number> = {};
    for (let seed = 1; seed <= seeds; seed++) {
      const report = await runProtocol({ seed, replicas, ops: OPS }, PRIMARY_BACKUP);
      expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
      expect(report.replicas).toBe(replicas);
      for (const [kind, count] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + count;
    }
    for (const kind of ["crash", "kill", "partition", "oneWayPartition", "roleCrash", "duplication"]) {
      expect(faults[kind] ?? 0, kind).toBeGreaterThan(0);
    }
    expect(faults["bitRot"] ?? 0, "damage where nobody may be gone").toBe(0);
    expect(faults["minority"] ?? 0, "a broken minority where nobody may be gone").toBe(0);
  });

  test("is the same twice, with the words of frames kept or not", async () => {
    const options = { seed: 7, ops: 60 };
    const first = await runProtocol(options, PRIMARY_BACKUP);
    const again = await runProtocol(options, PRIMARY_BACKUP);
    const kept = await runProtocol({ ...options, keepTrace: true }, PRIMARY_BACKUP);
    expect(again).toEqual(first);
    expect(kept.traceHash).toBe(first.traceHash);
    expect(kept.trace.some(({ text }) => /^deliver 1 2 Append \d+ \d+$/.test(text))).toBe(true);
  });

  test.each(
    [
      ["reads stale", /linearizable|is not there|in the end/],
      ["stamps anew", /applied again with other events|has revision|was to go|is to go/],
      ["tells other values", /slot \d+ has the value/],
      ["acks early", /server \d does not serve|ms after the last fault server/],
    ] as const,
  )("finds a protocol that %s", async (bug, message) => {
    const { violations } = await firstFailure(bug, 40);
    expect(violations.map((violation) => violation.message).join("\n")).toMatch(message);
  });

  test("is made small with fewer replicas, too", async () => {
    const protocol = primaryBackup("tells other values");
    const failed = { seed: 1, replicas: 5, ops: 100 };
    const { options, report } = await shrinkProtocol(failed, await runProtocol(failed, protocol), protocol);
    expect(options.replicas).toBe(3);
    expect(report.violations[0]!.check).toBe("agreement");
    expect(report.ops).toBeLessThan(10);
    expect(formatShrunk(options)).toMatch(/^replicas=3 ops=/);
    const replayed = await runProtocol({ seed: 1, ...parseShrunk(formatShrunk(options)) }, protocol);
    expect(replayed.traceHash).toBe(report.traceHash);
  });

  test("is refused with a number of replicas that the protocol does not have", async () => {
    await expect(runProtocol({ seed: 1, replicas: 4 }, PRIMARY_BACKUP)).rejects.toThrow(
      "replication primary-backup has 3 or 5 replicas, not 4",
    );
  });
});
