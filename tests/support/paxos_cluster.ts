/**
 * Replicas of a list, on a network whose every frame the test holds in its hands: it delivers, drops, repeats and
 * reorders them, crashes replicas and starts them again from what their logs had made durable. So a test of the protocol
 * reads like the story that it tells.
 *
 * @module
 */
import { bytesToText, textToBytes } from "../../src/codec/bytes.ts";
import type { KvError } from "../../src/core/errors.ts";
import { readMessage } from "../../src/core/paxos/message_codec.ts";
import { MESSAGE, type Message } from "../../src/core/paxos/messages.ts";
import type { PaxosEvent, PaxosOptions } from "../../src/core/paxos/options.ts";
import { Paxos } from "../../src/core/paxos/paxos.ts";
import type { SnapshotSink, SnapshotSource, StateMachine } from "../../src/core/replication.ts";
import type { Clock, Timer } from "../../src/ports/clock.ts";
import type { ReplicaId, Transport, TransportListener } from "../../src/ports/transport.ts";
import { ManualClock } from "./manual_clock.ts";
import { HeldLog } from "./paxos_log.ts";
import { SeededRandom } from "./seeded_random.ts";

/** A machine whose state is the list of the commands it was told. */
export class ListMachine implements StateMachine {
  lines: string[] = [];
  /** A command that it cannot bear. */
  poison = "";
  /** How many lines it had when its recovery began, and when it ended. */
  recoveries: number[] = [];

  recovering(): void {
    this.recoveries.push(this.lines.length);
  }
  apply(command: Uint8Array): Uint8Array {
    const line = bytesToText(command);
    if (line === this.poison) throw new Error(`the machine cannot bear ${line}`);
    this.lines.push(line);
    return textToBytes(`${this.lines.length}:${line}`);
  }
  query(): Uint8Array {
    return textToBytes(this.lines.join(","));
  }
  snapshot(): SnapshotSource {
    const slices = this.lines.map((line) => textToBytes(`${line}\n`));
    return { next: () => slices.shift() ?? null, close: () => {} };
  }
  restore(): SnapshotSink {
    let text = "";
    return {
      write: (slice) => void (text += bytesToText(slice)),
      finish: () => void (this.lines = text.split("\n").slice(0, -1)),
    };
  }
}

/** The name of a message's type. */
export type MessageName = keyof typeof MESSAGE;

const NAMES = new Map(Object.entries(MESSAGE).map(([name, type]) => [type as number, name as MessageName]));

/** A frame under way. */
export interface Frame {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly name: MessageName;
  readonly message: Message;
  readonly bytes: Uint8Array;
}

/** A clock of one life: what was deferred or timed by a life that is over never happens. */
class LifeClock implements Clock {
  isAlive = true;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }
  now(): number {
    return this.#clock.now();
  }
  monotonic(): number {
    return this.#clock.monotonic();
  }
  after(delay_ms: number, callback: () => void): Timer {
    return this.#clock.after(delay_ms, () => {
      if (this.isAlive) callback();
    });
  }
  defer(callback: () => void): void {
    this.#clock.defer(() => {
      if (this.isAlive) callback();
    });
  }
}

/** One replica, in its present life. */
export interface Replica {
  readonly id: ReplicaId;
  readonly paxos: Paxos;
  readonly log: HeldLog;
  readonly machine: ListMachine;
  readonly events: PaxosEvent[];
  /** What it has applied, slot by slot. */
  readonly chosen: Map<number, string>;
  readonly clock: LifeClock;
  listener: TransportListener | null;
}

/** Options of all replicas that tests vary. */
export type ClusterTuning = Partial<
  Pick<
    PaxosOptions,
    "snapshotEvery_bytes" | "snapshotSlice_bytes" | "times" | "cache_bytes" | "catchUp_bytes" | "leaseReads"
  >
>;

/** What became of a proposal. */
export interface Outcome {
  /** The result, or the code of the error; null while it is open. */
  said: string | null;
  /** How often the completion was called. */
  calls: number;
}

/** Replicas and the frames between them. */
export class PaxosCluster {
  readonly clock: ManualClock = new ManualClock();
  readonly replicas: Replica[];
  /** Frames that were sent and neither delivered nor dropped. */
  frames: Frame[] = [];
  /** Frames that never arrive: the state of the network. */
  isLost: (frame: Frame) => boolean = () => false;
  readonly #tuning: (id: ReplicaId) => ClusterTuning;
  #draws = 0;

  /** With options that are the same for all, or each replica's own. */
  constructor(replicas = 3, tuning: ClusterTuning | ((id: ReplicaId) => ClusterTuning) = {}) {
    this.#tuning = typeof tuning === "function" ? tuning : () => tuning;
    this.replicas = Array.from({ length: replicas }, (_, id) => this.#make(id, replicas, null));
    for (const { paxos } of this.replicas) void paxos.start();
  }

  #make(id: ReplicaId, replicas: number, log: HeldLog | null): Replica {
    const clock = new LifeClock(this.clock);
    const random = new SeededRandom(1000 * (id + 1) + this.#draws++);
    const life = log?.afterCrash(clock) ?? new HeldLog(clock, random.bytes(16));
    const machine = new ListMachine();
    const chosen = new Map<number, string>();
    const events: PaxosEvent[] = [];
    const transport: Transport = {
      listen: (listener) => void (replica.listener = listener),
      send: (to, body) => {
        if (clock.isAlive) this.#take(id, to, body.slice());
      },
      status: () => [],
      close: () => void (replica.listener = null),
    };
    const onChosen = (slot: number, value: Uint8Array): void => void chosen.set(slot, value.join(" "));
    const paxos = new Paxos({
      id,
      replicas,
      transport,
      log: life,
      clock,
      random,
      stateMachine: machine,
      onChosen,
      ...this.#tuning(id),
    });
    const replica: Replica = { id, paxos, log: life, machine, events, chosen, clock, listener: null };
    paxos.onEvent((event) => void events.push(event));
    return replica;
  }

  #take(from: ReplicaId, to: ReplicaId, bytes: Uint8Array): void {
    const message = readMessage(bytes);
    const frame: Frame = { from, to, name: NAMES.get(message.type)!, message, bytes };
    if (!this.isLost(frame)) this.frames.push(frame);
  }

  /** Delivers one frame, whether it is under way or was before. */
  deliver(frame: Frame): void {
    this.frames = this.frames.filter((each) => each !== frame);
    // A transport's memory is its own: whoever keeps a view of it reads rubbish later.
    const body = frame.bytes.slice();
    this.replicas[frame.to]!.listener?.onMessage(frame.from, body);
    body.fill(0xee);
  }

  /** Takes frames out of the network, to deliver them later or never. */
  withhold(which: (frame: Frame) => boolean): Frame[] {
    const held = this.frames.filter(which);
    this.frames = this.frames.filter((frame) => !which(frame));
    return held;
  }

  /** Delivers everything, also what comes of it, until nothing is under way. */
  settle(): void {
    for (let count = 0; count < 100_000; count++) {
      this.clock.run();
      const [next] = this.frames;
      if (next === undefined) return;
      this.deliver(next);
    }
    throw new Error("messages never end");
  }

  /** Lets time pass, and everything be delivered. */
  pass(duration_ms: number): void {
    for (let passed = 0; passed < duration_ms; passed += 5) {
      this.settle();
      this.clock.advance(5);
    }
    this.settle();
  }

  /** Lets time pass until `holds`. */
  until(holds: () => boolean, what: string, limit_ms = 30_000): void {
    for (let passed = 0; passed < limit_ms; passed += 5) {
      this.settle();
      if (holds()) return;
      this.clock.advance(5);
    }
    throw new Error(`waited in vain until ${what}`);
  }

  /** Lets only these replicas talk, and only to each other. */
  isolate(...together: readonly ReplicaId[]): void {
    this.isLost = ({ from, to }) => !together.includes(from) || !together.includes(to);
    this.frames = this.frames.filter((frame) => !this.isLost(frame));
  }

  /** Everybody can talk to everybody. */
  heal(): void {
    this.isLost = () => false;
  }

  /** The replica that leads and is believed by a majority; waits for one. */
  leader(): Replica {
    let found: Replica | undefined;
    this.until(() => {
      found = this.replicas.find(({ id, clock }) => clock.isAlive && this.#believers(id) * 2 > this.replicas.length);
      return found !== undefined;
    }, "somebody leads");
    return found!;
  }

  #believers(leader: ReplicaId): number {
    const own = this.replicas[leader]!.paxos.status().cluster;
    if (own?.role !== "leader") return 0;
    return this.replicas.filter(({ paxos, clock }) => {
      const cluster = paxos.status().cluster;
      return clock.isAlive && cluster?.leader === leader && cluster.ballot === own.ballot;
    }).length;
  }

  /** A replica that does not lead. */
  follower(): Replica {
    const { id } = this.leader();
    return this.replicas[(id + 1) % this.replicas.length]!;
  }

  /** Proposes a command at a replica. */
  propose(at: ReplicaId, command: string): Outcome {
    const outcome: Outcome = { said: null, calls: 0 };
    this.replicas[at]!.paxos.propose(textToBytes(command), (error, result) => {
      outcome.calls++;
      outcome.said = error === null ? bytesToText(result) : error.code;
    });
    return outcome;
  }

  /** Proposes a command at a replica and sees it through. */
  put(at: ReplicaId, command: string): void {
    const outcome = this.propose(at, command);
    this.until(() => outcome.said !== null, `${command} is answered`);
    if (!outcome.said!.endsWith(`:${command}`)) throw new Error(`${command} at ${at}: ${outcome.said}`);
  }

  /** Reads at a replica: the list, or the code of an error, once there is an answer. */
  read(at: ReplicaId): Outcome {
    const outcome: Outcome = { said: null, calls: 0 };
    const { paxos, machine } = this.replicas[at]!;
    paxos.barrier((error: KvError | null) => {
      outcome.calls++;
      outcome.said = error === null ? machine.lines.join(",") : error.code;
    });
    return outcome;
  }

  /** A replica dies: what was not durable is gone. Its frames under way stay under way. */
  crash(id: ReplicaId): void {
    const replica = this.replicas[id]!;
    replica.clock.isAlive = false;
    replica.listener = null;
  }

  /** A dead replica comes back with what was durable, or with an empty log. */
  restart(id: ReplicaId, log: "its log" | "a new log" = "its log"): Replica {
    const before = this.replicas[id]!;
    const replica = this.#make(id, this.replicas.length, log === "its log" ? before.log : null);
    this.replicas[id] = replica;
    void replica.paxos.start();
    return replica;
  }

  /** Throws unless all lives of all replicas have applied the same value in every slot. */
  checkAgreement(lives: readonly Replica[] = this.replicas): void {
    const agreed = new Map<number, string>();
    for (const { id, chosen } of lives) {
      for (const [slot, value] of chosen) {
        if ((agreed.get(slot) ?? value) !== value) throw new Error(`slot ${slot} of replica ${id} is another value`);
        agreed.set(slot, value);
      }
    }
  }
}
