/**
 * The coordinator of two-phase commit: asks every participant to prepare, decides when all have voted, and sees to it
 * that every one of them has committed.
 *
 * Invariants:
 * - A go leaves when the record of the decision is durable, and the vote of this replica with it. The decision is kept
 *   until every participant has acknowledged it; what the coordinator does not know was aborted (presumed abort: Mohan,
 *   Lindsay and Obermarck, 1986).
 * - A command fails as `UNAVAILABLE` only while it is not decided, and then never is.
 * - Commands of this replica that conflict are decided one after the other, in the order in which they were proposed.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { type KvError, OutcomeUnknown } from "../errors.ts";
import type { Completion } from "../replication.ts";
import type { HybridClock } from "./hybrid_clock.ts";
import { backoff_ms } from "./backoff.ts";
import { GROUP_BYTES } from "./group.ts";
import { LockTable } from "./lock_table.ts";
import { MESSAGE, type Message, type Prepare, type TransactionMessage } from "./messages.ts";
import type { TwoPhaseTimes } from "./options.ts";
import { RECORD, type TwoPhaseRecord } from "./records.ts";
import { nameReplicas, unavailable } from "./refusals.ts";
import { type Call, newTransaction, type Transaction } from "./transaction.ts";
import { formatId, type TransactionId } from "./transaction_id.ts";

/** What a coordinator is made of. */
export interface CoordinatorOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly clock: HybridClock;
  readonly wallTime: () => number;
  readonly conflicts: (command: Uint8Array) => readonly string[] | null;
  readonly send: (to: ReplicaId, message: Message) => void;
  /** Appends a record to the log and returns its position. */
  readonly append: (record: TwoPhaseRecord) => number;
  /** A test of keys: whether at this replica, as things are now, no transaction holds or waits for one of them. */
  readonly freeKeys: () => (keys: readonly string[]) => boolean;
  readonly times: TwoPhaseTimes;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What keeps every write from going through at the moment, or null. */
  readonly hindrance: () => Hindrance | null;
}

/** Why no write can go through. */
export interface Hindrance {
  /** For people: which replica it is about, and what to do. */
  readonly reason: string;
  /** Whose votes cannot be had. */
  readonly replicas: readonly ReplicaId[];
  /** Whether it is likely to pass soon, so that commands wait for it. */
  readonly isPassing: boolean;
}

const NOTHING = new Uint8Array(0);

/** One replica as a coordinator. */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  /** Keeps conflicting commands of this replica in their order. */
  readonly #order = new LockTable<Call>();
  readonly #queued = new Set<Call>();
  /** By id, from the prepare to the last acknowledgement. */
  readonly #active = new Map<string, Transaction>();
  /** By id: those that are decided and whose callers wait. */
  readonly #answering = new Map<string, Transaction>();
  #deciding: Transaction[] = [];
  #wantsFlush = false;
  #life = 0;
  #number = 0;
  #count = 0;
  #bytes = 0;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** How many commands wait for their outcome. */
  get count(): number {
    return this.#count;
  }

  /** How many transactions are not over, those included whose callers were told, and commands that are in none yet. */
  get coordinating(): number {
    return this.#queued.size + this.#active.size;
  }

  /** How many bytes of commands wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether something is under way, so that time matters. */
  get isBusy(): boolean {
    return this.#queued.size > 0 || this.#active.size > 0 || this.#answering.size > 0;
  }

  /** Whether commands may go now that {@link flush} has not sent. */
  get wantsFlush(): boolean {
    return this.#wantsFlush;
  }

  /** Which life of the replica this is; 0 before {@link begin}. */
  get life(): number {
    return this.#life;
  }

  /** What a snapshot has to say: decisions that were not acknowledged by everybody. */
  *records(): Iterable<TwoPhaseRecord> {
    for (const { phase, id, timestamp } of this.#active.values()) {
      if (phase === "deciding" || phase === "going") yield { type: RECORD.decision, id, timestamp };
    }
  }

  /** Takes in a record of the log, or of a snapshot, at the start. */
  recover(record: TwoPhaseRecord, now: number): void {
    if (record.type === RECORD.life) this.#life = Math.max(this.#life, record.life);
    if (record.type === RECORD.over) this.#active.delete(formatId(record.id));
    if (record.type !== RECORD.decision) return;
    const { id, timestamp } = record;
    this.#options.clock.observe(timestamp);
    this.#active.set(formatId(id), { ...newTransaction([], id, now), phase: "going", timestamp, resendAt: now });
  }

  /** Begins a life, whose first messages may leave when the record at the position that is returned is durable. */
  begin(): number {
    this.#life++;
    return this.#options.append({ type: RECORD.life, life: this.#life });
  }

  /** Takes a command, which stays as it is; {@link flush} sends it. */
  add(command: Uint8Array, done: Completion, now: number): void {
    const { id, clock, conflicts } = this.#options;
    const age = { time: clock.tick(), replica: id };
    const call: Call = { age, command, conflicts: conflicts(command), done, since: now };
    this.#order.request(call);
    this.#queued.add(call);
    this.#wantsFlush = true;
    this.#count++;
    this.#bytes += command.length;
  }

  /**
   * Sends the commands that may go: those whose keys are free together, each other one by itself, so that nobody waits for
   * a key of somebody else's. Only to be called when the record of this life is durable.
   */
  flush(now: number): void {
    this.#wantsFlush = false;
    const areFree = this.#options.freeKeys();
    let group: Call[] = [];
    let bytes = 0;
    for (const call of this.#order.settle()) {
      this.#queued.delete(call);
      if (call.conflicts === null || !areFree(call.conflicts)) {
        this.#begin([call], now);
        continue;
      }
      if (group.length > 0 && bytes + call.command.length > GROUP_BYTES) {
        this.#begin(group, now);
        group = [];
        bytes = 0;
      }
      group.push(call);
      bytes += call.command.length;
    }
    if (group.length > 0) this.#begin(group, now);
  }

  #begin(calls: readonly Call[], now: number): void {
    this.#attempt(newTransaction(calls, { coordinator: this.#options.id, life: this.#life, number: 0 }, now), now);
  }

  #attempt(transaction: Transaction, now: number): void {
    const { id, replicas, wallTime } = this.#options;
    transaction.phase = "voting";
    transaction.id = { coordinator: id, life: this.#life, number: ++this.#number };
    transaction.time = wallTime();
    // Who said nothing of the attempt before has no longer than it had to say something of this one.
    const isAnswered = (replica: ReplicaId): boolean => transaction.heardAt[replica]! > transaction.attemptAt;
    transaction.heardAt = Array.from(
      { length: replicas },
      (_, replica) => transaction.votes.has(replica) || isAnswered(replica) ? now : transaction.heardAt[replica] ?? now,
    );
    transaction.attemptAt = now;
    transaction.votes = new Map();
    this.#active.set(formatId(transaction.id), transaction);
    this.#sendPrepare(transaction, now);
  }

  /** Tries again, each command by itself: one of them is in somebody's way, and the others need not wait for it. */
  #attemptApart(transaction: Transaction, now: number): void {
    const { calls, id, votes, heardAt, attemptAt } = transaction;
    for (const call of calls) this.#attempt({ ...newTransaction([call], id, now), votes, heardAt, attemptAt }, now);
  }

  #sendPrepare(transaction: Transaction, now: number): void {
    transaction.resendAt = now + backoff_ms(this.#options.times.retry_ms, 0, this.#options.random());
    const prepare = prepareOf(transaction);
    for (let to = 0; to < this.#options.replicas; to++) {
      if (!transaction.votes.has(to)) this.#options.send(to, prepare);
    }
  }

  /** Takes a message to the coordinator of the transaction that it names. */
  onMessage(from: ReplicaId, message: TransactionMessage, now: number): void {
    const transaction = this.#active.get(formatId(message.id));
    if (message.type === MESSAGE.acknowledge) {
      if (transaction?.phase === "going") this.#onAcknowledge(from, transaction);
      return;
    }
    if (transaction === undefined) {
      // Aborted, or over: who votes was aborted, or votes for a copy of what it has committed.
      this.#options.send(from, { type: MESSAGE.abort, id: message.id });
      return;
    }
    if (transaction.phase === "going") this.#sendGo(from, transaction);
    if (transaction.phase !== "voting") return;
    transaction.heardAt[from] = now;
    if (message.type === MESSAGE.vote) this.#onVote(from, transaction, message.proposal);
    if (message.type === MESSAGE.wound) {
      this.#abort(transaction);
      this.#attemptApart(transaction, now);
    }
  }

  /** Tells a participant the outcomes of transactions of this coordinator, as far as they are decided. */
  onInquire(from: ReplicaId, ids: readonly TransactionId[]): void {
    for (const id of ids) {
      if (id.coordinator !== this.#options.id) continue;
      const transaction = this.#active.get(formatId(id));
      if (transaction === undefined) this.#options.send(from, { type: MESSAGE.abort, id });
      else if (transaction.phase === "going") this.#sendGo(from, transaction);
    }
  }

  /** A replica has come back: what it has not answered is said again. */
  onPeerBack(peer: ReplicaId): void {
    for (const transaction of this.#active.values()) {
      const { phase, votes, acknowledged } = transaction;
      if (phase === "going" && !acknowledged.has(peer)) {
        transaction.resends = 0;
        this.#sendGo(peer, transaction);
      }
      if (phase === "voting" && !votes.has(peer)) this.#options.send(peer, prepareOf(transaction));
    }
  }

  #onVote(from: ReplicaId, transaction: Transaction, proposal: number): void {
    transaction.votes.set(from, proposal);
    if (transaction.votes.size < this.#options.replicas) return;
    transaction.phase = "deciding";
    transaction.timestamp = Math.max(...transaction.votes.values());
    this.#options.clock.observe(transaction.timestamp);
    const { id, timestamp } = transaction;
    transaction.position = this.#options.append({ type: RECORD.decision, id, timestamp });
    this.#deciding.push(transaction);
    this.#answering.set(formatId(id), transaction);
    // The next one that conflicts finds the locks of this one taken wherever it comes.
    for (const call of transaction.calls) this.#order.release(call);
    this.#wantsFlush ||= this.#queued.size > 0;
  }

  /** Lets out the decisions with records up to `position`. */
  onDurable(position: number, now: number): void {
    while (this.#deciding.length > 0 && this.#deciding[0]!.position <= position) {
      const transaction = this.#deciding.shift()!;
      transaction.phase = "going";
      this.#resendGo(transaction, now);
    }
  }

  #resendGo(transaction: Transaction, now: number): void {
    const { times, random, replicas } = this.#options;
    transaction.resendAt = now + backoff_ms(times.retry_ms, transaction.resends++, random());
    for (let to = 0; to < replicas; to++) if (!transaction.acknowledged.has(to)) this.#sendGo(to, transaction);
  }

  #sendGo(to: ReplicaId, { id, timestamp }: Transaction): void {
    this.#options.send(to, { type: MESSAGE.go, id, timestamp });
  }

  #onAcknowledge(from: ReplicaId, transaction: Transaction): void {
    transaction.acknowledged.add(from);
    if (transaction.acknowledged.size < this.#options.replicas) return;
    const { id } = transaction;
    this.#active.delete(formatId(id));
    this.#options.append({ type: RECORD.over, id });
    this.#answer(transaction);
  }

  /** A transaction was applied on this replica. */
  onApplied(id: TransactionId, results: readonly Uint8Array[]): void {
    const transaction = this.#answering.get(formatId(id));
    if (transaction === undefined) return;
    transaction.results = results;
    this.#answer(transaction);
  }

  #answer(transaction: Transaction): void {
    const { results, acknowledged } = transaction;
    if (results === null || acknowledged.size < this.#options.replicas) return;
    this.#answering.delete(formatId(transaction.id));
    for (const [at, call] of transaction.calls.entries()) this.#tell(call, null, results[at]!);
  }

  #tell(call: Call, error: KvError | null, result: Uint8Array): void {
    const { done } = call;
    if (done === null) return;
    call.done = null;
    this.#count--;
    this.#bytes -= call.command.length;
    done(error, result);
  }

  #tellAll({ calls }: Transaction, error: KvError): void {
    for (const call of calls) this.#tell(call, error, NOTHING);
  }

  #abort(transaction: Transaction): void {
    const { id } = transaction;
    this.#active.delete(formatId(id));
    this.#sendAbort(id);
  }

  #sendAbort(id: TransactionId): void {
    for (let to = 0; to < this.#options.replicas; to++) this.#options.send(to, { type: MESSAGE.abort, id });
  }

  /** Says again what was not answered, and gives up on what takes too long. */
  onTick(now: number): void {
    const { patience_ms, outcome_ms, prepare_ms } = this.#options.times;
    const hindrance = this.#options.hindrance();
    for (const call of this.#queued) {
      if (hindrance?.isPassing !== false && now - call.since < patience_ms) continue;
      const others = `earlier commands on the same keys have not ended for ${patience_ms} ms`;
      this.#giveUp([call], hindrance?.reason ?? others);
    }
    for (const transaction of [...this.#active.values()]) {
      if (transaction.phase === "going" && now >= transaction.resendAt) this.#resendGo(transaction, now);
      if (transaction.phase !== "voting") continue;
      const missing = this.#missing(transaction, now);
      if (hindrance?.replicas.some((replica) => !transaction.votes.has(replica)) === true) {
        this.#abort(transaction);
        this.#giveUp(transaction.calls, hindrance.reason);
      } else if (missing.length > 0) {
        this.#abort(transaction);
        this.#giveUp(transaction.calls, `${nameReplicas(missing)} did not vote within ${prepare_ms} ms`);
      } else if (now - transaction.since >= patience_ms) {
        this.#abort(transaction);
        this.#giveUp(transaction.calls, `other transactions have held the keys for ${patience_ms} ms`);
      } else if (now >= transaction.resendAt) {
        this.#sendPrepare(transaction, now);
      }
    }
    for (const [key, transaction] of this.#answering) {
      if (now - transaction.since < outcome_ms) continue;
      this.#answering.delete(key);
      const text = `the write was decided and not confirmed by every replica within ${outcome_ms} ms: it takes effect`;
      this.#tellAll(transaction, new OutcomeUnknown(text));
    }
  }

  #missing({ votes, heardAt }: Transaction, now: number): ReplicaId[] {
    const missing: ReplicaId[] = [];
    for (const [replica, heard] of heardAt.entries()) {
      if (!votes.has(replica) && now - heard >= this.#options.times.prepare_ms) missing.push(replica);
    }
    return missing;
  }

  #giveUp(calls: readonly Call[], reason: string): void {
    for (const call of calls) {
      this.#queued.delete(call);
      this.#order.release(call);
      this.#tell(call, unavailable(reason), NOTHING);
    }
    this.#wantsFlush ||= this.#queued.size > 0;
  }

  /** Tells every participant that what is not decided is aborted; {@link fail} tells the callers. */
  withdraw(): void {
    for (const { phase, id } of this.#active.values()) if (phase === "voting") this.#sendAbort(id);
  }

  /** Fails everything: what was decided has an unknown outcome. The replica is at its end. */
  fail(refused: KvError, unknown: KvError): void {
    for (const call of this.#queued) this.#tell(call, refused, NOTHING);
    for (const transaction of this.#active.values()) {
      this.#tellAll(transaction, transaction.phase === "voting" ? refused : unknown);
    }
    for (const transaction of this.#answering.values()) this.#tellAll(transaction, unknown);
    this.#queued.clear();
    this.#answering.clear();
  }
}

function prepareOf({ id, age, time, commands }: Transaction): Prepare {
  return { type: MESSAGE.prepare, id, age, time, commands };
}
