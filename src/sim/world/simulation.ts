/**
 * A whole world in one process: servers with their real core, log and store, clients with their real logic, and
 * between and below them a network, disks and clocks that are simulated and may be as bad as the fault profile says.
 *
 * Invariant: everything follows from the options. The same seed gives the same trace, on every runtime.
 *
 * @module
 */
import type { Connector } from "../../client/connection.ts";
import { FaultSchedule } from "./fault_schedule.ts";
import { type FaultKind, type FaultProfile, intensitiesOf } from "./faults.ts";
import { type ClientLink, makeConnector } from "./sim_connector.ts";
import { Network } from "./network.ts";
import { SimNode } from "./sim_node.ts";
import { SimRandom } from "./sim_random.ts";
import type { HostFactory } from "./host.ts";
import { type Broken, NOBODY } from "./minority.ts";
import { majorityOf } from "./partitions.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { Trace } from "./trace.ts";
import { ProcessClock, VirtualTime } from "./virtual_time.ts";

export type { FaultKind, FaultProfile } from "./faults.ts";
export type { Host, HostContext, HostFactory } from "./host.ts";
export type { SimNode } from "./sim_node.ts";
export { makeStandaloneHost, standaloneHost } from "./standalone_host.ts";

/** What a run is made of. */
export interface SimulationOptions {
  /** Decides everything that is left to chance: a whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** How many servers there are. */
  readonly replicas: number;
  /** What goes wrong, and how badly. */
  readonly faults: FaultProfile;
  /** Makes the servers. */
  readonly host: HostFactory;
  /** Keep the trace as text too, for people. @default false */
  readonly keepTrace?: boolean;
  /**
   * How many servers may be gone for good while the others go on: so many disks may be damaged, and so many servers
   * stay broken. Never more than a minority. @default a minority
   */
  readonly tolerated?: number;
  /**
   * By how much of itself the advance of one server's monotonic clock may exceed that of another, from 0 to below 1.
   * @default 0
   */
  readonly clockDrift?: number;
  /** Is told what each replica has learnt is chosen in a slot, if its protocol says so. */
  readonly onChosen?: (replica: ReplicaId, slot: number, digest: number) => void;
}

/** How many rounds without a sign of life from a client say that its promises are settled. */
const QUIET_ROUNDS = 24;
/** Awaiting it lets every promise that is settled call back one step. */
const NOTHING: Promise<void> = Promise.resolve();
/** Endless work without time passing is a fault of the code under test. */
const MAX_TURNS = 100_000;

/** One run of one world. */
export class Simulation {
  /** Virtual time as clients see it: it never jumps. {@link SimNode.clock} is a server's own. */
  readonly clock: ProcessClock;
  /** Where everything left to chance comes from: fork it by name. */
  readonly random: SimRandom;
  /** What happened. */
  readonly trace: Trace;
  /** The servers, which are up. Their addresses are `{ host: "sim", port: id + 1 }`. */
  readonly nodes: readonly SimNode[];
  /** Links and partitions, for scenarios. */
  readonly network: Network;
  /** Events, for scenarios. */
  readonly time: VirtualTime;
  readonly #schedule: FaultSchedule;
  readonly #counts: Record<string, number> = {};

  /** A world at time 0 in which all servers have been started. */
  constructor(options: SimulationOptions) {
    if (!Number.isInteger(options.replicas) || options.replicas < 1 || options.replicas > 100) {
      throw new RangeError(`replicas is ${options.replicas}; it is a whole number from 1 to 100`);
    }
    const drift = options.clockDrift ?? 0;
    if (!(drift >= 0 && drift < 1)) throw new RangeError(`clockDrift is ${drift}; it is a number from 0 to below 1`);
    const random = new SimRandom(options.seed);
    const clocks = random.fork("clocks");
    const time = new VirtualTime();
    const trace = new Trace(() => time.now_us, options.keepTrace);
    const count = (kind: FaultKind): void => void (this.#counts[kind] = (this.#counts[kind] ?? 0) + 1);
    this.time = time;
    this.random = random;
    this.trace = trace;
    this.clock = new ProcessClock(time, () => time.touch());
    this.network = new Network({ time, trace, random: random.fork("network"), replicas: options.replicas, count });
    this.nodes = Array.from({ length: options.replicas }, (_, id) =>
      new SimNode({
        id,
        replicas: options.replicas,
        time,
        trace,
        network: this.network,
        random: random.fork(`node ${id}`),
        // What is at the edge of what may be shows soonest what is beyond it.
        rate: 1 - drift * clocks.pick([0, 1, clocks.next()]),
        host: options.host,
        count,
        peers: (peer) => this.nodes[peer]?.transport ?? null,
        onChosen: options.onChosen ?? (() => {}),
      }));
    const minority = options.replicas - majorityOf(options.replicas);
    const tolerated = Math.min(options.tolerated ?? minority, minority);
    this.#schedule = new FaultSchedule(intensitiesOf(options.faults), {
      time,
      network: this.network,
      nodes: this.nodes,
      random: random.fork("faults"),
      count,
      tolerated,
    });
    for (const node of this.nodes) node.restart();
    this.#schedule.start();
  }

  /**
   * A way for a client to connect to the servers. Its connections are reliable and ordered, and break when a server
   * dies or nothing passes for long; with `datagrams` requests and replies get lost and repeated one by one.
   */
  connector(client: number, link: ClientLink = {}): Connector {
    return makeConnector(this, client, link);
  }

  /** Runs everything that happens up to a virtual time, and lets promises settle between events. */
  async run(until_ms: number): Promise<void> {
    const { time } = this;
    const until_us = Math.round(until_ms * 1000);
    time.touch();
    await this.#settle();
    while (time.step(until_us)) {
      if (time.isTouched) await this.#settle();
    }
    time.advanceTo(until_us);
  }

  /** Runs on until `isDone` says so; whether it did before `limit_ms`. */
  async runUntil(isDone: () => boolean, limit_ms: number): Promise<boolean> {
    const { time } = this;
    const until_us = Math.round(limit_ms * 1000);
    time.touch();
    await this.#settle();
    while (!isDone()) {
      if (!time.step(until_us)) {
        time.advanceTo(until_us);
        return isDone();
      }
      if (time.isTouched) await this.#settle();
    }
    return true;
  }

  /**
   * Ends what goes wrong: links are whole and quick, disks have space and work, and every server is up or about to
   * be, but for those that stay `broken` until this is called again. What clients wait for must come within a bounded
   * time from now on.
   */
  stopFaults(broken: Broken = NOBODY): void {
    this.#schedule.stop(broken);
  }

  /** Draws from the seed which servers may stay broken when faults end: a minority, and often none. */
  drawBroken(): Broken {
    return this.#schedule.drawBroken();
  }

  /** The servers whose disks have been damaged: they may refuse to start for good. */
  get damaged(): ReadonlySet<ReplicaId> {
    return this.#schedule.damaged;
  }

  /**
   * Takes a server's power away, turns over a bit of what was durable on its disk, and starts it again. Of several
   * servers one is drawn that may be damaged; null when there is none.
   */
  damageOne(): SimNode | null {
    const { nodes } = this;
    const victims = nodes.filter(({ id, isUp }) => isUp && (nodes.length === 1 || this.#schedule.mayDamage(id)));
    if (victims.length === 0) return null;
    const node = this.random.fork("damage").pick(victims);
    node.crash();
    this.#schedule.damage(node, "bitRot");
    node.restart();
    return node;
  }

  /** How often each fault has struck. */
  get faultCounts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  /**
   * Lets promise callbacks run until nothing comes of them for a while. A chain of promises that is quiet for longer goes
   * on after the next event: in the same place on all runtimes, because the language fixes the order of promise callbacks.
   */
  async #settle(): Promise<void> {
    const { time } = this;
    for (let turns = 0;; turns++) {
      time.drain();
      if (!time.isTouched) return;
      if (turns > MAX_TURNS) throw new Error("promises keep the world busy without time passing");
      time.untouch();
      let activity = time.activity;
      for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
        await NOTHING;
        if (time.activity === activity) continue;
        activity = time.activity;
        quiet = -1;
      }
    }
  }
}
