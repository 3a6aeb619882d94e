/**
 * When which fault strikes, drawn from the seed.
 *
 * Every run draws which of the faults of its profile it has at all, so that some runs are dominated by one kind; then
 * each kind strikes again and again at random. Machines die at a random one of their next messages and syncs.
 *
 * @module
 */
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import type { EndId, Network } from "./network.ts";
import type { EndOfLife, SimNode } from "./sim_node.ts";
import type { SimRandom } from "./sim_random.ts";
import { snapOne } from "./stream.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What faults happen to. */
export interface FaultScheduleOptions {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly nodes: readonly SimNode[];
  readonly random: SimRandom;
  readonly count: (kind: FaultKind) => void;
}

/** The probability that a run has a fault that its profile allows. */
const PRESENCE = 0.7;
/** Kinds that strike at random times, and how long it takes on average at intensity 1, in milliseconds. */
const MEAN_MS = {
  clog: 300,
  partition: 500,
  oneWayPartition: 500,
  slowReceiver: 500,
  disconnect: 250,
  pause: 500,
  clockJump: 400,
  slowSync: 400,
  failedSync: 1200,
  fullDisk: 1200,
} as const;
type TimedKind = keyof typeof MEAN_MS;
/** How much faster all that may go in a run, so that short ones meet their share too. */
const PACES: readonly number[] = [0.1, 0.3, 1];
/** How many messages and syncs a machine lives through on average at intensity 1. */
const MEAN_FUSE = 250;
/** How long a machine stays down on average, in milliseconds. */
const MEAN_DOWN_MS = 60;
/** The same once faults have ended. */
const RECOVERY_MS = 10;

/** Strikes. */
export class FaultSchedule {
  #options: FaultScheduleOptions;
  #intensities: Readonly<Record<FaultKind, number>>;
  #pace: number;
  #isOn = false;
  #partition = 0;

  /** A schedule that does nothing yet. Intensities are from 0 to 1. */
  constructor(intensities: Readonly<Record<FaultKind, number>>, options: FaultScheduleOptions) {
    this.#options = options;
    const presence = options.random.fork("presence");
    this.#pace = presence.pick(PACES);
    const chosen = {} as Record<FaultKind, number>;
    for (const kind of FAULT_KINDS) chosen[kind] = presence.chance(PRESENCE) ? intensities[kind] : 0;
    // Whoever asks for few kinds wants to see them.
    const asked = FAULT_KINDS.filter((kind) => intensities[kind] > 0).length;
    this.#intensities = asked <= FAULT_KINDS.length / 2 ? intensities : chosen;
  }

  /** Begins, unless there is nothing to do: then who ends a server's life must see to the next one too. */
  start(): void {
    if (FAULT_KINDS.every((kind) => this.#intensities[kind] === 0)) return;
    const { network, nodes, random } = this.#options;
    const of = this.#intensities;
    this.#isOn = true;
    network.weather = {
      loss: 0.3 * of.loss,
      duplication: 0.5 * of.duplication,
      jitter_us: 20_000 * of.delay * random.next() ** 2,
      straggling: 0.1 * of.delay,
    };
    for (const node of nodes) {
      node.corruption = 0.1 * of.corruption;
      node.onFuse = () => this.#onFuse(node);
      node.onDown = (end) => this.#onDown(node, end);
      this.#arm(node);
    }
    for (const kind of Object.keys(MEAN_MS) as TimedKind[]) {
      if (of[kind] > 0) this.#repeat(kind, random.fork(kind));
    }
  }

  /** Ends every fault. Machines that are down come back soon. */
  stop(): void {
    const { network, nodes, time } = this.#options;
    this.#isOn = false;
    network.weather = { loss: 0, duplication: 0, jitter_us: 0, straggling: 0 };
    for (const link of network.links) {
      link.cloggedUntil_us = 0;
      link.slow_us = 0;
    }
    network.heal();
    for (const node of nodes) {
      node.fuse = Number.POSITIVE_INFINITY;
      heal(node);
      if (node.clock?.isPaused === true) node.clock.pause(time.now_us);
      if (!node.isUp) time.after(RECOVERY_MS * 1000, () => node.restart());
    }
  }

  #arm(node: SimNode): void {
    const strength = Math.max(this.#intensities.crash, this.#intensities.kill);
    if (strength > 0 && this.#isOn) node.fuse = 1 + Math.floor(this.#options.random.wait(MEAN_FUSE / strength));
  }

  #onFuse(node: SimNode): void {
    const { count, random } = this.#options;
    const { crash, kill } = this.#intensities;
    if (random.next() * (crash + kill) < crash) {
      count("crash");
      node.crash();
    } else if (random.chance(0.3)) {
      count("kill");
      node.stop();
    } else {
      count("kill");
      node.kill();
    }
  }

  #onDown(node: SimNode, end: EndOfLife): void {
    const { random, time } = this.#options;
    const isDamaged = end === "refused" && !isDiskFault(node.status.refusal);
    // Nothing but a person can help a server that finds its data damaged.
    if (isDamaged) return;
    const down_ms = this.#isOn ? random.wait(MEAN_DOWN_MS * this.#pace) : RECOVERY_MS;
    time.after(down_ms * 1000, () => {
      heal(node);
      node.restart();
      this.#arm(node);
    });
  }

  #repeat(kind: TimedKind, random: SimRandom): void {
    const wait_us = random.wait(this.#pace * MEAN_MS[kind] / this.#intensities[kind]) * 1000;
    this.#options.time.after(wait_us, () => {
      if (!this.#isOn) return;
      this.#strike(kind, random);
      this.#repeat(kind, random);
    });
  }

  #strike(kind: TimedKind, random: SimRandom): void {
    const { nodes, network, time, count } = this.#options;
    const node = random.pick(nodes);
    // Mostly short, and now and then longer than a client's patience.
    const duration_us = Math.floor(random.wait(random.chance(0.1 * this.#pace) ? 2_000_000 : this.#pace * 150_000));
    const links = [...network.links];
    switch (kind) {
      case "clog":
        if (links.length === 0) return;
        random.pick(links).cloggedUntil_us = time.now_us + duration_us;
        break;
      case "partition":
      case "oneWayPartition":
        this.#cut(kind === "oneWayPartition", duration_us, random);
        break;
      case "slowReceiver": {
        const toClients = links.filter((link) => link.to >= network.replicas);
        if (toClients.length === 0) return;
        const link = random.pick(toClients);
        link.slow_us = random.between(1000, 30_000);
        time.after(duration_us, () => void (link.slow_us = 0));
        break;
      }
      case "disconnect":
        if (!snapOne(node.connections, random)) return;
        break;
      case "pause":
        if (node.clock === null || node.clock.isPaused) return;
        node.clock.pause(time.now_us + duration_us);
        break;
      case "clockJump": {
        const range_ms = random.chance(0.1) ? 60_000 : 1000;
        node.clock?.jump(random.between(-range_ms, range_ms));
        break;
      }
      case "slowSync":
        // Counted by the disk, sync by sync.
        node.disk.slow_us = random.between(5000, 60_000);
        time.after(duration_us, () => void (node.disk.slow_us = 0));
        return;
      case "failedSync":
        node.disk.failingSyncs = 1;
        return;
      case "fullDisk":
        node.disk.writable = random.below(4096);
        return;
    }
    count(kind);
    network.trace.append("fault", kind, node.id + 1);
  }

  #cut(isOneWay: boolean, duration_us: number, random: SimRandom): void {
    const { network, time } = this.#options;
    const sides = Array.from({ length: 64 }, () => random.chance(0.5));
    const side = (end: EndId): boolean => sides[end % sides.length]!;
    network.cut((from, to) => isOneWay ? side(from) && !side(to) : side(from) !== side(to));
    const partition = ++this.#partition;
    time.after(duration_us, () => {
      if (this.#partition === partition) network.heal();
    });
  }
}

/** Whether a server refused to start because of a fault that passes. */
function isDiskFault(error: Error | null): boolean {
  return error !== null && "code" in error && (error.code === "full" || error.code === "io");
}

function heal(node: SimNode): void {
  node.disk.failingSyncs = 0;
  node.disk.writable = Number.POSITIVE_INFINITY;
  node.disk.slow_us = 0;
}
