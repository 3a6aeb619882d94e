/**
 * Runs of clients against simulated servers, for tests of the world.
 *
 * @module
 */
import { KVClient } from "../../../src/client/kv_client.ts";
import { KvError } from "../../../src/core/errors.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { openDurableLog } from "../../../src/log/durable_log.ts";
import type { Protocol } from "../../../src/sim/run/protocols.ts";
import { type Host, type HostContext, type HostFactory, withDescriptions } from "../../../src/sim/world/host.ts";
import { addressOf } from "../../../src/sim/world/sim_connector.ts";
import { type FaultProfile, Simulation, standaloneHost } from "../../../src/sim/world/simulation.ts";

/** What the clients of a run met. */
export interface Outcome {
  readonly simulation: Simulation;
  /** Whether every operation ended. */
  isFinished: boolean;
  ok: number;
  unknown: number;
  failed: number;
  /** The counter's value at the end, and the increments that surely or maybe made it. */
  counter: number;
  incremented: number;
  maybeIncremented: number;
}

/** What a run is like. */
export interface RunShape {
  readonly seed: number;
  readonly faults: FaultProfile;
  readonly operations?: number;
  readonly datagrams?: boolean;
  readonly keepTrace?: boolean;
}

/** Four clients put, get and increment, under faults for a while, then without. */
export async function runClients(shape: RunShape): Promise<Outcome> {
  const { seed, faults, operations = 200, datagrams = false, keepTrace = false } = shape;
  const simulation = new Simulation({ seed, replicas: 1, faults, host: standaloneHost, keepTrace });
  const outcome: Outcome = {
    simulation,
    isFinished: false,
    ok: 0,
    unknown: 0,
    failed: 0,
    counter: 0,
    incremented: 0,
    maybeIncremented: 0,
  };
  let working = 4;
  const clientOf = (index: number): KVClient =>
    new KVClient({
      servers: [addressOf(0)],
      connector: simulation.connector(index, { datagrams }),
      clock: simulation.clock,
      random: simulation.random.fork(`client ${index}`),
    });
  const work = async (index: number): Promise<void> => {
    const random = simulation.random.fork(`work ${index}`);
    const client = clientOf(index);
    for (let i = 0; i < operations / 4; i++) {
      const kind = random.below(3);
      try {
        if (kind === 0) await client.get(`key ${random.below(5)}`);
        else if (kind === 1) await client.put(`key ${random.below(5)}`, random.bytes(random.below(300)));
        else await client.increment("counter");
        outcome.ok++;
        if (kind === 2) outcome.incremented++;
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        if (error.code !== "OUTCOME_UNKNOWN") outcome.failed++;
        else {
          outcome.unknown++;
          if (kind === 2) outcome.maybeIncremented++;
        }
      }
    }
    working--;
  };
  const failures: unknown[] = [];
  for (let index = 0; index < 4; index++) work(index).catch((error: unknown) => failures.push(error));
  await simulation.runUntil(() => working === 0, 3000);
  simulation.stopFaults();
  await simulation.runUntil(() => working === 0, 60_000);
  clientOf(9).increment("counter", 0n).then((value) => {
    outcome.counter = Number(value);
    outcome.isFinished = working === 0;
  }, (error: unknown) => failures.push(error));
  await simulation.runUntil(() => outcome.isFinished, 120_000);
  if (failures.length > 0) throw failures[0];
  return outcome;
}

/** Servers of a protocol without anything between their parts. */
export function replicaHost(protocol: Protocol): HostFactory {
  const make = (context: HostContext): Host => {
    const { disk, clock, random } = context;
    const log = openDurableLog({ disk, clock, random, options: { segmentBytes: 65_536, reserveBytes: 4096 } });
    const store = new KVStore();
    const sizes = { snapshotEvery_bytes: 12_288, snapshotSlice_bytes: 4096, cache_bytes: 1e6, catchUp_bytes: 1e5 };
    return { ...protocol.make({ ...context, log, stateMachine: store, ...sizes }), store, log };
  };
  return withDescriptions(make, protocol.describe);
}
