import { describe, expect, test } from "vitest";
import { keyFromText } from "../../../src/codec/bytes.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { BROKEN_KINDS, drawBroken } from "../../../src/sim/world/minority.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { Simulation } from "../../../src/sim/world/simulation.ts";
import { PRIMARY_BACKUP } from "../../support/primary_backup.ts";
import { replicaHost } from "./support.ts";

describe("who stays broken", () => {
  test("is a minority together with those whose disks were damaged, and everybody's turn comes", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 300; seed++) {
      const broken = drawBroken(new SimRandom(seed), 5, 2, new Set([4]));
      expect(broken.size).toBe(1);
      expect(broken.has(4)).toBe(false);
      for (const [id, kind] of broken) seen.add(`${id} ${kind}`);
    }
    expect(seen.size).toBe(4 * BROKEN_KINDS.length);
    expect(drawBroken(new SimRandom(1), 5, 2, new Set([1, 2])).size).toBe(0);
    expect(drawBroken(new SimRandom(1), 3, 0, new Set()).size).toBe(0);
  });

  test("may be two of five", () => {
    const sizes = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) sizes.add(drawBroken(new SimRandom(seed), 5, 2, new Set()).size);
    expect(sizes).toEqual(new Set([1, 2]));
  });

  test.each(BROKEN_KINDS)("stays %s until faults are stopped once more", async (kind) => {
    const simulation = new Simulation({
      seed: 1,
      replicas: 3,
      faults: "none",
      host: replicaHost(PRIMARY_BACKUP),
      keepTrace: true,
    });
    const command = encodeCommand({ type: "increment", key: keyFromText("n"), delta: 1n });
    simulation.stopFaults(new Map([[2, kind]]));
    simulation.nodes[0]!.execute(command, () => {});
    await simulation.run(200);
    const [, well, broken] = simulation.nodes.map((node) => node.service?.status().appliedPosition ?? null);
    expect(well).toBe(1);
    if (kind === "down") expect(broken).toBeNull();
    if (kind === "cutOff" || kind === "alone") expect(broken).toBe(0);
    if (kind === "slow") expect(simulation.network.link(0, 2).delay_us).toBeGreaterThan(50_000);
    expect(simulation.network.isCut(2, 3)).toBe(kind === "cutOff");
    simulation.stopFaults();
    await simulation.run(400);
    expect(simulation.nodes.map((node) => node.service?.status().appliedPosition)).toEqual([1, 1, 1]);
    expect(simulation.network.link(0, 2).delay_us).toBeLessThan(1000);
    expect(simulation.network.isCut(2, 3)).toBe(false);
  });
});
