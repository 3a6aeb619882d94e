import { describe, expect, test } from "vitest";
import { keyFromText } from "../../../src/codec/bytes.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import type { FaultIntensities } from "../../../src/sim/world/faults.ts";
import { Simulation } from "../../../src/sim/world/simulation.ts";
import { PRIMARY_BACKUP } from "../../support/primary_backup.ts";
import { replicaHost } from "./support.ts";

const COMMAND = encodeCommand({ type: "increment", key: keyFromText("n"), delta: 1n });

/** A world of replicas in which something is written all the time. */
async function storm(seed: number, faults: FaultIntensities, replicas = 5, tolerated?: number): Promise<Simulation> {
  const limits = tolerated === undefined ? {} : { tolerated };
  const host = replicaHost(PRIMARY_BACKUP);
  const simulation = new Simulation({ seed, replicas, faults, host, keepTrace: true, ...limits });
  const write = (): void => {
    simulation.nodes[0]!.execute(COMMAND, () => {});
    simulation.time.after(25_000, write);
  };
  write();
  await simulation.run(2500);
  return simulation;
}

function textOf(simulation: Simulation): string[] {
  return simulation.trace.lines.map((line) => line.text);
}

describe("faults between replicas", () => {
  test("crash one role and start it again after a while, in the same life", async () => {
    const simulation = await storm(1, { roleCrash: 1 });
    const lines = textOf(simulation);
    const crashes = lines.filter((line) => line.startsWith("crashRole"));
    expect(crashes.length).toBe(simulation.faultCounts["roleCrash"]);
    expect(crashes.length).toBeGreaterThan(3);
    expect(new Set(crashes).size).toBeGreaterThan(1);
    expect(lines.filter((line) => line.startsWith("startRole")).length).toBeGreaterThan(crashes.length / 2);
    expect(simulation.nodes.map((node) => node.status.lives)).toEqual([1, 1, 1, 1, 1]);
    simulation.stopFaults();
    expect(simulation.nodes.flatMap((node) => node.status.downRoles)).toEqual([]);
    expect(textOf(simulation).filter((line) => line.startsWith("startRole")).length).toBe(crashes.length);
  });

  test("do not start a role again that went down with its server", async () => {
    const simulation = await storm(2, { roleCrash: 1, kill: 1 });
    const down = new Map<string, boolean>();
    for (const { kind, parts } of simulation.trace.lines) {
      const [server, role] = parts;
      if (kind === "crashRole") down.set(`${server} ${role}`, true);
      if (kind === "down") {
        for (const name of [...down.keys()]) if (name.startsWith(`${server} `)) down.delete(name);
      }
      if (kind === "startRole") expect(down.delete(`${server} ${role}`)).toBe(true);
    }
  });

  test.each(["bitRot", "misdirectedWrite"] as const)(
    "damage by %s no more than a minority of the disks",
    async (kind) => {
      const sizes = new Set<number>();
      for (let seed = 1; seed <= 8; seed++) {
        const simulation = await storm(seed, { [kind]: 1, crash: 1 });
        sizes.add(simulation.damaged.size);
        expect(simulation.faultCounts[kind] ?? 0).toBeGreaterThanOrEqual(simulation.damaged.size);
        for (const node of simulation.nodes) {
          if (node.status.refusal !== null) expect(simulation.damaged.has(node.id)).toBe(true);
        }
      }
      expect(Math.max(...sizes)).toBeGreaterThan(0);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
    },
  );

  test("damage nothing where nobody may be gone", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const simulation = await storm(seed, { bitRot: 1, misdirectedWrite: 1, crash: 1 }, 5, 0);
      expect(simulation.damaged.size).toBe(0);
      expect(simulation.damageOne()).toBeNull();
    }
  });

  test("leave a minority broken, which does not have those whose disks were damaged", async () => {
    const counts = new Set<number>();
    for (let seed = 1; seed <= 12; seed++) {
      const simulation = await storm(seed, { minority: 1, crash: 1, bitRot: 1 });
      const broken = simulation.drawBroken();
      expect(simulation.drawBroken()).toEqual(broken);
      counts.add(broken.size);
      for (const id of simulation.damaged) expect(broken.has(id)).toBe(false);
      expect(broken.size + simulation.damaged.size).toBeLessThanOrEqual(2);
    }
    expect(counts).toEqual(new Set([0, 1, 2]));
  });

  test("cut links between replicas in several shapes, and move", async () => {
    const shapes: string[] = [];
    for (let seed = 1; seed <= 5; seed++) {
      const lines = textOf(await storm(seed, { partition: 1 }));
      shapes.push(...lines.filter((line) => line.startsWith("fault partition")));
      expect(lines.some((line) => /^cut [1-5] [1-5] /.test(line))).toBe(true);
    }
    expect(new Set(shapes).size).toBeGreaterThan(5);
  });

  test("make links between replicas slow, with bounded queues", async () => {
    const simulation = await storm(3, { slowReceiver: 1, clog: 1 });
    expect(simulation.faultCounts["slowReceiver"]).toBeGreaterThan(0);
    const late = [...simulation.network.links].map((link) => link.busyUntil_us - simulation.time.now_us);
    expect(Math.max(...late)).toBeLessThanOrEqual(500_000);
  });
});
