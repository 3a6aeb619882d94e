/**
 * One run: a world from a seed, clients that work in it while things go wrong, a quiet half in which everything must
 * finish, and the checks.
 *
 * @module
 */
import { stringCodec } from "../../client/codecs.ts";
import { KVClient } from "../../client/kv_client.ts";
import type { Disk } from "../../ports/disk.ts";
import { Simulation } from "../world/simulation.ts";
import { SimRandom } from "../world/sim_random.ts";
import { turnBit } from "./bit_rot.ts";
import { observedStandalone } from "./observed_host.ts";
import { classifyError } from "./outcome.ts";
import { type RunOptions, type RunReport, WORKLOADS } from "./run_options.ts";
import { Truth } from "./truth.ts";
import { Violations } from "./violation.ts";
import { type Actor, type Arena, pick, sleep, type Workload } from "./workload.ts";
import { makeWorkload } from "./workloads/make.ts";
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

/** Runs a seed. Rejects only for options that make no sense. */
export async function runSeed(options: RunOptions): Promise<RunReport> {
  const { replication = "none", replicas = 1, ops = 500 } = options;
  if (replicas !== 1) throw new RangeError(`replication none has 1 replica, not ${replicas}`);
  if (!Number.isSafeInteger(ops) || ops < 0) throw new RangeError(`ops is ${ops}; it is a whole number from 0 on`);
  const violations = new Violations();
  const run = new Run(options, ops, violations);
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

class Run {
  readonly simulation: Simulation;
  /** Operations begun. */
  begun = 0;
  readonly #options: RunOptions;
  readonly #violations: Violations;
  readonly #arena: Arena & { isCalm: boolean };
  readonly #random: SimRandom;
  readonly #workloads: readonly Workload[];
  readonly #clients: KVClient<string>[] = [];
  readonly #think_ms: number;
  readonly #hasDatagrams: boolean;
  #budget: number;
  #working = 0;
  #isRotting = false;

  constructor(options: RunOptions, ops: number, violations: Violations) {
    this.#options = options;
    this.#violations = violations;
    this.#budget = ops;
    const random = new SimRandom(options.seed).fork("run");
    this.#random = random;
    // A session that is forgotten and opened again by a late datagram cannot tell a repetition from a new write.
    this.#hasDatagrams = random.chance(0.5);
    const firstRevision = random.pick([0, 2 ** 32 - 50, 2 ** 40]);
    const truth = new Truth(violations, firstRevision);
    const sizes = {
      firstRevision,
      snapshotEvery_bytes: random.pick([600, 2000, 8000, 24_000]),
      segmentBytes: random.pick([1024, 4096, 16_384]),
      limits: {
        maxSessions: this.#hasDatagrams ? 100_000 : random.pick([3, 4, 100]),
        sessionIdle_ms: this.#hasDatagrams ? 3_600_000 : random.pick([5000, 3_600_000]),
      },
    };
    this.#think_ms = random.pick([1, 10, 50]);
    const host = observedStandalone(truth, sizes, options.seams);
    const simulation = new Simulation({
      seed: options.seed,
      replicas: options.replicas ?? 1,
      faults: options.faults ?? "heavy",
      host: (context) => {
        if (this.#isRotting) this.#rot(context.disk);
        return host(context);
      },
      keepTrace: options.keepTrace ?? false,
    });
    this.simulation = simulation;
    const { clock, trace } = simulation;
    this.#arena = {
      clock,
      serverNow: () => Math.min(...simulation.nodes.map((node) => node.clock?.now() ?? 0)),
      truth,
      violations,
      classify: options.seams?.classify ?? classifyError,
      isCalm: false,
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
      this.#damage();
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
    simulation.stopFaults();
    const limit = (): number => simulation.clock.monotonic() + LIVENESS_MS;
    if (!await simulation.runUntil(() => this.#working === 0, limit())) {
      this.#violations.report("liveness", `${this.#working} clients still wait ${LIVENESS_MS} ms after the last fault`);
      return;
    }
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
  }

  /** One more start, on a disk with a bit turned over: the truth compares what comes of it. */
  #damage(): void {
    const [node] = this.simulation.nodes;
    if (this.#violations.all.length > 0 || node === undefined || !node.isUp) return;
    node.crash();
    this.#isRotting = true;
    node.restart();
  }

  #rot(disk: Disk): void {
    const turned = turnBit(disk, this.#random.fork("rot"));
    if (turned !== null) this.simulation.trace.append("rot", turned.file, turned.offset);
  }

  #client(index: number, deadline_ms: number, datagrams: boolean): KVClient<string> {
    const { simulation } = this;
    const connector = simulation.connector(index, { datagrams });
    const client = new KVClient<string>({
      servers: simulation.nodes.map((_, node) => ({ host: "sim", port: node + 1 })),
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

  /** One operation after the other until there are enough. */
  #act(actor: Actor): void {
    this.#working++;
    const work = async (): Promise<void> => {
      while (this.#budget > 0) {
        this.#budget--;
        this.begun++;
        await pick(actor.dice, this.#workloads).step(actor);
        await sleep(this.simulation.clock, actor.dice.next() * this.#think_ms);
      }
    };
    work().catch((error: unknown) => this.#violations.report("crash", told(error))).finally(() => {
      this.#working--;
    });
  }
}

function told(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
