/**
 * Two-phase commit: a state machine on several replicas that always agree. Any replica takes any command and coordinates
 * it; all of them have to be up for a write to go through, and what was acknowledged is in the log of each.
 *
 * The protocol is the textbook's: prepare, durable votes, durable decision, go, durable commits, acknowledgements, and
 * then the reply. The parts are in `coordinator.ts` and `participant.ts`, their wiring in `node.ts`; here is the face that
 * front doors see.
 *
 * A revision is the number of commands that have changed something, as under every other protocol: commits have one order
 * on all replicas (see `participant.ts`), so it is the same everywhere.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { Alarm } from "../alarm.ts";
import type { KvError } from "../errors.ts";
import { Housekeeping } from "../housekeeping.ts";
import { readFrom, submitTo } from "../promise_forms.ts";
import { ReplicaLife } from "../replica_life.ts";
import type { Completion, Replication, ReplicationStatus } from "../replication.ts";
import { TwoPhaseNode } from "./node.ts";
import {
  type ResolvedTwoPhaseOptions,
  resolveTwoPhaseOptions,
  type TwoPhaseCommitOptions,
  type TwoPhaseEvent,
} from "./options.ts";
import { blockedError, fullError, unavailable } from "./refusals.ts";
import { twoPhaseStatus } from "./status.ts";

const NOTHING = new Uint8Array(0);
/** The replica that proposes what falls due: writes need every replica, so it might as well be always the same. */
const HOUSEKEEPER: ReplicaId = 0;

/** A read that came before this replica was known to the others. */
interface EarlyRead {
  readonly keys: readonly string[] | null;
  readonly since: number;
  readonly done: (error: KvError | null) => void;
}

/**
 * One replica of a replicated state machine.
 *
 * @example Three replicas in one process
 * ```ts
 * import {
 *   createMemoryTransports,
 *   decodeResult,
 *   encodeCommand,
 *   keyFromText,
 *   KVStore,
 *   MemoryLog,
 *   systemClock,
 *   systemRandom,
 *   TwoPhaseCommit,
 * } from "@x/kvpaxos";
 *
 * const replicas = createMemoryTransports(3).map((transport, id) =>
 *   new TwoPhaseCommit({
 *     id,
 *     replicas: 3,
 *     transport,
 *     log: new MemoryLog({ clock: systemClock, random: systemRandom }),
 *     clock: systemClock,
 *     random: systemRandom,
 *     stateMachine: new KVStore(),
 *   })
 * );
 * await Promise.all(replicas.map((replica) => replica.start()));
 *
 * const visit = encodeCommand({ type: "increment", key: keyFromText("visits"), delta: 1n });
 * for (const replica of replicas) await replica.submit(visit);
 * const found = decodeResult(await replicas[2]!.read(encodeCommand({ type: "get", key: keyFromText("visits") })));
 * if (found.type === "get") console.log(new TextDecoder().decode(found.entry?.value)); // 3
 *
 * await Promise.all(replicas.map((replica) => replica.close()));
 * ```
 */
export class TwoPhaseCommit implements Replication {
  /** Reads say which keys they are of, and wait for no others. */
  readonly locksKeys = true;
  readonly #options: ResolvedTwoPhaseOptions;
  readonly #clock: Clock;
  readonly #life: ReplicaLife;
  readonly #housekeeping: Housekeeping;
  readonly #alarm: Alarm;
  #node: TwoPhaseNode | null = null;
  /** What callers are told when the handler is done: they may call in again. */
  #answers: (() => void)[] = [];
  #early: EarlyRead[] = [];
  #eventListener: (event: TwoPhaseEvent) => void = () => {};

  /** A replica that does not serve yet: {@link start} it. */
  constructor(options: TwoPhaseCommitOptions) {
    this.#options = resolveTwoPhaseOptions(options);
    const { clock, log, stateMachine } = this.#options;
    this.#clock = clock;
    this.#life = new ReplicaLife(clock, log, {
      after: () => this.#after(),
      flush: () => this.#node!.flush(),
      isIdle: () => this.#isIdle,
      onClosing: () => this.#housekeeping.turn(false),
      stop: () => this.#stop(),
      fail: (refused, unknown) => this.#tellAll(refused, unknown),
    });
    this.#alarm = new Alarm(clock, () => this.#handle((node) => this.#onTick(node)));
    this.#housekeeping = new Housekeeping(clock, stateMachine, (command, done) => this.propose(command, done));
  }

  /** Restores the stored snapshot, takes in what the log says after it, locks included, and joins the others. */
  start(): Promise<void> {
    return this.#life.start(() => {
      const { log, transport } = this.#options;
      const node = new TwoPhaseNode(this.#options, (event) => this.#eventListener(event));
      this.#node = node;
      log.listen({
        onDurable: (position) => this.#handle(() => node.onDurable(position)),
        onFailure: (error) => this.#life.fail(error.message),
      });
      transport.listen({
        onMessage: (from, body) => this.#handle(() => node.onFrame(from, body)),
        onPeer: (peer, isConnected) => this.#handle(() => node.onPeer(peer, isConnected)),
      });
    }, () => {
      this.#node!.onTick();
      this.#node!.settle();
      this.#housekeeping.turn(this.#options.id === HOUSEKEEPER);
    });
  }

  #handle(handler: (node: TwoPhaseNode) => void): void {
    this.#life.handle(() => {
      handler(this.#node!);
      this.#node!.settle();
    });
  }

  #after(): void {
    const node = this.#node!;
    if (node.membership.mayVote && this.#early.length > 0) this.#admitEarly();
    this.#answer();
    if (!this.#life.isServing) return;
    if (node.wantsFlush) this.#life.scheduleFlush();
    this.#housekeeping.schedule();
    this.#arm();
  }

  #arm(): void {
    const node = this.#node!;
    const isBusy = node.isBusy || this.#early.length > 0;
    const soon = isBusy ? this.#clock.monotonic() + this.#options.times.retry_ms / 2 : Number.POSITIVE_INFINITY;
    this.#alarm.set(Math.min(soon, node.deadline, this.#life.closeBy));
  }

  #answer(): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const answer of answers) answer();
  }

  #onTick(node: TwoPhaseNode): void {
    node.onTick();
    const latest = this.#clock.monotonic() - this.#options.times.patience_ms;
    const isHopeless = node.hindrance?.isPassing === false;
    const late = this.#early.filter(({ since }) => isHopeless || since <= latest);
    this.#early = this.#early.filter((read) => !late.includes(read));
    for (const { done } of late) this.#answers.push(() => done(this.#unavailable()));
  }

  #unavailable(): KvError {
    return unavailable(this.#node?.hindrance?.reason ?? "this replica does not serve");
  }

  /** Coordinates a command. See {@link Replication.propose}; `done` is called when every replica has committed it. */
  propose(command: Uint8Array, done: Completion): void {
    const refusal = this.#refusalOf(command.length);
    if (refusal !== null) {
      this.#clock.defer(() => done(refusal, NOTHING));
      return;
    }
    const answer: Completion = (error, result) => void this.#answers.push(() => done(error, result));
    this.#node!.coordinator.add(command.slice(), answer, this.#clock.monotonic());
    this.#life.scheduleFlush();
  }

  #refusalOf(bytes: number): KvError | null {
    if (!this.#life.isOpen) return this.#life.refusal();
    const { coordinator, hindrance } = this.#node!;
    if (hindrance?.isPassing === false) return this.#unavailable();
    const { maxPending_bytes } = this.#options;
    return coordinator.bytes + bytes <= maxPending_bytes ? null : fullError(coordinator.bytes, maxPending_bytes);
  }

  /**
   * Calls `done` when everything that this replica has voted for and that concerns `keys`, null for all, is applied or
   * aborted: any of it may have been seen, or acknowledged, elsewhere. See {@link ReadBarriers}.
   */
  barrier(done: (error: KvError | null) => void, keys: readonly string[] | null = null): void {
    if (!this.#life.isOpen) return done(this.#life.refusal());
    const { membership, participant } = this.#node!;
    if (membership.refusedBy !== null) return done(this.#unavailable());
    const now = this.#clock.monotonic();
    // Its log may be empty because it is new, or because it was lost: only the others know.
    if (!membership.mayVote) this.#early.push({ keys, since: now, done });
    else {
      let isAtOnce = true;
      participant.barrier(keys, now, (obstacle) => {
        const error = obstacle === null
          ? null
          : this.#life.isServing
          ? blockedError(obstacle, participant.inDoubt[0])
          : this.#life.refusal();
        if (isAtOnce) done(error);
        // What was applied since then belongs to the state too: it makes the read no older.
        else this.#answers.push(() => done(error));
      });
      isAtOnce = false;
    }
    this.#arm();
  }

  #admitEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const { done, keys } of early) this.barrier(done, keys);
  }

  /** {@link propose} as a promise. */
  submit(command: Uint8Array): Promise<Uint8Array> {
    return submitTo(this, command);
  }

  /** The answer of the machine to `query`, from a state that reflects every acknowledged write. */
  read(query: Uint8Array): Promise<Uint8Array> {
    return readFrom(this, this.#options.stateMachine, query);
  }

  /** Figures for status pages and metrics. */
  status(): ReplicationStatus {
    const node = this.#node;
    const { state, reason } = this.#life;
    return {
      protocol: "2pc",
      state,
      reason,
      applied: node?.applied ?? 0,
      pending: node?.coordinator.count ?? 0,
      appliedPosition: node?.appliedPosition ?? 0,
      snapshots: node?.snapshotter.taken ?? 0,
      snapshotFailure: node?.snapshotter.failure ?? null,
      cluster: null,
      ...(node === null ? {} : { twoPhase: twoPhaseStatus(node, this.#life, this.#clock.monotonic()) }),
    };
  }

  /** Names who is told, once, when this replica has failed. */
  onFailure(callback: (error: KvError) => void): void {
    this.#life.onFailure(callback);
  }

  /** Names who is told of what happens, such as transactions in doubt. */
  onEvent(callback: (event: TwoPhaseEvent) => void): void {
    this.#eventListener = callback;
  }

  #stop(): void {
    this.#alarm.cancel();
    this.#housekeeping.turn(false);
    this.#node?.snapshotter.close();
    // One that has failed had better say nothing any more.
    if (this.#life.state === "closed") this.#node?.withdraw();
    this.#options.transport.close();
  }

  #tellAll(refused: KvError, unknown: KvError): void {
    const early = this.#early;
    this.#early = [];
    this.#node?.coordinator.fail(refused, unknown);
    this.#node?.participant.fail();
    this.#answer();
    for (const { done } of early) done(refused);
  }

  get #isIdle(): boolean {
    const { coordinator, participant } = this.#node!;
    return coordinator.count === 0 && participant.reads === 0 && this.#early.length === 0;
  }

  /** Finishes what was accepted, if the others help, closes the log and the transport, and stops. */
  close(): Promise<void> {
    return this.#life.close();
  }
}
