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
import { type Log, LogError } from "../../ports/log.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import { Alarm } from "../alarm.ts";
import { KvError, OutcomeUnknown } from "../errors.ts";
import { Housekeeping } from "../housekeeping.ts";
import { readFrom, submitTo } from "../promise_forms.ts";
import type { Completion, Replication, ReplicationState, ReplicationStatus, Role } from "../replication.ts";
import { type Ballot, formatBallot } from "./ballot.ts";
import { MESSAGE } from "./messages.ts";
import { PaxosNode } from "./node.ts";
import type { NodeOwner } from "./node_options.ts";
import { type PaxosEvent, type PaxosOptions, type ResolvedPaxosOptions, resolvePaxosOptions } from "./options.ts";
import { Reads } from "./reads.ts";
import { RECORD } from "./records.ts";
import { clusterStatus, refusalOf, unreadyReason } from "./readiness.ts";
import { Submissions } from "./submissions.ts";

const NOTHING = new Uint8Array(0);
/** How long a replica that closes waits for what it has accepted. */
const CLOSE_MS = 5000;

/**
 * One replica of a replicated state machine.
 */
export class Paxos implements Replication {
  readonly #options: ResolvedPaxosOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #transport: Transport;
  readonly #submissions: Submissions;
  readonly #reads: Reads;
  readonly #housekeeping: Housekeeping;
  readonly #alarm: Alarm;
  #node: PaxosNode | null = null;
  #state: ReplicationState = "starting";
  #reason: string | null = null;
  /** Commands and reads may be sent once the record of this life is durable. */
  #lifeAt = Number.POSITIVE_INFINITY;
  #isAlive = false;
  /** Since when nobody leads, or null while somebody does. */
  #leaderlessSince: number | null = 0;
  #isFlushScheduled = false;
  #isHandling = false;
  #failureListener: ((error: KvError) => void) | null = null;
  #eventListener: (event: PaxosEvent) => void = () => {};
  #closing: { resolve: () => void; reject: (error: unknown) => void }[] | null = null;
  #closeBy = Number.POSITIVE_INFINITY;

  /** A replica that does not serve yet: {@link start} it. */
  constructor(options: PaxosOptions) {
    const { log, clock, transport, stateMachine } = options;
    this.#options = resolvePaxosOptions(options);
    this.#clock = clock;
    this.#log = log;
    this.#transport = transport;
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
    return new Promise((resolve) => {
      if (this.#state !== "starting") throw new KvError("CLOSED", `cannot start: this replica is ${this.#state}`);
      const node = new PaxosNode({ ...this.#options, machine: this.#options.stateMachine, owner: this.#owner() });
      this.#node = node;
      this.#leaderlessSince = this.#clock.monotonic();
      this.#log.listen({
        onDurable: (position) => this.#handle(() => this.#onDurable(position)),
        onFailure: (error) => this.#fail(error.message),
      });
      this.#transport.listen({
        onMessage: (from, body) => this.#handle(() => node.onFrame(from, body)),
        onPeer: (peer, isConnected) =>
          this.#handle(() => {
            node.onPeer(peer, isConnected);
            this.#eventListener({ type: "peer", peer, isConnected });
          }),
      });
      this.#lifeAt = node.slots.append({ type: RECORD.life, life: node.life });
      this.#state = "serving";
      this.#handle(() => node.onTick());
      resolve();
    });
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

  /** Runs a handler to its end, and then what follows from it. An assertion that fails ends the replica. */
  #handle(handler: () => void): void {
    if (this.#state !== "serving" || this.#node === null) return;
    if (this.#isHandling) throw new Error("a handler was called by another one");
    this.#isHandling = true;
    try {
      handler();
      if (this.#state === "serving" && this.#node.settle()) this.#scheduleFlush();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
      // A log that takes no more says why to its listener; anything else is a fault of this code.
      if (!(error instanceof LogError)) throw error;
    } finally {
      this.#isHandling = false;
    }
    this.#after();
  }

  #after(): void {
    const node = this.#node;
    if (this.#state !== "serving" || node === null) return;
    if (node.roles.proposer?.wantsFlush === true) this.#scheduleFlush();
    if (this.#closing !== null) this.#closeWhenIdle();
    this.#arm();
  }

  #onDurable(position: number): void {
    if (!this.#isAlive && position >= this.#lifeAt) {
      this.#isAlive = true;
      this.#scheduleFlush();
    }
    this.#node!.onDurable(position);
    if (this.#node!.roles.isRecovering) this.#scheduleFlush();
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
    this.#scheduleFlush();
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
    this.#scheduleFlush();
  }

  #refusalOf(bytes: number): KvError | null {
    if (this.#state !== "serving" || this.#closing !== null) return this.#refusal();
    const most = this.#options.maxPending_bytes;
    if (this.#submissions.bytes + bytes > most) {
      return new KvError(
        "UNAVAILABLE",
        `${this.#submissions.bytes} bytes of commands wait to be chosen; the limit is ${most}: try again later`,
      );
    }
    return this.#isLeaderlessForLong() ? this.#unavailable() : null;
  }

  #isLeaderlessForLong(): boolean {
    const isLed = this.#leader() !== null;
    return !isLed && this.#clock.monotonic() - this.#leaderlessSince! >= this.#patience();
  }

  /** How long a request waits for a leader: not for one that cannot be, because too many replicas are out of reach. */
  #patience(): number {
    const { patience_ms, election_ms } = this.#options.times;
    return this.#node?.isCutOff === true ? Math.min(patience_ms, election_ms) : patience_ms;
  }

  /** Calls `done` when the state reflects all that was acknowledged before. See {@link Replication.barrier}. */
  barrier(done: (error: KvError | null) => void): void {
    if (this.#state !== "serving" || this.#closing !== null) return done(this.#refusal());
    if (this.#isLeaderlessForLong()) return done(this.#unavailable());
    this.#reads.add(done, this.#clock.monotonic());
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#state !== "serving") return;
    this.#isFlushScheduled = true;
    this.#clock.defer(() => {
      this.#isFlushScheduled = false;
      this.#handle(() => this.#flush());
    });
  }

  /** The end of a turn: what came together goes out together. */
  #flush(): void {
    const node = this.#node!;
    const now = this.#clock.monotonic();
    if (node.roles.recover()) this.#scheduleFlush();
    // Batches and reads are numbered in a life. One that a crash could take back, or that a lost log has given to another
    // replica of this name before, would be mistaken for it.
    if (this.#isAlive && node.membership.mayVote && this.#leader() !== null) {
      this.#submissions.flush(this.#clock.now(), now);
      this.#reads.flush(now);
    }
    node.settle();
    node.flush();
  }

  #arm(): void {
    const node = this.#node!;
    this.#alarm.set(Math.min(node.deadline, this.#submissions.deadline, this.#reads.deadline, this.#closeBy));
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
    this.#scheduleFlush();
  }

  #refusal(): KvError {
    return refusalOf(this.#state, this.#reason);
  }

  #unavailable(): KvError {
    return new KvError(
      "UNAVAILABLE",
      `${this.#unready() ?? "the leader does not answer"}: nothing was changed; try again`,
    );
  }

  /** Why this replica cannot serve at the moment, or null. */
  #unready(): string | null {
    if (this.#state !== "serving" || this.#node === null) return this.#reason ?? `the replica is ${this.#state}`;
    return unreadyReason(this.#node, this.#leader());
  }

  /** Figures for status pages and metrics. */
  status(): ReplicationStatus {
    const node = this.#node;
    return {
      protocol: "paxos",
      state: this.#state,
      reason: this.#reason,
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
    this.#failureListener = callback;
  }

  /** Names who is told of what happens, such as changes of leadership. */
  onEvent(callback: (event: PaxosEvent) => void): void {
    this.#eventListener = callback;
  }

  #fail(reason: string): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    this.#state = "failed";
    this.#reason = reason;
    this.#stop();
    const refused = this.#refusal();
    const unknown = new OutcomeUnknown(`this replica failed while the write was under way: ${reason}`);
    this.#submissions.fail(refused, unknown);
    this.#reads.fail(refused);
    this.#failureListener?.(refused);
    if (this.#closing !== null) this.#finishClosing();
  }

  #stop(): void {
    this.#alarm.cancel();
    this.#housekeeping.turn(false);
    this.#node?.close();
    this.#transport.close();
  }

  /** Finishes what was accepted, if the others help, closes the log and the transport, and stops. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state === "closed") return resolve();
      if (this.#closing !== null) {
        this.#closing.push({ resolve, reject });
        return;
      }
      this.#closing = [{ resolve, reject }];
      this.#closeBy = this.#clock.monotonic() + CLOSE_MS;
      if (this.#state === "starting") this.#stop();
      if (this.#state !== "serving") this.#finishClosing();
      else this.#handle(() => this.#housekeeping.turn(false));
    });
  }

  #closeWhenIdle(): void {
    const isIdle = this.#submissions.count === 0 && this.#reads.count === 0;
    if (!isIdle && this.#clock.monotonic() < this.#closeBy) return;
    this.#state = "closed";
    this.#stop();
    const refused = new KvError("UNAVAILABLE", "the replica has stopped: try another one");
    this.#submissions.fail(refused, new OutcomeUnknown("the replica stopped while the write was under way"));
    this.#reads.fail(refused);
    this.#finishClosing();
  }

  #finishClosing(): void {
    const waiting = this.#closing ?? [];
    this.#log.close((error) => {
      if (this.#state !== "failed") this.#state = "closed";
      for (const { resolve, reject } of waiting) {
        if (error === null || this.#state === "failed") resolve();
        else reject(error);
      }
    });
  }
}
