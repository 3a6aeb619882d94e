/**
 * Two-phase commit: a state machine on several replicas that always agree. Any replica takes any command and coordinates
 * it; all of them have to be up for a write to go through, and what was acknowledged is in the log of each.
 *
 * The protocol is the textbook's: prepare, durable votes, durable decision, go, durable commits, acknowledgements, and
 * then the reply. The parts are in `coordinator.ts` and `participant.ts`; here they are wired to each other and to the
 * outside, behind the face that front doors see. Every handler runs to completion before the next.
 *
 * A revision is the number of commands that have changed something, as under every other protocol: commits have one order
 * on all replicas (see `participant.ts`), so it is the same everywhere.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import type { Clock } from "../../ports/clock.ts";
import { type Log, LogError } from "../../ports/log.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { Alarm } from "../alarm.ts";
import { KvError, OutcomeUnknown } from "../errors.ts";
import { Housekeeping } from "../housekeeping.ts";
import { readFrom, submitTo } from "../promise_forms.ts";
import type { Completion, Replication, ReplicationState, ReplicationStatus } from "../replication.ts";
import { Snapshotter } from "../snapshotter.ts";
import { Coordinator } from "./coordinator.ts";
import { HybridClock } from "./hybrid_clock.ts";
import { readFrame } from "./message_codec.ts";
import { MESSAGE, type Message } from "./messages.ts";
import { type ResolvedTwoPhaseOptions, resolveTwoPhaseOptions, type TwoPhaseCommitOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Participant } from "./participant.ts";
import { encodeRecord, RECORD, type TwoPhaseRecord } from "./records.ts";
import { blockedError, describeInDoubt, fullError, refusalOf } from "./refusals.ts";
import { encodeHeader, recoverFrom, withHeader } from "./snapshots.ts";

const NOTHING = new Uint8Array(0);
/** How long a replica that closes waits for what it has accepted. */
const CLOSE_MS = 5000;
/** The replica that proposes what falls due: writes need every replica, so it might as well be always the same. */
const HOUSEKEEPER: ReplicaId = 0;

/** One replica of a replicated state machine. */
export class TwoPhaseCommit implements Replication {
  readonly #options: ResolvedTwoPhaseOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #order: HybridClock;
  readonly #outbox: Outbox;
  readonly #coordinator: Coordinator;
  readonly #participant: Participant;
  readonly #snapshotter: Snapshotter;
  readonly #housekeeping: Housekeeping;
  readonly #alarm: Alarm;
  #state: ReplicationState = "starting";
  #reason: string | null = null;
  /** Messages may leave when the record of this life is durable. */
  #lifeAt = Number.POSITIVE_INFINITY;
  #isAlive = false;
  /** What callers are told when the handler is done: they may call in again. */
  #answers: (() => void)[] = [];
  #applied = 0;
  #appliedPosition = 0;
  #durable = 0;
  /** The position of the stored snapshot, or of the one being written. */
  #snapshotAt = 0;
  #isFlushScheduled = false;
  #isHandling = false;
  #failureListener: ((error: KvError) => void) | null = null;
  #closing: { resolve: () => void; reject: (error: unknown) => void }[] | null = null;
  #closeBy = Number.POSITIVE_INFINITY;

  /** A replica that does not serve yet: {@link start} it. */
  constructor(options: TwoPhaseCommitOptions) {
    const resolved = resolveTwoPhaseOptions(options);
    const { id, replicas, log, clock, transport, random, times, stateMachine: machine } = resolved;
    this.#options = resolved;
    this.#clock = clock;
    this.#log = log;
    this.#order = new HybridClock(() => clock.now());
    this.#outbox = new Outbox(id, transport);
    const send = (to: ReplicaId, message: Message): void => this.#outbox.send(to, message);
    const append = (record: TwoPhaseRecord): number => log.append(encodeRecord(record));
    this.#coordinator = new Coordinator({
      id,
      replicas,
      clock: this.#order,
      wallTime: () => clock.now(),
      conflicts: (command) => machine.conflicts?.(command) ?? null,
      send,
      append,
      times,
      random: () => random.next(),
    });
    this.#participant = new Participant({
      id,
      replicas,
      clock: this.#order,
      machine,
      send,
      append,
      onApplied: (transaction, command, result) => {
        this.#applied++;
        this.#coordinator.onApplied(transaction, result);
        this.#onApplied(command.length);
      },
      retry_ms: times.retry_ms,
    });
    const withState = { snapshot: () => withHeader(this.#header(), machine.snapshot()) };
    this.#snapshotter = new Snapshotter(log, clock, withState, resolved, (position) => log.truncate(position));
    this.#alarm = new Alarm(clock, () => this.#handle(() => this.#onTick()));
    this.#housekeeping = new Housekeeping(clock, machine, (command, done) => this.propose(command, done));
  }

  #header(): Uint8Array {
    const { life } = this.#coordinator;
    return encodeHeader({
      replicas: this.#options.replicas,
      clock: this.#order.latest,
      records: [{ type: RECORD.life, life }, ...this.#participant.records(), ...this.#coordinator.records()],
    });
  }

  #onApplied(bytes: number): void {
    if (!this.#snapshotter.isDue(bytes) || this.#durable < 1 || this.#durable < this.#snapshotAt) return;
    this.#snapshotAt = this.#durable;
    this.#snapshotter.begin(this.#durable);
  }

  /** Restores the stored snapshot, takes in what the log says after it, locks included, and joins the others. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state !== "starting") throw new KvError("CLOSED", `cannot start: this replica is ${this.#state}`);
      this.#recover();
      this.#log.listen({
        onDurable: (position) => this.#handle(() => this.#onDurable(position)),
        onFailure: (error) => this.#fail(error.message),
      });
      this.#options.transport.listen({ onMessage: (from, body) => this.#handle(() => this.#onFrame(from, body)) });
      this.#state = "serving";
      this.#lifeAt = this.#coordinator.begin();
      this.#handle(() => this.#participant.advance());
      this.#housekeeping.turn(this.#options.id === HOUSEKEEPER);
      resolve();
    });
  }

  #recover(): void {
    const now = this.#clock.monotonic();
    const take = (record: TwoPhaseRecord): void => {
      this.#coordinator.recover(record, now);
      this.#participant.recover(record, now);
    };
    this.#snapshotAt = recoverFrom(this.#log, this.#options.stateMachine, this.#options.replicas, {
      onHeader: ({ clock, records }) => {
        this.#order.observe(clock);
        for (const record of records) take(record);
      },
      onRecord: (record, position) => {
        take(record);
        this.#durable = position;
        this.#participant.advance();
      },
    });
    this.#durable = this.#log.durablePosition;
    this.#appliedPosition = this.#durable;
  }

  /** Runs a handler to its end, and then what follows from it. An assertion that fails ends the replica. */
  #handle(handler: () => void): void {
    if (this.#state !== "serving") return;
    if (this.#isHandling) throw new Error("a handler was called by another one");
    this.#isHandling = true;
    try {
      handler();
      this.#hearOneself();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
      // A log that takes no more says why to its listener; anything else is a fault of this code.
      if (!(error instanceof LogError)) throw error;
    } finally {
      this.#isHandling = false;
    }
    this.#after();
  }

  #hearOneself(): void {
    for (let local = this.#outbox.takeLocal(); local.length > 0; local = this.#outbox.takeLocal()) {
      for (const message of local) this.#onMessage(this.#options.id, message);
    }
  }

  #after(): void {
    this.#answer();
    if (this.#state !== "serving") return;
    const isReady = this.#isAlive && this.#coordinator.wantsFlush;
    if (isReady || this.#outbox.hasMessages) this.#scheduleFlush();
    this.#housekeeping.schedule();
    if (this.#closing !== null) this.#closeWhenIdle();
    if (this.#state !== "serving") return;
    this.#armAlarm();
  }

  #armAlarm(): void {
    const isBusy = this.#coordinator.isBusy || this.#participant.isBusy || this.#closing !== null;
    if (isBusy) this.#alarm.set(this.#clock.monotonic() + this.#options.times.retry_ms / 2);
  }

  #answer(): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const answer of answers) answer();
  }

  #onFrame(from: ReplicaId, body: Uint8Array): void {
    let messages: readonly Message[];
    try {
      messages = readFrame(body);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      // What a peer of another version says is as good as lost.
      return;
    }
    for (const message of messages) this.#onMessage(from, message);
  }

  #onMessage(from: ReplicaId, message: Message): void {
    const now = this.#clock.monotonic();
    switch (message.type) {
      case MESSAGE.prepare:
      case MESSAGE.go:
      case MESSAGE.abort:
      case MESSAGE.inquire:
        this.#participant.onMessage(from, message, now);
        return;
      default:
        if (message.id.coordinator === this.#options.id) this.#coordinator.onMessage(from, message, now);
    }
  }

  #onDurable(position: number): void {
    this.#durable = position;
    if (position >= this.#lifeAt) this.#isAlive = true;
    this.#coordinator.onDurable(position, this.#clock.monotonic());
    const applied = this.#applied;
    this.#participant.onDurable(position);
    if (this.#applied > applied) this.#appliedPosition = position;
  }

  #onTick(): void {
    const now = this.#clock.monotonic();
    this.#coordinator.onTick(now);
    this.#participant.onTick(now, this.#options.times.patience_ms);
  }

  /** Coordinates a command. See {@link Replication.propose}; `done` is called when every replica has committed it. */
  propose(command: Uint8Array, done: Completion): void {
    const refusal = this.#refusalOf(command.length);
    if (refusal !== null) {
      this.#clock.defer(() => done(refusal, NOTHING));
      return;
    }
    const answer: Completion = (error, result) => void this.#answers.push(() => done(error, result));
    this.#coordinator.add(command.slice(), answer, this.#clock.monotonic());
    this.#scheduleFlush();
  }

  #refusalOf(bytes: number): KvError | null {
    if (this.#state !== "serving" || this.#closing !== null) return refusalOf(this.#state, this.#reason);
    const { maxPending_bytes } = this.#options;
    const waiting_bytes = this.#coordinator.bytes;
    return waiting_bytes + bytes <= maxPending_bytes ? null : fullError(waiting_bytes, maxPending_bytes);
  }

  /**
   * Calls `done` when everything that this replica has voted for is applied or aborted: any of it may have been seen, or
   * acknowledged, elsewhere. Without the key it waits for all of it, not for what concerns the read alone.
   */
  barrier(done: (error: KvError | null) => void): void {
    if (this.#state !== "serving" || this.#closing !== null) return done(refusalOf(this.#state, this.#reason));
    let isAtOnce = true;
    this.#participant.barrier(this.#clock.monotonic(), (isOver) => {
      const error = isOver
        ? null
        : this.#state === "serving"
        ? blockedError(this.#participant.inDoubt)
        : refusalOf(this.#state, this.#reason);
      if (isAtOnce) done(error);
      // What was applied since then belongs to the state too: it makes the read no older.
      else this.#answers.push(() => done(error));
    });
    isAtOnce = false;
    this.#armAlarm();
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
    if (this.#isAlive) this.#coordinator.flush(this.#clock.monotonic());
    this.#hearOneself();
    this.#outbox.flush();
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
    return {
      protocol: "2pc",
      state: this.#state,
      reason: this.#reason,
      applied: this.#applied,
      pending: this.#coordinator.count,
      appliedPosition: this.#appliedPosition,
      snapshots: this.#snapshotter.taken,
      snapshotFailure: this.#snapshotter.failure,
      cluster: null,
      inDoubt: describeInDoubt(this.#participant.inDoubt, this.#clock.monotonic()),
    };
  }

  /** Names who is told, once, when this replica has failed. */
  onFailure(callback: (error: KvError) => void): void {
    this.#failureListener = callback;
  }

  #fail(reason: string): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    this.#state = "failed";
    this.#reason = reason;
    this.#stop();
    const refused = refusalOf(this.#state, this.#reason);
    this.#tellAll(refused, new OutcomeUnknown(`this replica failed while the write was under way: ${reason}`));
    this.#failureListener?.(refused);
    if (this.#closing !== null) this.#finishClosing();
  }

  #stop(): void {
    this.#alarm.cancel();
    this.#housekeeping.turn(false);
    this.#snapshotter.close();
    this.#options.transport.close();
  }

  #tellAll(refused: KvError, unknown: KvError): void {
    this.#coordinator.fail(refused, unknown);
    this.#participant.fail();
    this.#answer();
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
      if (this.#state !== "serving") this.#finishClosing();
      else this.#handle(() => this.#housekeeping.turn(false));
    });
  }

  #closeWhenIdle(): void {
    const isIdle = this.#coordinator.count === 0 && this.#participant.reads === 0;
    if (!isIdle && this.#clock.monotonic() < this.#closeBy) return;
    this.#state = "closed";
    this.#stop();
    const refused = new KvError("UNAVAILABLE", "the replica has stopped: try another one");
    this.#tellAll(refused, new OutcomeUnknown("the replica stopped while the write was under way"));
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
