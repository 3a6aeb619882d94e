/**
 * One run: a world from a seed, clients that work in it while things go wrong, a quiet half in which everything must
 * finish, and the checks.
 *
 * @module
 */
import { stringCodec } from "../../client/codecs.ts";
import { KVClient } from "../../client/kv_client.ts";
import { CLOCK_DRIFT } from "../../core/paxos/lease.ts";
import { ChosenSlots } from "../world/chosen_slots.ts";
import { intensitiesOf } from "../world/faults.ts";
import type { Broken } from "../world/minority.ts";
import { addressOf } from "../world/sim_connector.ts";
import type { SimNode } from "../world/sim_node.ts";
import { Simulation } from "../world/simulation.ts";
import { SimRandom } from "../world/sim_random.ts";
import { differenceOf } from "../world/convergence.ts";
import { observedHost } from "./observed_host.ts";
import { classifyError } from "./outcome.ts";
import { type Protocol, PROTOCOL_TABLE, replicasOf } from "./protocols.ts";
import { type RunOptions, type RunReport, WORKLOADS } from "./run_options.ts";
import { Truth } from "./truth.ts";
import { Violations } from "./violation.ts";
import { type Actor, type Arena, pick, sleep, type Workload } from "./workload.ts";
import { makeWorkload } from "./workloads/make.ts";
import { RegisterWorkload } from "./workloads/register.ts";
import { WatchWorkload } from "./workloads/watch.ts";

/** The share of the operations that are left for when faults are over. */
const CALM_SHARE = 0.1;
/** Everything must have finished so long after faults have ended, in virtual milliseconds. */
const LIVENESS_MS = 60_000;
const WATCHERS = 2;
const DEFAULT_HORIZON_MS = 60_000;
const LAST_WRITES = 6;
/** How long operations may take in the quiet half. */
const CALM_DEADLINE_MS = 20_000;
/** All replicas must have the same state so long after the last of them is well again, in virtual milliseconds. */
const CONVERGENCE_MS = 60_000;
/** How often they are compared. */
const COMPARE_MS = 50;
/** Clients that only read, of one server each, count from here; how often they read, and how long that may take. */
const FIRST_READER = 3000;
const READ_EVERY_MS = 20;
const READ_DEADLINE_MS = 500;
/** Clients that try one server each, when faults are over, count from here. */
const FIRST_PROBE = 2000;

/** Runs a seed. Rejects only for options that make no sense. */
export function runSeed(options: RunOptions): Promise<RunReport> {
  return runProtocol(options, PROTOCOL_TABLE[options.replication ?? "none"]);
}

/** Runs a seed with a protocol of the caller's. */
export async function runProtocol(options: RunOptions, protocol: Protocol): Promise<RunReport> {
  const { replication = "none", ops = 500 } = options;
  const replicas = replicasOf(protocol, options.replicas);
  if (options.leaseReads === true && replication !== "paxos") {
    throw new RangeError(`replication ${replication} has no leaders with leases; leaseReads is for paxos`);
  }
  if (!Number.isSafeInteger(ops) || ops < 0) throw new RangeError(`ops is ${ops}; it is a whole number from 0 on`);
  const violations = new Violations();
  const run = new Run({ ...options, replicas, ops }, protocol, violations);
  await run.toTheEnd();
  const { simulation } = run;
  return {
    seed: options.seed,
    replication,
    replicas,
    ops: run.begun,
    simulatedMs: Math.round(simulation.clock.monotonic()),
    traceHash: simulation.trace.hash,
    violations: violations.all,
    faults: { ...simulation.faultCounts },
    trace: simulation.trace.lines,
  };
}

/** The options of a run in which those that are always needed are filled in. */
interface FullOptions extends RunOptions {
  readonly replicas: number;
  readonly ops: number;
}

class Run {
  readonly simulation: Simulation;
  /** Operations begun. */
  begun = 0;
  readonly #options: FullOptions;
  readonly #violations: Violations;
  readonly #arena: Arena & { isCalm: boolean };
  readonly #random: SimRandom;
  readonly #workloads: readonly Workload[];
  readonly #clients: KVClient<string>[] = [];
  readonly #think_ms: number;
  readonly #hasDatagrams: boolean;
  #budget: number;
  #working = 0;

  constructor(options: FullOptions, protocol: Protocol, violations: Violations) {
    this.#options = options;
    this.#violations = violations;
    this.#budget = options.ops;
    const random = new SimRandom(options.seed).fork("run");
    this.#random = random;
    this.#hasDatagrams = random.chance(0.5);
    const firstRevision = random.pick([0, 2 ** 32 - 50, 2 ** 40]);
    const truth = new Truth(violations, firstRevision);
    const dice = random.fork("sizes");
    const leaseReads = options.leaseReads ?? false;
    const sizes = {
      firstRevision,
      snapshotEvery_bytes: random.pick([600, 2000, 8000, 24_000]),
      segmentBytes: random.pick([1024, 4096, 16_384]),
      cache_bytes: dice.pick([500, 5000, 1_000_000]),
      catchUp_bytes: dice.pick([300, 3000, 100_000]),
      leaseReads,
      limits: {
        maxSessions: random.pick([3, 4, 100]),
        sessionIdle_ms: random.pick([5000, 3_600_000]),
      },
    };
    this.#think_ms = random.pick([1, 10, 50]);
    const chosen = new ChosenSlots();
    const simulation = new Simulation({
      seed: options.seed,
      replicas: options.replicas,
      faults: options.faults ?? "heavy",
      host: observedHost(protocol, truth, sizes, options.seams),
      tolerated: protocol.tolerates(options.replicas),
      onChosen: (replica, slot, digest) => {
        const wrong = chosen.learn(replica, slot, digest);
        if (wrong !== null) violations.report("agreement", wrong);
      },
      clockDrift: options.clockDrift ?? (leaseReads ? CLOCK_DRIFT : 0),
      keepTrace: options.keepTrace ?? false,
    });
    this.simulation = simulation;
    const { clock, trace } = simulation;
    this.#arena = {
      clock,
      serverNow: () => {
        const clocks = simulation.nodes.flatMap((node) => node.clock ?? []);
        return clocks.length === 0 ? 0 : Math.min(...clocks.map((each) => each.now()));
      },
      truth,
      violations,
      classify: options.seams?.classify ?? classifyError,
      isCalm: false,
      hasSteadyClocks: intensitiesOf(options.faults ?? "heavy").clockJump === 0,
      onEvent: ({ process, type, f, key, value }) => {
        trace.append("client", process, type, f, key ?? "", typeof value === "string" ? value : JSON.stringify(value));
      },
    };
    this.#workloads = (options.workloads ?? WORKLOADS).map((name) =>
      makeWorkload(name, this.#arena, random.fork(`workload ${name}`))
    );
  }

  async toTheEnd(): Promise<void> {
    try {
      await this.#storm();
      await this.#calm();
      for (const workload of this.#workloads) workload.check();
      await this.#damage();
    } catch (error) {
      this.#violations.report("crash", told(error));
    } finally {
      for (const client of this.#clients) void client.close();
    }
  }

  /** Faults on. */
  async #storm(): Promise<void> {
    const { simulation } = this;
    const calmOps = Math.ceil(this.#budget * CALM_SHARE);
    const clients = this.#options.clients ?? this.#random.between(2, 6);
    for (let index = 0; index < clients; index++) {
      const client = this.#client(index, this.#random.pick([500, 2000, 5000]), this.#hasDatagrams && index % 2 === 0);
      const lanes = this.#random.between(1, 3);
      for (let lane = 0; lane < lanes; lane++) {
        const id = index * 10 + lane;
        this.#act({ id, client, dice: this.#random.fork(`actor ${id}`) });
      }
    }
    // Whoever writes at a leader that is cut off waits, and sees nothing of what that leader still answers.
    if (this.#options.leaseReads === true) { for (const { id } of simulation.nodes) this.#read(id); }
    for (const workload of this.#workloads) {
      if (!(workload instanceof WatchWorkload)) continue;
      for (let index = 0; index < WATCHERS; index++) {
        workload.watch(this.#client(1000 + index, 5000, false), this.#random.fork(`watcher ${index}`));
      }
    }
    const horizon_ms = this.#options.horizon_ms ?? DEFAULT_HORIZON_MS;
    await simulation.runUntil(() => this.#budget <= calmOps || this.#working === 0, horizon_ms);
    this.#budget = Math.min(this.#budget, calmOps);
  }

  /** Faults off: what is under way must finish, and then everything must be there. */
  async #calm(): Promise<void> {
    const { simulation } = this;
    const broken = simulation.drawBroken();
    simulation.stopFaults(broken);
    const limit = (): number => simulation.clock.monotonic() + LIVENESS_MS;
    if (!await simulation.runUntil(() => this.#working === 0, limit())) {
      this.#violations.report("liveness", `${this.#working} clients still wait ${LIVENESS_MS} ms after the last fault`);
      return;
    }
    if (simulation.nodes.length > 1) await this.#probe(broken);
    simulation.stopFaults();
    for (const node of simulation.nodes) {
      node.crash();
      node.restart();
    }
    this.#arena.isCalm = true;
    const actor = { id: 9999, client: this.#client(9999, CALM_DEADLINE_MS, false), dice: this.#random.fork("finish") };
    let finished = false;
    const finish = async (): Promise<void> => {
      for (const workload of this.#workloads) await workload.finish(actor);
      // So many flushes of one small record each, that the last of them is a small part of any file.
      for (let write = 0; write < LAST_WRITES; write++) await actor.client.put("last", String(write));
    };
    finish().catch((error: unknown) => this.#violations.report("crash", told(error))).finally(() => {
      finished = true;
    });
    if (!await simulation.runUntil(() => finished, limit() + LIVENESS_MS)) {
      this.#violations.report("liveness", `the last reads have not ended ${2 * LIVENESS_MS} ms after the last fault`);
    }
    await this.#converge();
  }

  /** Every server that is well must serve by itself, whoever else is not. */
  async #probe(broken: Broken): Promise<void> {
    const { simulation } = this;
    const well = simulation.nodes.filter(({ id }) => !broken.has(id) && !simulation.damaged.has(id));
    let left = well.length;
    for (const { id } of well) {
      const client = this.#client(FIRST_PROBE + id, CALM_DEADLINE_MS, false, [id]);
      const key = `probe/${id}`;
      const probe = async (): Promise<void> => {
        await client.put(key, "there");
        const entry = await client.get(key);
        if (entry === null) {
          this.#violations.report("agreement", `${key} was put at server ${id + 1}, and is not there`);
        }
      };
      probe().catch((error: unknown) => {
        const others = [...broken].map(([other, kind]) => `${other + 1} ${kind}`).join(", ") || "nobody broken";
        this.#violations.report("liveness", `server ${id + 1} does not serve, with ${others}: ${told(error)}`);
      }).finally(() => left--);
    }
    if (!await simulation.runUntil(() => left === 0, simulation.clock.monotonic() + 2 * CALM_DEADLINE_MS)) {
      this.#violations.report("liveness", `${left} clients that try one server each have not ended`);
    }
  }

  /** All servers must have the same state soon, but for those that may have lost theirs and say so. */
  async #converge(): Promise<void> {
    const { simulation } = this;
    if (simulation.nodes.length === 1) return;
    const isExcused = (node: SimNode): boolean => !node.isUp && simulation.damaged.has(node.id);
    const until_ms = simulation.clock.monotonic() + CONVERGENCE_MS;
    for (;;) {
      const difference = differenceOf(simulation.nodes.filter((node) => !isExcused(node)));
      if (difference === null) return;
      const now_ms = simulation.clock.monotonic();
      if (now_ms >= until_ms) {
        this.#violations.report("convergence", `${CONVERGENCE_MS} ms after the last fault ${difference}`);
        return;
      }
      await simulation.run(now_ms + COMPARE_MS);
    }
  }

  /**
   * One more start of a server, on a disk that was damaged: the truth compares what comes of it. The others, if there are
   * any, go on.
   */
  async #damage(): Promise<void> {
    if (this.#violations.all.length > 0) return;
    if (this.simulation.damageOne() !== null) await this.#converge();
  }

  #client(index: number, deadline_ms: number, datagrams: boolean, servers?: readonly number[]): KVClient<string> {
    const { simulation } = this;
    const connector = simulation.connector(index, { datagrams });
    const client = new KVClient<string>({
      servers: (servers ?? simulation.nodes.map(({ id }) => id)).map(addressOf),
      connector: this.#options.seams?.connector?.(connector) ?? connector,
      clock: simulation.clock,
      random: this.#random.fork(`client ${index}`),
      codec: stringCodec,
      deadline_ms,
      maxPending: 1000,
    });
    this.#clients.push(client);
    return client;
  }

  /** Reads registers at one server as long as others work, beside the operations that are asked for. */
  #read(server: number): void {
    const id = FIRST_READER + server;
    const actor = {
      id,
      client: this.#client(id, READ_DEADLINE_MS, false, [server]),
      dice: this.#random.fork(`actor ${id}`),
    };
    const registers = this.#workloads.find((workload) => workload instanceof RegisterWorkload);
    if (registers === undefined) return;
    this.#work(async () => {
      while (this.#budget > 0) {
        await registers.read(actor);
        await sleep(this.simulation.clock, actor.dice.next() * READ_EVERY_MS);
      }
    });
  }

  /** One operation after the other until there are enough. */
  #act(actor: Actor): void {
    this.#work(async () => {
      while (this.#budget > 0) {
        this.#budget--;
        this.begun++;
        await pick(actor.dice, this.#workloads).step(actor);
        await sleep(this.simulation.clock, actor.dice.next() * this.#think_ms);
      }
    });
  }

  #work(work: () => Promise<void>): void {
    this.#working++;
    work().catch((error: unknown) => this.#violations.report("crash", told(error))).finally(() => {
      this.#working--;
    });
  }
}

function told(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
