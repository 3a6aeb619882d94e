/**
 * The participant of two-phase commit: takes locks, votes, and does what was decided.
 *
 * Invariants:
 * - A vote leaves when its record is durable, an acknowledgement when that of the commit is, and nothing is applied
 *   before. Votes, and the locks that they hold, outlive restarts. Only the vote for a transaction that this same replica
 *   coordinates is counted at once: its record comes before the decision in the log, and is durable when that is.
 * - The records of votes are in the order of their proposals.
 * - Who has voted never decides: an outcome comes from the coordinator, or from somebody who has it from there.
 * - Every replica applies the same transactions in the same order, that of their timestamps. A vote proposes a time above
 *   all that this replica has given or heard; the timestamp is the highest proposal; so a transaction may be applied
 *   once no undecided one here has proposed a lower time: none will come with one. (Skeen's total order, as in Birman
 *   and Joseph, "Reliable Communication in the Presence of Failures", 1987.) Locks by themselves would let disjoint
 *   transactions commit in different orders, and then revisions, sessions and snapshots would differ.
 * - A go with a timestamp below this replica's own proposal is of a transaction that was committed here before, and whose
 *   prepare has come once more: its timestamp would be above otherwise. It is not applied twice.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { applyFrom } from "../batch.ts";
import type { StateMachine } from "../replication.ts";
import type { HybridClock } from "./hybrid_clock.ts";
import { conflictsOfAll, decodeGroup, readGroup } from "./group.ts";
import { askAll, askDue, type InquiryOptions, type Question } from "./inquiries.ts";
import { LockTable } from "./lock_table.ts";
import { MESSAGE, type Message, type Prepare } from "./messages.ts";
import { type Obstacle, ReadBarriers, type Release } from "./read_barriers.ts";
import { RECORD, type TwoPhaseRecord, type VoteRecord } from "./records.ts";
import { compareAges, compareIds, formatId, type TransactionId } from "./transaction_id.ts";

/** A transaction for which a vote or an outcome is recorded and which was not applied yet. */
export interface Prepared extends Obstacle, Question {
  readonly id: TransactionId;
  /** The wall time stamped on the commands. */
  readonly time: number;
  /** See `group.ts`. */
  readonly commands: Uint8Array;
  /** Since when it is here, in milliseconds of the monotonic clock. */
  readonly since: number;
  /** The position of the vote, or of the commit once there is one. */
  position: number;
  /** Whether that record is durable, or, of an own vote, will be before a decision can leave. */
  isDurable: boolean;
  /** Counts what was voted for since the start; 0 while it waits for locks. */
  number: number;
  /** The lowest time at which it may be committed; 0 while it waits for locks. */
  proposal: number;
  /** When it is committed; 0 before that is known. */
  timestamp: number;
  /** Whether the owner was told that it is in doubt. */
  isReported: boolean;
}

/** What a participant is made of. */
export interface ParticipantOptions extends InquiryOptions {
  readonly clock: HybridClock;
  readonly machine: StateMachine;
  readonly send: (to: ReplicaId, message: Message) => void;
  /** Appends a record to the log and returns its position. */
  readonly append: (record: TwoPhaseRecord) => number;
  /** Appends a record right before the next one that is appended. */
  readonly appendWithNext: (record: TwoPhaseRecord) => void;
  /** Told of every transaction that was applied. */
  readonly onApplied: (id: TransactionId, commands: Uint8Array, results: readonly Uint8Array[]) => void;
  /** Told of a transaction that has been in doubt for {@link doubt_ms}. */
  readonly onInDoubt: (transaction: Prepared) => void;
  /** Told of its end. */
  readonly onResolved: (transaction: Prepared, isCommitted: boolean) => void;
  readonly doubt_ms: number;
}

/** Of how many transactions that are over the outcome is remembered, for late messages and for others in doubt. */
const REMEMBERED = 4096;

/** One replica as a participant. */
export class Participant {
  readonly #options: ParticipantOptions;
  readonly #locks = new LockTable<Prepared>();
  readonly #waiting = new Map<string, Prepared>();
  /** All that was voted for and not applied or aborted. */
  readonly #prepared = new Map<string, Prepared>();
  /** Those of them without an outcome, the lowest proposal first. */
  readonly #undecided = new Map<string, Prepared>();
  /** Those that are to be committed, in the order of timestamps. */
  readonly #committed: Prepared[] = [];
  /** Those whose latest record is on its way to the disk. */
  #pending: Prepared[] = [];
  readonly #barriers: ReadBarriers<Prepared>;
  /** By id: the timestamp, or 0 for an abort. The latest {@link REMEMBERED}. */
  readonly #over = new Map<string, number>();
  #number = 0;

  constructor(options: ParticipantOptions) {
    this.#options = options;
    this.#barriers = new ReadBarriers((keys) => options.machine.isTimed?.(keys) ?? false);
  }

  /** Whether something is under way, so that time matters. */
  get isBusy(): boolean {
    return this.#prepared.size > 0 || this.#waiting.size > 0 || this.#barriers.size > 0;
  }

  /** How many reads wait. */
  get reads(): number {
    return this.#barriers.size;
  }

  /** The transactions that this replica has voted for and whose outcome it does not know. */
  get inDoubt(): readonly Prepared[] {
    return [...this.#undecided.values()];
  }

  /** The transactions that wait for locks, each with those in its way. */
  get waiting(): readonly (readonly [Prepared, readonly Prepared[]])[] {
    return [...this.#waiting.values()].map((entry) => [entry, this.#locks.inWayOf(entry)] as const);
  }

  /** What a snapshot has to say besides the machine's state. */
  *records(): Iterable<TwoPhaseRecord> {
    for (const entry of this.#prepared.values()) {
      yield voteOf(entry);
    }
    for (const { id, timestamp } of this.#committed) yield { type: RECORD.commit, id, timestamp };
  }

  /** Takes in a record of the log, or of a snapshot, at the start. */
  recover(record: TwoPhaseRecord, now: number): void {
    if (record.type === RECORD.vote) {
      const { id, ageTime, time, proposal, commands } = record;
      this.#options.clock.observe(proposal);
      if (this.#prepared.has(formatId(id))) return;
      const entry = this.#entry({ id, age: { time: ageTime, replica: id.coordinator }, time, commands }, now);
      entry.proposal = proposal;
      entry.isDurable = true;
      entry.askAt = now;
      this.#hold(entry);
      this.#locks.take(entry);
    }
    if (record.type === RECORD.commit) {
      this.#options.clock.observe(record.timestamp);
      const entry = this.#undecided.get(formatId(record.id));
      if (entry !== undefined) this.#decide(entry, record.timestamp);
    }
    if (record.type === RECORD.abort) {
      const entry = this.#undecided.get(formatId(record.id));
      if (entry !== undefined) this.#forget(entry);
    }
  }

  #entry({ id, age, time, commands }: Omit<Prepare, "type">, now: number): Prepared {
    const { machine, retry_ms } = this.#options;
    return {
      id,
      age,
      time,
      commands,
      conflicts: conflictsOfAll(decodeGroup(commands), (command) => machine.conflicts?.(command) ?? null),
      since: now,
      position: 0,
      isDurable: false,
      number: 0,
      proposal: 0,
      timestamp: 0,
      askAt: now + retry_ms,
      asks: 0,
      isReported: false,
    };
  }

  /** Takes a message to participants. */
  onMessage(from: ReplicaId, message: Message, now: number): void {
    switch (message.type) {
      case MESSAGE.prepare:
        this.#onPrepare(message, now);
        break;
      case MESSAGE.go:
        this.#onGo(message.id, message.timestamp);
        break;
      case MESSAGE.abort:
        this.#onAbort(message.id);
        break;
      case MESSAGE.inquire:
        for (const id of message.ids) this.#onInquire(from, id);
        break;
    }
  }

  #onPrepare(message: Prepare, now: number): void {
    const key = formatId(message.id);
    // A late copy: the outcome is known here, and the coordinator has it or needs no vote any more.
    if (this.#over.has(key)) return;
    const known = this.#prepared.get(key);
    if (known !== undefined) {
      if (known.timestamp === 0 && known.isDurable) this.#vote(known);
      return;
    }
    let entry = this.#waiting.get(key);
    if (entry === undefined) {
      entry = this.#entry({ ...message, commands: message.commands.slice() }, now);
      this.#waiting.set(key, entry);
      this.#locks.request(entry);
      this.#settle();
    }
    if (!this.#waiting.has(key)) return;
    this.#options.send(entry.id.coordinator, { type: MESSAGE.waiting, id: entry.id });
    // The younger gives way. That one's coordinator tries it again, unless it has decided already.
    for (const holder of this.#locks.blockers(entry)) {
      if (holder.timestamp !== 0 || compareAges(entry.age, holder.age) >= 0) continue;
      this.#options.send(holder.id.coordinator, { type: MESSAGE.wound, id: holder.id });
    }
  }

  #settle(): void {
    for (const entry of this.#locks.settle()) {
      this.#waiting.delete(formatId(entry.id));
      entry.proposal = this.#options.clock.tick();
      if (entry.id.coordinator === this.#options.id) {
        this.#options.appendWithNext(voteOf(entry));
        entry.isDurable = true;
        this.#vote(entry);
      } else this.#record(entry, voteOf(entry));
      this.#hold(entry);
    }
  }

  /** A test of keys: whether, as things are now, nobody holds or waits for one of them. */
  freeKeys(): (keys: readonly string[]) => boolean {
    return this.#locks.freeKeys();
  }

  #hold(entry: Prepared): void {
    const key = formatId(entry.id);
    entry.number = ++this.#number;
    this.#prepared.set(key, entry);
    this.#undecided.set(key, entry);
    this.#barriers.add(entry);
  }

  #record(entry: Prepared, record: TwoPhaseRecord): void {
    entry.position = this.#options.append(record);
    entry.isDurable = false;
    this.#pending.push(entry);
  }

  #vote({ id, proposal }: Prepared): void {
    this.#options.send(id.coordinator, { type: MESSAGE.vote, id, proposal });
  }

  #onGo(id: TransactionId, timestamp: number): void {
    this.#options.clock.observe(timestamp);
    const key = formatId(id);
    const entry = this.#prepared.get(key) ?? this.#waiting.get(key);
    if (entry === undefined) {
      // A decision needs this replica's durable vote, and a vote ends only with its outcome: it was committed here.
      this.#acknowledge(id);
    } else if (entry.timestamp !== 0) {
      if (entry.isDurable) this.#acknowledge(id);
    } else if (entry.proposal === 0 || timestamp < entry.proposal) {
      this.#drop(entry, timestamp);
      this.#acknowledge(id);
    } else {
      this.#decide(entry, timestamp);
      this.#record(entry, { type: RECORD.commit, id, timestamp });
      this.#settle();
    }
  }

  #acknowledge(id: TransactionId): void {
    this.#options.send(id.coordinator, { type: MESSAGE.acknowledge, id });
  }

  #decide(entry: Prepared, timestamp: number): void {
    // Only undecided ones hold locks: whoever gets them now proposes a later time than this one has.
    this.#locks.release(entry);
    this.#undecided.delete(formatId(entry.id));
    if (entry.isReported) this.#options.onResolved(entry, true);
    entry.timestamp = timestamp;
    let at = this.#committed.length;
    while (at > 0 && isBefore(entry, timestamp, this.#committed[at - 1]!)) at--;
    this.#committed.splice(at, 0, entry);
  }

  #onAbort(id: TransactionId): void {
    const key = formatId(id);
    const entry = this.#undecided.get(key) ?? this.#waiting.get(key);
    if (entry !== undefined) this.#drop(entry, 0);
    // It was committed: what says so was said of an earlier question, after the coordinator had forgotten the answer.
    else if (!this.#prepared.has(key)) this.#remember(key, 0);
  }

  /** Ends a transaction that is not to be applied. */
  #drop(entry: Prepared, timestamp: number): void {
    const { id } = entry;
    if (entry.proposal !== 0) this.#options.append({ type: RECORD.abort, id });
    this.#forget(entry);
    if (entry.isReported) this.#options.onResolved(entry, timestamp !== 0);
    this.#remember(formatId(id), timestamp);
    this.#settle();
    this.advance();
  }

  #forget(entry: Prepared): void {
    const key = formatId(entry.id);
    this.#waiting.delete(key);
    this.#prepared.delete(key);
    this.#undecided.delete(key);
    this.#locks.release(entry);
    this.#barriers.remove(entry);
  }

  #remember(key: string, timestamp: number): void {
    if (this.#over.has(key)) return;
    this.#over.set(key, timestamp);
    if (this.#over.size <= REMEMBERED) return;
    for (const oldest of this.#over.keys()) {
      this.#over.delete(oldest);
      return;
    }
  }

  #onInquire(from: ReplicaId, id: TransactionId): void {
    const key = formatId(id);
    const timestamp = this.#prepared.get(key)?.timestamp || this.#over.get(key);
    if (timestamp === undefined) return;
    this.#options.send(from, timestamp === 0 ? { type: MESSAGE.abort, id } : { type: MESSAGE.go, id, timestamp });
  }

  /** Lets out what rests on records up to `position`. */
  onDurable(position: number): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const entry of pending) {
      if (entry.position > position) {
        this.#pending.push(entry);
        continue;
      }
      entry.isDurable = true;
      if (entry.timestamp !== 0) this.#acknowledge(entry.id);
      else if (this.#undecided.get(formatId(entry.id)) === entry) this.#vote(entry);
    }
    this.advance();
  }

  /** Applies what no undecided transaction can come before. */
  advance(): void {
    for (let [head] = this.#committed; head !== undefined && this.#isNext(head); [head] = this.#committed) {
      this.#committed.shift();
      const { id, commands, time, timestamp } = head;
      const results: Uint8Array[] = [];
      // Clients are answered by the coordinator.
      const isAwaited = id.coordinator === this.#options.id;
      readGroup(commands, (start, end) => {
        results.push(applyFrom(this.#options.machine, commands, start, end, time, isAwaited));
      });
      this.#prepared.delete(formatId(id));
      this.#barriers.remove(head);
      this.#remember(formatId(id), timestamp);
      this.#options.onApplied(id, commands, results);
    }
    this.#barriers.release();
  }

  #isNext(head: Prepared): boolean {
    if (!head.isDurable) return false;
    for (const first of this.#undecided.values()) return isBefore(head, first.proposal, first);
    return true;
  }

  /** Calls `done` when everything that is prepared now and concerns `keys`, null for all, is over; see {@link ReadBarriers}. */
  barrier(keys: readonly string[] | null, now: number, done: Release<Prepared>): void {
    this.#barriers.read(keys, now, done);
  }

  /** A replica has come back: it may know outcomes. */
  onPeerBack(peer: ReplicaId): void {
    askAll(this.#undecided.values(), peer, this.#options);
  }

  /** Asks for outcomes, and gives up on reads that have waited for `patience_ms`. */
  onTick(now: number, patience_ms: number): void {
    askDue(this.#undecided.values(), now, this.#options);
    this.#barriers.expire(now, patience_ms);
    for (const entry of this.#undecided.values()) {
      if (entry.isReported || now - entry.since < this.#options.doubt_ms) continue;
      entry.isReported = true;
      this.#options.onInDoubt(entry);
    }
  }

  /** Fails all reads. */
  fail(): void {
    this.#barriers.expire(0, Number.NEGATIVE_INFINITY);
  }
}

function voteOf({ id, age, time, proposal, commands }: Prepared): VoteRecord {
  return { type: RECORD.vote, id, ageTime: age.time, time, proposal, commands };
}

/** Whether `entry`, committed at its timestamp, comes before `other` at `time`. */
function isBefore(entry: Prepared, time: number, other: Prepared): boolean {
  const own = entry.timestamp;
  const theirs = other.timestamp === 0 ? time : other.timestamp;
  return own < theirs || own === theirs && compareIds(entry.id, other.id) < 0;
}
