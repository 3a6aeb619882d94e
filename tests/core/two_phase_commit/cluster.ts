/**
 * Replicas of a list under two-phase commit, on a network whose every message the test holds in its hands, and with logs
 * that become durable when the test says so.
 *
 * @module
 */
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { bytesToText, textToBytes } from "../../../src/codec/bytes.ts";
import { beginFrame, encodeMessage, readFrame } from "../../../src/core/two_phase_commit/message_codec.ts";
import { tagOf } from "../../../src/core/membership.ts";
import { MESSAGE, type Message } from "../../../src/core/two_phase_commit/messages.ts";
import type { TwoPhaseCommitOptions, TwoPhaseEvent } from "../../../src/core/two_phase_commit/options.ts";
import { formatId } from "../../../src/core/two_phase_commit/transaction_id.ts";
import { TwoPhaseCommit } from "../../../src/core/two_phase_commit/two_phase_commit.ts";
import type { TwoPhaseStatus } from "../../../src/core/replication.ts";
import type { Clock, Timer } from "../../../src/ports/clock.ts";
import type { ReplicaId, TransportListener } from "../../../src/ports/transport.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { ListMachine, type Outcome } from "../../support/paxos_cluster.ts";
import { HeldLog } from "../../support/paxos_log.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

export type MessageName = keyof typeof MESSAGE;

/** A message under way. */
export interface Sent {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly name: MessageName;
  readonly message: Message;
  /** Of the transaction that it is about, such as `1.1.7`; empty when it is about none or several. */
  readonly transaction: string;
}

export interface Replica {
  readonly id: ReplicaId;
  readonly protocol: TwoPhaseCommit;
  readonly log: HeldLog;
  readonly machine: KeyedList;
  readonly life: { isAlive: boolean };
  /** Of all its lives. */
  readonly events: TwoPhaseEvent[];
  listener: TransportListener | null;
  /** What the start of a life after the first gave. */
  started: Promise<void>;
}

const NAMES = new Map(Object.entries(MESSAGE).map(([name, type]) => [type as number, name as MessageName]));

/** A list whose commands are `key=value`, or `*` for something that concerns every key. */
export class KeyedList extends ListMachine {
  /** The keys whose lines depend on the time. */
  timed: readonly string[] = [];

  isTimed(keys: readonly string[]): boolean {
    return keys.some((key) => this.timed.includes(key));
  }

  conflicts(command: Uint8Array): readonly string[] | null {
    const [key = ""] = bytesToText(command).split("=");
    return key === "*" ? null : [key];
  }
}

/** Replicas and the messages between them. */
export class TwoPhaseCluster {
  readonly clock: ManualClock = new ManualClock();
  readonly replicas: Replica[];
  /** Messages that were sent and neither delivered nor dropped. */
  messages: Sent[] = [];
  /** Messages that never arrive. */
  isLost: (sent: Sent) => boolean = () => false;
  /** Called for every frame that leaves. */
  onFrame: () => void = () => {};
  readonly #tuning: Partial<TwoPhaseCommitOptions>;
  #draws = 0;

  constructor(
    replicas = 3,
    tuning: Partial<TwoPhaseCommitOptions> = {},
    before: (cluster: TwoPhaseCluster) => void = () => {},
  ) {
    this.#tuning = tuning;
    this.replicas = Array.from({ length: replicas }, (_, id) => this.#make(id, replicas, null, []));
    before(this);
    for (const { protocol } of this.replicas) void protocol.start();
    this.settle();
  }

  #make(id: ReplicaId, replicas: number, before: HeldLog | null, events: TwoPhaseEvent[]): Replica {
    const life = { isAlive: true };
    const alive = (callback: () => void) => (): void => {
      if (life.isAlive) callback();
    };
    const clock: Clock = {
      now: () => this.clock.now(),
      monotonic: () => this.clock.monotonic(),
      after: (delay_ms, callback): Timer => this.clock.after(delay_ms, alive(callback)),
      defer: (callback) => this.clock.defer(alive(callback)),
    };
    const random = new SeededRandom(100 * (id + 1) + this.#draws++);
    const log = before?.afterCrash(clock) ?? new HeldLog(clock, random.bytes(16));
    const machine = new KeyedList();
    const protocol = new TwoPhaseCommit({
      id,
      replicas,
      transport: {
        listen: (listener) => void (replica.listener = listener),
        send: (to, body) => {
          if (!life.isAlive) return;
          this.onFrame();
          for (const message of readFrame(body.slice()).messages) this.#take(id, to, message);
        },
        status: () => [],
        close: () => void (replica.listener = null),
      },
      log,
      clock,
      random,
      stateMachine: machine,
      ...this.#tuning,
    });
    protocol.onEvent((event) => void events.push(event));
    const replica: Replica = { id, protocol, log, machine, life, events, listener: null, started: Promise.resolve() };
    return replica;
  }

  #take(from: ReplicaId, to: ReplicaId, message: Message): void {
    const transaction = "id" in message ? formatId(message.id) : "";
    const sent: Sent = { from, to, name: NAMES.get(message.type)!, message, transaction };
    if (!this.isLost(sent)) this.messages.push(sent);
  }

  /** Delivers one message, whether it is under way or was before, from the log of the sender or another one. */
  deliver(sent: Sent, identity: Uint8Array = this.replicas[sent.from]!.log.identity): void {
    this.messages = this.messages.filter((each) => each !== sent);
    const writer = new ByteWriter();
    beginFrame(writer, tagOf(identity));
    writer.blob(encodeMessage(sent.message));
    const body = writer.take();
    this.replicas[sent.to]!.listener?.onMessage(sent.from, body);
    // A transport's memory is its own: whoever keeps a view of it reads rubbish later.
    body.fill(0xee);
  }

  /** Takes messages out of the network, to deliver them later or never. */
  withhold(which: (sent: Sent) => boolean): Sent[] {
    const held = this.messages.filter(which);
    this.messages = this.messages.filter((sent) => !which(sent));
    return held;
  }

  /** Delivers everything, also what comes of it, until nothing is under way. */
  settle(): void {
    for (let count = 0; count < 100_000; count++) {
      this.clock.run();
      const [next] = this.messages;
      if (next === undefined) return;
      this.deliver(next);
    }
    throw new Error("messages never end");
  }

  /** Lets time pass, and everything be delivered. */
  pass(duration_ms: number): void {
    for (let passed = 0; passed < duration_ms; passed += 10) {
      this.settle();
      this.clock.advance(10);
    }
    this.settle();
  }

  propose(at: ReplicaId, command: string): Outcome & { message: string } {
    const outcome: Outcome & { message: string } = { said: null, calls: 0, message: "" };
    this.replicas[at]!.protocol.propose(textToBytes(command), (error, result) => {
      outcome.calls++;
      outcome.said = error === null ? bytesToText(result) : error.code;
      outcome.message = error?.message ?? "";
    });
    return outcome;
  }

  read(at: ReplicaId, keys: readonly string[] | null = null): Outcome & { message: string } {
    const outcome: Outcome & { message: string } = { said: null, calls: 0, message: "" };
    const { protocol, machine } = this.replicas[at]!;
    protocol.barrier((error) => {
      outcome.calls++;
      outcome.said = error === null ? machine.lines.join(",") : error.code;
      outcome.message = error?.message ?? "";
    }, keys);
    return outcome;
  }

  /** A replica dies: what was not durable is gone. */
  crash(id: ReplicaId): void {
    this.replicas[id]!.life.isAlive = false;
    this.replicas[id]!.listener = null;
  }

  /** A dead replica comes back with what was durable, or with the log that is given; null for a new one. */
  restart(id: ReplicaId, log: HeldLog | null = this.replicas[id]!.log): void {
    const replica = this.#make(id, this.replicas.length, log, this.replicas[id]!.events);
    this.replicas[id] = replica;
    replica.started = replica.protocol.start();
  }

  /** What each replica has applied, in order. */
  get lines(): string[] {
    return this.replicas.map(({ machine }) => machine.lines.join(","));
  }

  /** Figures of a replica. */
  status(id: ReplicaId): TwoPhaseStatus {
    return this.replicas[id]!.protocol.status().twoPhase!;
  }

  /** The transactions in doubt at a replica. */
  inDoubt(id: ReplicaId): string[] {
    return this.status(id).inDoubt.map(({ transaction }) => transaction);
  }
}
