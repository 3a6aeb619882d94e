/**
 * Two-phase commit beside Paxos: the same seed, the same operations at the same times and the same failure at the same
 * moment, in two worlds that go through time together.
 *
 * The usual failure takes the replica that leads under Paxos, at a moment at which all others wait for the outcome of a
 * transaction that it coordinates under two-phase commit: for each protocol the worst one that can die.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { figuresOf, type LoadFigures, type Price, priceOf } from "./compare_figures.ts";
import {
  CLIENTS,
  type CompareOptions,
  FAILURE_AT_MS,
  FAILURE_MS,
  type FailureName,
  KEYS,
  LOAD_MS,
  planOperations,
  resolveCompareOptions,
  type ResolvedCompareOptions,
} from "./compare_plan.ts";
import { ComparedWorld } from "./compare_world.ts";
import type { Violation } from "./violation.ts";

/** What became of one protocol. */
export interface ComparedProtocol {
  /** Under the load, and the failure. */
  readonly load: LoadFigures;
  /** Before it, one write at a time. */
  readonly price: Price;
  /** Whether the history of all clients is linearizable. */
  readonly isLinearizable: boolean;
  /** Everything that was wrong. */
  readonly violations: readonly Violation[];
  /** Equal for equal runs. */
  readonly traceHash: string;
}

/** What failed. Times are milliseconds since the load began. */
export interface ComparedFailure {
  readonly name: FailureName;
  /** The replicas that failed, counted from 0. */
  readonly replicas: readonly ReplicaId[];
  readonly from_ms: number;
  readonly to_ms: number;
}

/** Two protocols beside each other. */
export interface Comparison {
  readonly seed: number;
  readonly replicas: number;
  readonly clients: number;
  readonly keys: number;
  readonly ops: number;
  /** How long clients began operations, in virtual milliseconds. */
  readonly load_ms: number;
  /** Null when nothing failed. */
  readonly failure: ComparedFailure | null;
  readonly twoPhase: ComparedProtocol;
  readonly paxos: ComparedProtocol;
}

/** How many writes are measured that have the cluster to themselves. */
const LONE_WRITES = 200;
/** How long a moment is waited for at which the failure is worst. */
const MOMENT_MS = 1000;
/** What a sync takes longer on a slow disk, in microseconds. */
const SLOW_DISK_US = 50_000;

/**
 * Compares the protocols.
 *
 * @throws {RangeError} for options that make no sense
 */
export async function compareProtocols(options: CompareOptions): Promise<Comparison> {
  const resolved = resolveCompareOptions(options);
  const { seed, replicas, ops, failure: name } = resolved;
  const twoPhase = new ComparedWorld("2pc", resolved);
  const paxos = new ComparedWorld("paxos", resolved);
  const worlds = [twoPhase, paxos];
  const prices: Price[] = [];
  for (const world of worlds) prices.push(await measurePrice(world));
  const start_ms = Math.ceil(Math.max(twoPhase.now_ms, paxos.now_ms));
  const plan = planOperations(seed, ops);
  for (const world of worlds) {
    await world.runTo(start_ms);
    world.beginLoad(plan, LOAD_MS);
  }
  const failure = name === "none" ? null : await fail(resolved, name, twoPhase, paxos, start_ms);
  // Who is slow is still there to decide.
  const away = failure === null || failure.name === "slow" ? [] : failure.replicas;
  for (const world of worlds) {
    await world.runTo(start_ms + LOAD_MS);
    await world.finish();
  }
  const [twoPhaseSide, paxosSide] = worlds.map((world, index): ComparedProtocol => ({
    load: figuresOf(world.ended, world.doubts, away, { start_ms, load_ms: LOAD_MS }),
    price: prices[index]!,
    isLinearizable: world.violations.every(({ check }) => check !== "linearizability" && check !== "undecided"),
    violations: world.violations,
    traceHash: world.simulation.trace.hash,
  }));
  return {
    seed,
    replicas,
    clients: CLIENTS,
    keys: KEYS,
    ops,
    load_ms: LOAD_MS,
    failure,
    twoPhase: twoPhaseSide!,
    paxos: paxosSide!,
  };
}

async function measurePrice(world: ComparedWorld): Promise<Price> {
  await world.warmUp();
  await world.settle();
  const before = world.effort;
  const latencies_ms = await world.writeAlone(LONE_WRITES);
  await world.settle();
  return priceOf(latencies_ms, before, world.effort);
}

/** Lets both worlds come to the moment of the failure, and has it strike in both. */
async function fail(
  { replicas }: ResolvedCompareOptions,
  name: Exclude<FailureName, "none">,
  twoPhase: ComparedWorld,
  paxos: ComparedWorld,
  start_ms: number,
): Promise<ComparedFailure> {
  const due_ms = start_ms + FAILURE_AT_MS;
  await paxos.runTo(due_ms);
  const leader = paxos.leader ?? 0;
  const other = (leader + 1) % replicas;
  const failed = name === "partition"
    ? Array.from({ length: Math.floor(replicas / 2) }, (_, index) => (leader + index) % replicas)
    : [name === "replica" || name === "slow" ? other : leader];
  await twoPhase.runTo(due_ms);
  if (name === "coordinator") await twoPhase.runUntil(() => twoPhase.isAwaited(leader), due_ms + MOMENT_MS);
  const from_ms = twoPhase.now_ms;
  await paxos.runTo(from_ms);
  for (const world of [twoPhase, paxos]) strike(world, name, failed);
  const since_ms = Math.round((from_ms - start_ms) * 1000) / 1000;
  return { name, replicas: failed, from_ms: since_ms, to_ms: since_ms + FAILURE_MS };
}

function strike(
  { simulation }: ComparedWorld,
  name: Exclude<FailureName, "none">,
  failed: readonly ReplicaId[],
): void {
  const { nodes, network, time } = simulation;
  const node = nodes[failed[0]!]!;
  const later = (mend: () => void): void => void time.after(FAILURE_MS * 1000, mend);
  if (name === "partition") {
    const isCutOff = (end: number): boolean => failed.includes(end);
    // Clients reach everybody.
    network.cut((from, to) => from < nodes.length && to < nodes.length && isCutOff(from) !== isCutOff(to));
    later(() => network.heal());
  } else if (name === "slow") {
    node.disk.slow_us = SLOW_DISK_US;
    later(() => void (node.disk.slow_us = 0));
  } else {
    node.crash();
    later(() => node.restart());
  }
}
