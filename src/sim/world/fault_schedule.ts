/**
 * When which fault strikes, drawn from the seed.
 *
 * Every run draws which of the faults of its profile it has at all, so that some runs are dominated by one kind; then
 * each kind strikes again and again at random. Machines die at a random one of their next messages and syncs.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { damageDisk, type DamageKind, mayDamage } from "./damage.ts";
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import { type Broken, drawBroken, NOBODY } from "./minority.ts";
import type { Network } from "./network.ts";
import { drawPartition } from "./partitions.ts";
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
  /** How many servers may be gone for good while the others go on. */
  readonly tolerated: number;
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
  roleCrash: 700,
  leaderCut: 1500,
} as const;
type TimedKind = keyof typeof MEAN_MS;
/** How much faster all that may go in a run, so that short ones meet their share too. */
const PACES: readonly number[] = [0.1, 0.3, 1];
/** How many messages and syncs a machine lives through on average at intensity 1. */
const MEAN_FUSE = 250;
/** By how much longer than that machines live in a run of several: in some runs a majority is up most of the time. */
const FUSE_FACTORS: readonly number[] = [0.3, 1, 4];
/** How likely a machine that lost power finds its disk damaged, at intensity 1. */
const DAMAGE = 0.05;
/** How likely a partition is followed by another one at once, so that the cut moves. */
const MOVES = 0.4;
/** How likely somebody stays broken when faults end, at intensity 1. */
const MINORITY = 0.6;
/** What a slow replica's messages take longer, and its syncs, in microseconds. */
const SLOW_LINK_US = 60_000;
const SLOW_DISK_US = 40_000;
/** How long a machine stays down on average, in milliseconds. */
const MEAN_DOWN_MS = 60;
/** The same once faults have ended. */
const RECOVERY_MS = 10;

/** Strikes. */
export class FaultSchedule {
  #options: FaultScheduleOptions;
  #intensities: Readonly<Record<FaultKind, number>>;
  #pace: number;
  #fuse: number;
  #isOn = false;
  #partition = 0;
  #broken: Broken = NOBODY;
  #damaged = new Set<ReplicaId>();

  /** A schedule that does nothing yet. Intensities are from 0 to 1. */
  constructor(intensities: Readonly<Record<FaultKind, number>>, options: FaultScheduleOptions) {
    this.#options = options;
    const presence = options.random.fork("presence");
    this.#pace = presence.pick(PACES);
    this.#fuse = MEAN_FUSE * (options.nodes.length > 1 ? presence.fork("fuse").pick(FUSE_FACTORS) : 1);
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

  /** The replicas whose disks have been damaged: they may be down for good. */
  get damaged(): ReadonlySet<ReplicaId> {
    return this.#damaged;
  }

  /** Draws who stays broken when everything else is well again: a minority, and often nobody. */
  drawBroken(): Broken {
    const { count, nodes, random, tolerated } = this.#options;
    const dice = random.fork("minority");
    if (!dice.chance(MINORITY * this.#intensities.minority) || !this.#areAllJoined()) return NOBODY;
    const broken = drawBroken(dice, nodes.length, tolerated, this.#damaged);
    if (broken.size > 0) count("minority");
    return broken;
  }

  /**
   * Ends every fault but those of `broken`. Machines that are down come back soon. Called again, it mends those that
   * stayed broken.
   */
  stop(broken: Broken): void {
    const { network, nodes, time } = this.#options;
    this.#isOn = false;
    this.#broken = broken;
    this.#partition++;
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
      for (const role of node.status.downRoles) node.restartRole(role);
      if (broken.get(node.id) === "down") node.crash();
      else if (!node.isUp) this.#restartLater(node, RECOVERY_MS);
    }
    if (broken.size > 0) this.#break();
  }

  /** Does to those that stay broken what they have. */
  #break(): void {
    const { network, nodes } = this.#options;
    const broken = this.#broken;
    const isCut = (end: number, other: number): boolean => {
      const kind = broken.get(end);
      return kind === "cutOff" || (kind === "alone" && other < network.replicas);
    };
    network.cut((from, to) => isCut(from, to) || isCut(to, from));
    for (const node of nodes) {
      const kind = broken.get(node.id);
      if (kind === undefined) continue;
      network.trace.append("broken", node.id + 1, kind);
      if (kind !== "slow") continue;
      node.disk.slow_us = SLOW_DISK_US;
      for (let peer = 0; peer < network.replicas; peer++) {
        if (peer === node.id) continue;
        network.link(node.id, peer).delay_us += SLOW_LINK_US;
        network.link(peer, node.id).delay_us += SLOW_LINK_US;
      }
    }
  }

  #arm(node: SimNode): void {
    const strength = Math.max(this.#intensities.crash, this.#intensities.kill);
    if (strength > 0 && this.#isOn) node.fuse = 1 + Math.floor(this.#options.random.wait(this.#fuse / strength));
  }

  #onFuse(node: SimNode): void {
    const { count, random } = this.#options;
    const { crash, kill } = this.#intensities;
    if (random.next() * (crash + kill) < crash) {
      count("crash");
      node.crash();
      this.#damage(node);
    } else if (random.chance(0.3)) {
      count("kill");
      node.stop();
    } else {
      count("kill");
      node.kill();
    }
  }

  #onDown(node: SimNode, end: EndOfLife): void {
    const { random } = this.#options;
    const isDamaged = end === "refused" && !isDiskFault(node.status.refusal);
    // Nothing but a person can help a server that finds its data damaged.
    if (isDamaged) return;
    this.#restartLater(node, this.#isOn ? random.wait(MEAN_DOWN_MS * this.#pace) : RECOVERY_MS);
  }

  #restartLater(node: SimNode, down_ms: number): void {
    this.#options.time.after(down_ms * 1000, () => {
      if (this.#broken.get(node.id) === "down") return;
      if (this.#broken.get(node.id) !== "slow") heal(node);
      node.restart();
      this.#arm(node);
    });
  }

  /** What was durable may not be what it was when a machine that lost power comes back. */
  #damage(node: SimNode): void {
    for (const kind of ["bitRot", "misdirectedWrite"] as const) {
      const strikes = this.#options.random.chance(DAMAGE * this.#intensities[kind]);
      if (strikes && this.mayDamage(node.id) && this.damage(node, kind)) this.#options.count(kind);
    }
  }

  /** Nobody can be done without before everybody has been there: newcomers need more than a majority of the others. */
  #areAllJoined(): boolean {
    return this.#options.nodes.every((node) => node.hasJoined);
  }

  /** Whether a disk may be damaged besides those that have been. */
  mayDamage(id: ReplicaId): boolean {
    const { nodes, tolerated } = this.#options;
    if (!this.#areAllJoined()) return false;
    return mayDamage(nodes.length, tolerated, this.#damaged, id);
  }

  /** Damages the disk of a machine that has lost power and is down; false when nothing on it may be damaged. */
  damage(node: SimNode, kind: DamageKind): boolean {
    const { random, network } = this.#options;
    const damage = damageDisk(node.disk, random, kind);
    if (damage === null) return false;
    this.#damaged.add(node.id);
    network.trace.append(kind, node.id + 1, damage.file, damage.offset);
    return true;
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
        this.#cut(kind, duration_us, random);
        return;
      case "leaderCut": {
        const leader = nodes.find(({ service }) => service?.status().cluster?.role === "leader");
        if (leader === undefined) return;
        const isCut = (from: number, to: number): boolean => (from === leader.id) !== (to === leader.id);
        network.cut((from, to) => from < network.replicas && to < network.replicas && isCut(from, to));
        // About as long as it takes to elect another one, whatever the pace.
        this.#healAfter(random.between(300_000, 1_500_000), () => network.heal());
        break;
      }
      case "slowReceiver": {
        const slow = links.filter((link) => link.to >= network.replicas || link.from < network.replicas);
        if (slow.length === 0) return;
        const link = random.pick(slow);
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
      case "roleCrash":
        this.#crashRole(node, duration_us, random);
        return;
    }
    count(kind);
    network.trace.append("fault", kind, node.id + 1);
  }

  #cut(kind: "partition" | "oneWayPartition", duration_us: number, random: SimRandom): void {
    const { network, count } = this.#options;
    const { shape, isCut } = drawPartition(random, network.replicas, kind === "oneWayPartition");
    network.cut(isCut);
    count(kind);
    network.trace.append("fault", kind, shape);
    this.#healAfter(duration_us, () => {
      if (network.replicas > 1 && random.chance(MOVES)) this.#cut(kind, duration_us, random);
      else network.heal();
    });
  }

  /** Calls `heal` after so long, unless links are cut in another way by then. */
  #healAfter(duration_us: number, heal: () => void): void {
    const partition = ++this.#partition;
    this.#options.time.after(duration_us, () => {
      if (this.#partition === partition) heal();
    });
  }

  #crashRole(node: SimNode, duration_us: number, random: SimRandom): void {
    const { time, count } = this.#options;
    const roles = node.host?.roles?.names ?? [];
    if (roles.length === 0) return;
    const role = random.pick(roles);
    const { lives } = node.status;
    if (!node.crashRole(role)) return;
    count("roleCrash");
    time.after(duration_us, () => {
      if (node.status.lives === lives) node.restartRole(role);
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
