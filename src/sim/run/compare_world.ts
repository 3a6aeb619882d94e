/**
 * One side of a comparison: a cluster under one protocol, the clients that work on it, and what is seen of both. What
 * is measured is only looked at: nothing that is measured changes what happens.
 *
 * @module
 */
import { stringCodec } from "../../client/codecs.ts";
import { KVClient } from "../../client/kv_client.ts";
import type { InDoubtTransaction } from "../../core/replication.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import { KV } from "../checker/cell_model.ts";
import { ChosenSlots } from "../world/chosen_slots.ts";
import { differenceOf } from "../world/convergence.ts";
import { addressOf } from "../world/sim_connector.ts";
import type { SimNode } from "../world/sim_node.ts";
import { SimRandom } from "../world/sim_random.ts";
import { Simulation } from "../world/simulation.ts";
import { type Doubt, type Effort, type EndedOperation, WINDOW_MS } from "./compare_figures.ts";
import { CLIENTS, keyOf, KEYS, type PlannedOperation, type ResolvedCompareOptions } from "./compare_plan.ts";
import { judgeHistory } from "./linearizability.ts";
import { observedHost, type ServerSizes } from "./observed_host.ts";
import { classifyError } from "./outcome.ts";
import { PROTOCOL_TABLE } from "./protocols.ts";
import { type Attempt, Recorder } from "./recorder.ts";
import type { ProtocolName } from "./run_options.ts";
import { Truth } from "./truth.ts";
import { type Violation, Violations } from "./violation.ts";
import type { Arena } from "./workload.ts";

/** As servers are usually set up, and small enough for many of them to share a process. */
const SIZES: ServerSizes = {
  firstRevision: 0,
  snapshotEvery_bytes: 4_000_000,
  segmentBytes: 1_000_000,
  cache_bytes: 4_000_000,
  catchUp_bytes: 256 * 1024,
  limits: {},
};
/** How long an operation may take: a client has less patience than the failure lasts. */
const DEADLINE_MS = 2000;
/** How long what is asked while nothing fails may take. */
const CALM_DEADLINE_MS = 20_000;
/** Everything must have finished, and all replicas have one state, so long after the load. */
const LIVENESS_MS = 60_000;
/** How often replicas are asked what they are in doubt about, and when everything is over whether they agree. */
const LOOK_MS = 5;
const COMPARE_MS = 50;
/** What follows a write reaches its end within this time, and with it its messages and syncs. */
const SETTLED_MS = 20;
/** How often a comparison breathes, in virtual milliseconds. */
const SLICE_MS = 100;

/** A cluster, its clients, and what they saw. */
export class ComparedWorld {
  /** The world, for failures. */
  readonly simulation: Simulation;
  /** The operations of the load that have ended. */
  readonly ended: EndedOperation[] = [];
  readonly #breathe: () => Promise<void>;
  readonly #clients: readonly KVClient<string>[];
  readonly #violations = new Violations();
  readonly #recorder: Recorder;
  readonly #arena: Arena & { isCalm: boolean };
  readonly #doubts = new Map<string, Doubt>();
  readonly #frames: { messages: number; bytes: number } = { messages: 0, bytes: 0 };
  /** Histories want one operation at a time of each process: those that have none under way. */
  readonly #idle: number[] = [];
  #processes = 0;
  #values = 0;
  #underway = 0;

  /** A cluster that has just been started. */
  constructor(protocol: ProtocolName, { seed, replicas, breathe }: ResolvedCompareOptions) {
    this.#breathe = breathe;
    const violations = this.#violations;
    const truth = new Truth(violations, SIZES.firstRevision);
    const chosen = new ChosenSlots();
    const random = new SimRandom(seed).fork("compare");
    const simulation = new Simulation({
      seed,
      replicas,
      faults: "none",
      host: observedHost(PROTOCOL_TABLE[protocol], truth, SIZES, {
        transport: (transport) => countingTransport(transport, this.#frames),
      }),
      onChosen: (replica, slot, digest) => {
        const wrong = chosen.learn(replica, slot, digest);
        if (wrong !== null) violations.report("agreement", wrong);
      },
    });
    this.simulation = simulation;
    const { clock, trace } = simulation;
    this.#arena = {
      clock,
      serverNow: () => clock.now(),
      truth,
      violations,
      classify: classifyError,
      isCalm: true,
      onEvent: ({ process, type, f, key, value }) => trace.append("client", process, type, f, key ?? "", String(value)),
    };
    this.#recorder = new Recorder(this.#arena);
    this.#clients = Array.from({ length: CLIENTS }, (_, index) =>
      new KVClient<string>({
        servers: simulation.nodes.map(({ id }) => addressOf(id)),
        connector: simulation.connector(index),
        clock,
        random: random.fork(`client ${index}`),
        codec: stringCodec,
        deadline_ms: DEADLINE_MS,
      }));
  }

  /** Milliseconds since the start of the world. */
  get now_ms(): number {
    return this.simulation.clock.monotonic();
  }

  /** What was wrong. */
  get violations(): readonly Violation[] {
    return this.#violations.all;
  }

  /** The transactions that were in doubt for longer than a window. */
  get doubts(): readonly Doubt[] {
    return [...this.#doubts.values()];
  }

  /** What the replicas have done so far. */
  get effort(): Effort {
    const syncs = this.simulation.nodes.reduce((sum, { disk }) => sum + disk.syncs, 0);
    return { ...this.#frames, syncs };
  }

  /** Lets time pass up to a moment. */
  async runTo(until_ms: number): Promise<void> {
    await this.runUntil(() => false, until_ms);
  }

  /** Lets time pass until something is so, or up to a moment; whether it was so. */
  async runUntil(isDone: () => boolean, until_ms: number): Promise<boolean> {
    const { simulation } = this;
    for (;;) {
      const slice_ms = Math.min(until_ms, this.now_ms + SLICE_MS);
      if (await simulation.runUntil(isDone, slice_ms)) return true;
      await this.#breathe();
      if (slice_ms >= until_ms) return false;
    }
  }

  /** Waits until the cluster serves everybody: every client has opened its session and put a key. */
  async warmUp(): Promise<void> {
    for (let index = 0; index < KEYS; index++) {
      this.#begin({ at_ms: 0, client: index % CLIENTS, key: keyOf(index), isWrite: true }, CALM_DEADLINE_MS);
    }
    await this.#allEnded("before the load");
  }

  /** Does so many writes, one after the other, each through the next client; how long each took. */
  async writeAlone(writes: number): Promise<number[]> {
    const latencies_ms: number[] = [];
    for (let index = 0; index < writes; index++) {
      const from_ms = this.now_ms;
      const operation = { at_ms: 0, client: index % CLIENTS, key: keyOf(index % KEYS), isWrite: true };
      this.#begin(operation, CALM_DEADLINE_MS, () => latencies_ms.push(this.now_ms - from_ms));
      await this.#allEnded("before the load");
    }
    return latencies_ms;
  }

  /** Lets what was begun come to rest. */
  async settle(): Promise<void> {
    await this.runTo(this.now_ms + SETTLED_MS);
  }

  /** Begins the load now. */
  beginLoad(plan: readonly PlannedOperation[], load_ms: number): void {
    const { clock } = this.simulation;
    this.#arena.isCalm = false;
    for (const operation of plan) {
      clock.after(operation.at_ms, () => {
        const begun_ms = this.now_ms;
        this.#begin(operation, DEADLINE_MS, ({ type }) => {
          this.ended.push({ isWrite: operation.isWrite, begun_ms, ended_ms: this.now_ms, type });
        });
      });
    }
    const until_ms = this.now_ms + load_ms;
    const look = (): void => {
      this.#lookForDoubts();
      if (this.now_ms < until_ms || this.#underway > 0) clock.after(LOOK_MS, look);
    };
    look();
  }

  /** Waits for the end of everything, reads every key once more, and checks all that was seen. */
  async finish(): Promise<void> {
    await this.#allEnded("after the load");
    this.#arena.isCalm = true;
    for (let index = 0; index < KEYS; index++) {
      this.#begin({ at_ms: 0, client: index % CLIENTS, key: keyOf(index), isWrite: false }, CALM_DEADLINE_MS);
    }
    await this.#allEnded("of the last reads");
    await this.#converge();
    judgeHistory(this.#violations, "linearizability", this.#recorder.events, KV);
    for (const client of this.#clients) void client.close();
  }

  #begin(operation: PlannedOperation, deadline_ms: number, onEnd?: (attempt: Attempt<unknown>) => void): void {
    const process = this.#idle.pop() ?? this.#processes++;
    this.#underway++;
    this.#perform(process, operation, deadline_ms).then((attempt) => onEnd?.(attempt)).catch((error: unknown) => {
      this.#violations.report("crash", error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    }).finally(() => {
      this.#underway--;
      this.#idle.push(process);
    });
  }

  #perform(process: number, operation: PlannedOperation, deadline_ms: number): Promise<Attempt<unknown>> {
    const { key, isWrite } = operation;
    const client = this.#clients[operation.client]!;
    if (!isWrite) {
      const what = { f: "get", key, value: null, isWrite };
      return this.#recorder.perform(process, what, () => client.get(key, { deadline_ms }), (entry) => ({
        value: entry?.value ?? null,
      }));
    }
    const value = `v${++this.#values}`;
    const what = { f: "put", key, value, isWrite };
    return this.#recorder.perform(process, what, () => client.put(key, value, { deadline_ms }), () => ({ value }));
  }

  async #allEnded(when: string): Promise<void> {
    if (await this.runUntil(() => this.#underway === 0, this.now_ms + LIVENESS_MS)) return;
    this.#violations.report("liveness", `${this.#underway} operations ${when} have not ended for ${LIVENESS_MS} ms`);
  }

  async #converge(): Promise<void> {
    const { nodes } = this.simulation;
    const until_ms = this.now_ms + LIVENESS_MS;
    for (let difference = differenceOf(nodes); difference !== null; difference = differenceOf(nodes)) {
      if (this.now_ms >= until_ms) {
        this.#violations.report("convergence", `${LIVENESS_MS} ms after the load ${difference}`);
        return;
      }
      await this.runTo(this.now_ms + COMPARE_MS);
    }
  }

  #lookForDoubts(): void {
    for (const node of this.simulation.nodes) {
      for (const { transaction, coordinator, age_ms, keys } of inDoubtAt(node)) {
        if (age_ms <= WINDOW_MS) continue;
        const known = this.#doubts.get(transaction);
        if (known === undefined) {
          this.#doubts.set(transaction, { from_ms: this.now_ms - age_ms, to_ms: this.now_ms, coordinator, keys });
        } else known.to_ms = this.now_ms;
      }
    }
  }

  /** The replica that leads, or null. */
  get leader(): ReplicaId | null {
    const leads = ({ service }: SimNode): boolean => service?.status().cluster?.role === "leader";
    return this.simulation.nodes.find(leads)?.id ?? null;
  }

  /** Whether each of the other replicas waits for the outcome of a transaction that this one coordinates. */
  isAwaited(coordinator: ReplicaId): boolean {
    const others = this.simulation.nodes.filter(({ id }) => id !== coordinator);
    return others.every((node) => inDoubtAt(node).some((doubt) => doubt.coordinator === coordinator));
  }
}

function inDoubtAt({ service }: SimNode): readonly InDoubtTransaction[] {
  return service?.status().twoPhase?.inDoubt ?? [];
}

/** Counts what is sent. */
function countingTransport(inner: Transport, frames: { messages: number; bytes: number }): Transport {
  return {
    listen: (listener) => inner.listen(listener),
    send: (to, body) => {
      frames.messages++;
      frames.bytes += body.length;
      inner.send(to, body);
    },
    status: () => inner.status(),
    close: () => inner.close(),
  };
}
