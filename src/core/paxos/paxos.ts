/**
 * Multi-Paxos: a state machine on several replicas that is one to its clients. Any replica takes any command; a
 * majority that can reach each other is enough to go on; nothing that was acknowledged is lost while a majority of the
 * logs survives.
 *
 * The protocol is "Paxos Made Simple" (Lamport, 2001) with what practice needs around it; docs/paxos.md goes through
 * it message by message. The roles are in `acceptor.ts`, `proposer.ts` and `learner.ts`, their wiring in `node.ts`;
 * here is the face that front doors see.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { Alarm } from "../alarm.ts";
import { KvError } from "../errors.ts";
import { Housekeeping } from "../housekeeping.ts";
import { readFrom, submitTo } from "../promise_forms.ts";
import { ReplicaLife } from "../replica_life.ts";
import type { Completion, Replication, ReplicationStatus, Role } from "../replication.ts";
import { type Ballot, formatBallot } from "./ballot.ts";
import { MESSAGE } from "./messages.ts";
import { PaxosNode } from "./node.ts";
import type { NodeOwner } from "./node_options.ts";
import { type PaxosEvent, type PaxosOptions, type ResolvedPaxosOptions, resolvePaxosOptions } from "./options.ts";
import { Reads } from "./reads.ts";
import { RECORD } from "./records.ts";
import { clusterStatus, unreadyReason } from "./readiness.ts";
import { Submissions } from "./submissions.ts";

const NOTHING = new Uint8Array(0);

/**
 * One replica of a replicated state machine.
 */
export class Paxos implements Replication {
  readonly #options: ResolvedPaxosOptions;
  readonly #clock: Clock;
  readonly #life: ReplicaLife;
  readonly #submissions: Submissions;
  readonly #reads: Reads;
  readonly #housekeeping: Housekeeping;
  readonly #alarm: Alarm;
  #node: PaxosNode | null = null;
  /** Commands and reads may be sent once the record of this life is durable. */
  #lifeAt = Number.POSITIVE_INFINITY;
  #isAlive = false;
  #isApplying = false;
  /** Since when nobody leads, or null while somebody does. */
  #leaderlessSince: number | null = 0;
  /** Since when this replica is far behind, or null while it is not. */
  #behindSince: number | null = null;
  #eventListener: (event: PaxosEvent) => void = () => {};

  /** A replica that does not serve yet: {@link start} it. */
  constructor(options: PaxosOptions) {
    const { log, clock, stateMachine } = options;
    this.#options = resolvePaxosOptions(options);
    this.#clock = clock;
    this.#life = new ReplicaLife(clock, log, {
      after: () => this.#after(),
      flush: () => this.#flush(),
      isIdle: () => this.#submissions.count === 0 && this.#reads.count === 0,
      onClosing: () => this.#housekeeping.turn(false),
      stop: () => this.#stop(),
      fail: (refused, unknown) => {
        this.#submissions.fail(refused, unknown);
        this.#reads.fail(refused);
      },
    });
    const { outcome_ms, retry_ms } = this.#options.times;
    const patience = (): number => this.#patience();
    this.#submissions = new Submissions({
      send: (number, first, batch) => this.#forward(number, first, batch),
      unavailable: () => this.#unavailable(),
      patience,
      outcome_ms,
      resend_ms: retry_ms,
      maxBatch_bytes: this.#options.maxBatch_bytes,
    });
    this.#reads = new Reads({
      send: (readId) => this.#requestRead(readId),
      applied: () => this.#node?.roles.learner?.applied ?? -1,
      unavailable: () => this.#unavailable(),
      patience,
      resend_ms: retry_ms,
    });
    this.#alarm = new Alarm(clock, () => this.#handle(() => this.#onTick()));
    this.#housekeeping = new Housekeeping(clock, stateMachine, (command, done) => this.propose(command, done));
  }

  /** Restores the stored snapshot, applies what the log knows to be chosen, and joins the others. */
  start(): Promise<void> {
    return this.#life.start(() => {
      const node = new PaxosNode({ ...this.#options, machine: this.#options.stateMachine, owner: this.#owner() });
      this.#node = node;
      this.#leaderlessSince = this.#clock.monotonic();
      this.#options.log.listen({
        onDurable: (position) => this.#handle(() => this.#onDurable(position)),
        onFailure: (error) => this.#life.fail(error.message),
      });
      this.#options.transport.listen({
        onMessage: (from, body) => this.#handle(() => node.onFrame(from, body)),
        onPeer: (peer, isConnected) =>
          this.#handle(() => {
            node.onPeer(peer, isConnected);
            this.#eventListener({ type: "peer", peer, isConnected });
          }),
      });
      this.#lifeAt = node.slots.append({ type: RECORD.life, life: node.life });
    }, () => this.#settleAfter(() => this.#node!.onTick()));
  }

  #owner(): NodeOwner {
    return {
      turn: (action) => this.#handle(action),
      waiting: (proposal) => this.#submissions.onApplying(proposal, this.#clock.monotonic()),
      onSkipped: (number) => this.#submissions.onSkipped(number),
      onLeader: (leader, ballot) => this.#onLeader(leader, ballot),
      onReadReply: (readId, slot) => this.#reads.onReply(readId, slot, this.#clock.monotonic()),
      onApplied: () => {
        this.#reads.onApplied();
        this.#housekeeping.schedule();
      },
      onRole: (role, isUp) => this.#eventListener({ type: "role", role, isUp }),
      onInstalled: (slot) => this.#eventListener({ type: "installed", slot }),
      onMembership: (mayVote, refusedBy) => {
        if (refusedBy !== null) this.#eventListener({ type: "refused", by: refusedBy });
        else if (mayVote) this.#eventListener({ type: "member" });
      },
    };
  }

  #handle(handler: () => void): void {
    this.#life.handle(() => this.#settleAfter(handler));
  }

  #settleAfter(handler: () => void): void {
    handler();
    if (this.#life.isServing && this.#node!.settle()) this.#life.scheduleFlush();
  }

  #after(): void {
    if (!this.#node!.isFarBehind) this.#behindSince = null;
    else this.#behindSince ??= this.#clock.monotonic();
    const hasOwn = this.#submissions.hasOpen || this.#reads.wantsRequest;
    const isProposing = this.#node!.roles.proposer?.wantsFlush === true;
    if (isProposing || hasOwn && this.#maySend) this.#life.scheduleFlush();
    this.#arm();
  }

  #onDurable(position: number): void {
    if (position >= this.#lifeAt) this.#isAlive = true;
    this.#node!.onDurable(position);
    if (this.#node!.roles.isRecovering) this.#life.scheduleFlush();
  }

  #onLeader(leader: ReplicaId | null, ballot: Ballot): void {
    const now = this.#clock.monotonic();
    this.#eventListener({ type: "leader", leader, ballot: formatBallot(ballot) });
    this.#housekeeping.turn(leader === this.#options.id);
    if (leader === null) {
      this.#leaderlessSince ??= now;
      return;
    }
    this.#leaderlessSince = null;
    this.#submissions.resend(now);
    this.#reads.resend(now);
  }

  /**
   * Whether there is a leader to whom batches and reads may go. They are numbered in a life: one that a crash could take
   * back, or that a lost log has given to another replica of this name before, would be mistaken for it. A replica that is
   * far behind sends none: it could not tell what came of a command until it has caught up.
   */
  get #maySend(): boolean {
    const node = this.#node!;
    return this.#isAlive && node.membership.mayVote && this.#leader() !== null && !node.isFarBehind;
  }

  #leader(): ReplicaId | null {
    const now = this.#clock.monotonic();
    const leader = this.#node?.election.leader(now) ?? null;
    if (leader === null) this.#leaderlessSince ??= now;
    return leader;
  }

  #forward(number: number, first: number, batch: Uint8Array): void {
    const leader = this.#leader();
    if (leader === null) return;
    this.#node!.sendTo(leader, { type: MESSAGE.forward, life: this.#node!.life, number, first, batch });
  }

  #requestRead(readId: number): void {
    const leader = this.#leader();
    if (leader !== null) this.#node!.sendTo(leader, { type: MESSAGE.readRequest, life: this.#node!.life, id: readId });
  }

  /** Proposes a command to whoever leads. See {@link Replication.propose}. */
  propose(command: Uint8Array, done: Completion): void {
    const refusal = this.#refusalOf(command.length);
    if (refusal !== null) {
      this.#clock.defer(() => done(refusal, NOTHING));
      return;
    }
    this.#submissions.add(command, done, this.#clock.monotonic());
    this.#life.scheduleFlush();
  }

  #refusalOf(bytes: number): KvError | null {
    if (!this.#life.isOpen) return this.#life.refusal();
    const most = this.#options.maxPending_bytes;
    if (this.#submissions.bytes + bytes > most) {
      return new KvError(
        "UNAVAILABLE",
        `${this.#submissions.bytes} bytes of commands wait to be chosen; the limit is ${most}: try again later`,
      );
    }
    return this.#isUnservedForLong() ? this.#unavailable() : null;
  }

  /** Whether a request that comes now has nothing to hope for within its patience. */
  #isUnservedForLong(): boolean {
    const since = this.#leader() === null ? this.#leaderlessSince! : this.#behindSince;
    return since !== null && this.#clock.monotonic() - since >= this.#patience();
  }

  /**
   * How long a request waits: not for a leader that cannot be, because too many replicas are out of reach, nor for this
   * replica while it lacks much of what was chosen.
   */
  #patience(): number {
    const { patience_ms, election_ms } = this.#options.times;
    const isLong = this.#node?.isCutOff === true || this.#behindSince !== null;
    return isLong ? Math.min(patience_ms, election_ms) : patience_ms;
  }

  /** Calls `done` when the state reflects all that was acknowledged before. See {@link Replication.barrier}. */
  barrier(done: (error: KvError | null) => void): void {
    if (!this.#life.isOpen) return done(this.#life.refusal());
    if (this.#isUnservedForLong()) return done(this.#unavailable());
    this.#reads.add(done, this.#clock.monotonic());
    this.#life.scheduleFlush();
  }

  /** The end of a turn: what came together goes out together. */
  #flush(): void {
    const node = this.#node!;
    const now = this.#clock.monotonic();
    if (node.roles.recover()) this.#life.scheduleFlush();
    if (this.#maySend) {
      this.#submissions.flush(this.#clock.now(), now);
      this.#reads.flush(now);
    }
    node.settle();
    node.flush();
    if (node.settle()) this.#applyLater();
  }

  /**
   * Applies what was chosen behind what this turn sends and writes: votes and the word of what is chosen are what other
   * replicas wait for.
   */
  #applyLater(): void {
    if (this.#isApplying) return;
    this.#isApplying = true;
    this.#clock.defer(() => {
      this.#isApplying = false;
      this.#handle(() => this.#node!.apply());
    });
  }

  #arm(): void {
    const node = this.#node!;
    this.#alarm.set(Math.min(node.deadline, this.#submissions.deadline, this.#reads.deadline, this.#life.closeBy));
  }

  #onTick(): void {
    const now = this.#clock.monotonic();
    this.#node!.onTick();
    const isLed = this.#leader() !== null;
    this.#submissions.onTick(now, isLed && this.#isAlive);
    this.#reads.onTick(now, isLed);
  }

  /** {@link propose} as a promise. */
  submit(command: Uint8Array): Promise<Uint8Array> {
    return submitTo(this, command);
  }

  /** The answer of the machine to `query`, from a state that reflects every acknowledged write. */
  read(query: Uint8Array): Promise<Uint8Array> {
    return readFrom(this, this.#options.stateMachine, query);
  }

  /** Lets a role crash: it loses everything that is not in the log. For drills; see `--fail`. */
  crashRole(role: Role): void {
    this.#handle(() => void this.#node!.roles.crash(role));
  }

  /** Starts a crashed role again from the log. */
  restartRole(role: Role): void {
    this.#handle(() => this.#node!.roles.restart(role));
    this.#life.scheduleFlush();
  }

  #unavailable(): KvError {
    return new KvError(
      "UNAVAILABLE",
      `${this.#unready() ?? "the leader does not answer"}: nothing was changed; try again`,
    );
  }

  /** Why this replica cannot serve at the moment, or null. */
  #unready(): string | null {
    const { isServing, state, reason } = this.#life;
    if (!isServing || this.#node === null) return reason ?? `the replica is ${state}`;
    return unreadyReason(this.#node, this.#leader());
  }

  /** Figures for status pages and metrics. */
  status(): ReplicationStatus {
    const node = this.#node;
    return {
      protocol: "paxos",
      state: this.#life.state,
      reason: this.#life.reason,
      applied: node?.roles.learner?.commands ?? 0,
      pending: this.#submissions.count,
      appliedPosition: node?.roles.learner?.applied ?? 0,
      snapshots: node?.snapshots.taken ?? 0,
      snapshotFailure: node?.snapshots.failure ?? null,
      cluster: node === null ? null : clusterStatus(node, this.#options, this.#leader(), this.#unready()),
    };
  }

  /** Names who is told, once, when this replica has failed. */
  onFailure(callback: (error: KvError) => void): void {
    this.#life.onFailure(callback);
  }

  /** Names who is told of what happens, such as changes of leadership. */
  onEvent(callback: (event: PaxosEvent) => void): void {
    this.#eventListener = callback;
  }

  #stop(): void {
    this.#alarm.cancel();
    this.#housekeeping.turn(false);
    this.#node?.close();
    this.#options.transport.close();
  }

  /** Finishes what was accepted, if the others help, closes the log and the transport, and stops. */
  close(): Promise<void> {
    return this.#life.close();
  }
}
