import { describe, expect, test } from "vitest";
import { KVClient } from "../../../src/client/kv_client.ts";
import { FAULT_KINDS, REPLICA_FAULT_KINDS } from "../../../src/sim/world/faults.ts";
import { addressOf } from "../../../src/sim/world/sim_connector.ts";
import { type FaultProfile, Simulation, standaloneHost } from "../../../src/sim/world/simulation.ts";
import { listTrace } from "../../../src/sim/world/trace_listing.ts";
import { type Outcome, runClients } from "./support.ts";

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);

/** What can happen to a server alone. */
const LONE_FAULT_KINDS = FAULT_KINDS.filter((kind) => !REPLICA_FAULT_KINDS.includes(kind));

/**
 * The trace hashes of runs under heavy faults. They change with every change of what a server writes or a client
 * sends; then all runtimes must agree on the new ones.
 */
const GOLDEN: readonly (readonly [seed: number, hash: string])[] = [
  [1, "386034cf0c67c571"],
  [2, "d226926c5219625e"],
  [3, "9d6ae1e416c55b70"],
  [4, "4547205815391f14"],
  [5, "c574293c7ff32082"],
];

function expectExactlyOnce(outcome: Outcome, seed: number): void {
  const { counter, incremented, maybeIncremented } = outcome;
  expect(outcome.isFinished, `seed ${seed} finishes`).toBe(true);
  expect(counter, `seed ${seed} counts`).toBeGreaterThanOrEqual(incremented);
  expect(counter, `seed ${seed} counts`).toBeLessThanOrEqual(incremented + maybeIncremented);
}

describe("a run of a world", () => {
  test.each(GOLDEN)("of seed %d has the same trace on every runtime", async (seed, hash) => {
    expect((await runClients({ seed, faults: "heavy" })).simulation.trace.hash).toBe(hash);
  });

  test("has the same trace twice in a process, with and without text, and other seeds have others", async () => {
    const hashes = new Set<string>();
    for (const seed of [11, 12, 13]) {
      const first = await runClients({ seed, faults: "heavy" });
      const again = await runClients({ seed, faults: "heavy", keepTrace: true });
      expect(again.simulation.trace.hash).toBe(first.simulation.trace.hash);
      expect(again.simulation.trace.lines).toHaveLength(first.simulation.trace.length);
      expect(again.simulation.faultCounts).toEqual(first.simulation.faultCounts);
      hashes.add(first.simulation.trace.hash);
    }
    expect(hashes.size).toBe(3);
  });

  test("without faults has none, and every operation succeeds", async () => {
    const outcome = await runClients({ seed: 1, faults: "none" });
    expect(outcome).toMatchObject({ ok: 200, unknown: 0, failed: 0, isFinished: true });
    expect(outcome.simulation.faultCounts).toEqual({});
    expect(outcome.simulation.nodes[0]!.status).toEqual({
      isUp: true,
      lives: 1,
      refusal: null,
      end: null,
      downRoles: [],
    });
  });

  test("under heavy faults meets every kind of fault, and counts exactly once over connections", async () => {
    const met = new Set<string>();
    let lives = 0;
    for (const seed of SEEDS) {
      const outcome = await runClients({ seed, faults: "heavy" });
      expectExactlyOnce(outcome, seed);
      expect(outcome.simulation.nodes[0]!.status.refusal).toBeNull();
      lives += outcome.simulation.nodes[0]!.status.lives;
      for (const kind of Object.keys(outcome.simulation.faultCounts)) met.add(kind);
    }
    expect(LONE_FAULT_KINDS.filter((kind) => !met.has(kind))).toEqual(["duplication"]);
    expect(lives).toBeGreaterThan(3 * SEEDS.length);
  });

  test("under heavy faults counts exactly once over datagrams too", async () => {
    let duplicates = 0;
    for (const seed of SEEDS) {
      const outcome = await runClients({ seed, faults: "heavy", datagrams: true });
      expectExactlyOnce(outcome, seed);
      duplicates += outcome.simulation.faultCounts["duplication"] ?? 0;
    }
    expect(duplicates).toBeGreaterThan(100);
  });

  test.each([true, false])("of loss and duplication alone counts exactly once (datagrams: %s)", async (datagrams) => {
    for (const seed of SEEDS.slice(0, 10)) {
      const outcome = await runClients({ seed, faults: { loss: 1, duplication: 1 }, datagrams });
      expectExactlyOnce(outcome, seed);
      expect(outcome.ok).toBe(200);
      expect(outcome.counter).toBe(outcome.incremented);
    }
  });

  test.each(LONE_FAULT_KINDS)("has the fault %s when it is asked for alone", async (kind) => {
    const companions: FaultProfile = kind === "corruption" ? { corruption: 1, crash: 1 } : { [kind]: 1 };
    let count = 0;
    for (const seed of SEEDS) {
      if (count > 3) break;
      const outcome = await runClients({
        seed,
        faults: companions,
        operations: 800,
        datagrams: kind === "duplication",
      });
      expectExactlyOnce(outcome, seed);
      expect(Object.keys(outcome.simulation.faultCounts).filter((met) => !(met in (companions as object)))).toEqual([]);
      count += outcome.simulation.faultCounts[kind] ?? 0;
    }
    expect(count).toBeGreaterThan(0);
  });

  test("has at most 100 servers and at least one", () => {
    const make = (replicas: number): Simulation =>
      new Simulation({ seed: 1, replicas, faults: "none", host: standaloneHost });
    expect(() => make(0)).toThrow("replicas is 0; it is a whole number from 1 to 100");
    expect(make(3).nodes.map((node) => node.isUp)).toEqual([true, true, true]);
  });
});

describe("servers and clients of a world", () => {
  test.each([false, true])(
    "carry watches across a crash, every event once and in order (datagrams: %s)",
    async (datagrams) => {
      const simulation = new Simulation({ seed: 5, replicas: 1, faults: "none", host: standaloneHost });
      // Answers take longer than polls are apart, and overtake one another.
      simulation.network.weather = { loss: 0.2, duplication: 0.5, jitter_us: 100_000, straggling: 0.1 };
      const clientOf = (index: number): KVClient =>
        new KVClient({
          servers: [addressOf(0)],
          connector: simulation.connector(index, { datagrams }),
          clock: simulation.clock,
          random: simulation.random.fork(`client ${index}`),
        });
      const [writer, watcher] = [clientOf(0), clientOf(1)];
      const seen: number[] = [];
      const watching = (async (): Promise<void> => {
        for await (const event of watcher.watch({ prefix: "k", fromRevision: 1 })) {
          seen.push(event.revision);
          if (seen.length === 40) return;
        }
      })();
      let written = 0;
      const writing = (async (): Promise<void> => {
        for (; written < 40; written++) await writer.put("k", new Uint8Array([written]));
      })();
      await simulation.runUntil(() => written === 20, 60_000);
      simulation.nodes[0]!.crash();
      expect(simulation.nodes[0]!.store).toBeNull();
      await simulation.run(simulation.clock.monotonic() + 100);
      simulation.nodes[0]!.restart();
      await simulation.runUntil(() => seen.length === 40, 60_000);
      await Promise.all([watching, writing]);
      expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    },
  );

  test("are listed in lanes over time", async () => {
    const { simulation } = await runClients({ seed: 1, faults: "none", operations: 4, keepTrace: true });
    const listing = listTrace(simulation.trace.lines);
    expect(listing[0]).toMatch(/^ +ms {2}1 +c1 +c2 +c3 +c4 +c10 *$/);
    expect(listing[1]).toMatch(/^ +0\.000 {2}● +│ +│ +│ +│ +│ +start 1 1$/);
    expect(listing.some((line) => line.endsWith("deliver c1→1 request"))).toBe(true);
  });

  test("execute the bytes of a command as a client's", async () => {
    const simulation = new Simulation({ seed: 1, replicas: 1, faults: "none", host: standaloneHost });
    const results: Uint8Array[] = [];
    simulation.nodes[0]!.execute(new Uint8Array([255]), (result) => results.push(result));
    await simulation.run(10);
    expect(results).toHaveLength(1);
  });
});
