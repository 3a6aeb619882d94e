/**
 * The proposer of "Paxos Made Simple": phase 1 once for all slots (section 3), then phase 2 for one slot after the
 * other, many of them under way at once.
 *
 * Invariants:
 * - A ballot is used only after its round is durable, and never twice.
 * - Nothing is proposed before a majority has promised the ballot, and before this replica knows every value that any
 *   of them knows to be chosen.
 * - In a ballot a slot gets one value, and a leader says of a slot that it is chosen only when that value is.
 * - Reads are confirmed only after every slot that was open when the leadership began, and one of its own, are chosen;
 *   and by a round that began after them, or within a lease (`lease.ts`).
 *
 * @module
 */
import { AwaitedVotes } from "./awaited_votes.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { equalBytes } from "../../codec/bytes.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type Ballot, makeBallot, NO_BALLOT, roundOf } from "./ballot.ts";
import { readAccept, writeAcceptHeader } from "./message_codec.ts";
import {
  type Accept,
  type Accepted,
  type Forward,
  type HeartbeatReply,
  MESSAGE,
  type Message,
  type PromiseReply,
} from "./messages.ts";
import { Intake } from "./intake.ts";
import { PhaseOne } from "./phase_one.ts";
import { hasMajority, hasVote, NO_VOTES, type Votes, withVote } from "./quorum.ts";
import { ReadRounds } from "./read_rounds.ts";
import { RECORD } from "./records.ts";
import type { SlotLog } from "./slot_log.ts";
import { NO_OP, type Proposal, writeProposal } from "./value.ts";

/** What a proposer is made of. Times are milliseconds of the monotonic clock. */
export interface ProposerOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  /** Where rounds are made durable. */
  readonly slots: SlotLog;
  /** This replica's watermark. */
  readonly chosen: () => number;
  /** Sends a message, to this replica itself too. */
  readonly send: (to: ReplicaId, message: Message) => void;
  /** Sends an accept, whose bytes are there already, to this replica itself too. */
  readonly sendAccept: (to: ReplicaId, accept: Accept, bytes: Uint8Array) => void;
  /** Called when this leader knows of more chosen slots; `value` gives those that it has proposed. */
  readonly onChosen: (ballot: Ballot, slot: number, value: (slot: number) => Uint8Array | null) => void;
  /** Called when it begins or ceases to lead. */
  readonly onLeadership: (isLeader: boolean) => void;
  /** Asks for the chosen values up to `slot`, which `from` has. */
  readonly catchUp: (slot: number, from: ReplicaId) => void;
  /** Whether reads within a lease need no round. */
  readonly leaseReads: boolean;
  readonly heartbeat_ms: number;
  /** A leader that has not heard from a majority for so long steps down. */
  readonly patience_ms: number;
}

/** Where a proposer stands. */
export type ProposerPhase = "idle" | "reserving" | "preparing" | "catching up" | "leading";

/** A slot whose value was proposed and is not known to be chosen. */
interface OpenSlot {
  readonly slot: number;
  /** The bytes of the accept. */
  readonly bytes: Uint8Array;
  votes: Votes;
  sentAt: number;
}

/** How many slots may be open, and how many bytes they may have. */
const MAX_OPEN_SLOTS = 256;
const MAX_OPEN_BYTES = 16 * 1024 * 1024;
/** No more batches go into a value once it has so many bytes. */
const MAX_VALUE_BYTES = 1024 * 1024;
/** How long an acceptor may take before it is asked again, in heartbeats. */
const RESEND_HEARTBEATS = 3;
/** So many bytes of open slots put that off by a millisecond: sent again and again they would take the place of the rest. */
const RESEND_BYTES_PER_MS = 16 * 1024;
/** How long a leader may lack values that it had, before it asks all acceptors again, in patiences. */
const FORGOTTEN_PATIENCES = 3;
/** How many slots are sent again at once. */
const MAX_RESENT = 32;

/** Proposes. */
export class Proposer {
  readonly #options: ProposerOptions;
  #phase: ProposerPhase = "idle";
  #ballot: Ballot = NO_BALLOT;
  /** The highest ballot heard of, and the highest round used here. */
  #seen: Ballot;
  #reservedAt = 0;
  #phaseOne: PhaseOne | null = null;
  #sentAt = 0;
  #rounds: ReadRounds;
  #heartbeatAt = 0;
  /** When each replica was last heard from in this ballot. */
  #heard: number[] = [];
  #awaited: AwaitedVotes;
  #open: OpenSlot[] = [];
  #open_bytes = 0;
  /** The slot up to which all are chosen. */
  #chosen = 0;
  #toldChosen = 0;
  #nextSlot = 1;
  /** The watermark with which the leadership began, and when this replica last knew all values up to it. */
  #startedAt = 0;
  #knownAt = 0;
  /** From when this slot is chosen reads may be served. */
  #firstOwnSlot = 0;
  #queue: Proposal[] = [];
  #intake = new Intake();
  readonly #writer = new ByteWriter(16 * 1024);

  /** `seen` is the highest ballot that the log tells of, and at least that of the last round used. */
  constructor(seen: Ballot, options: ProposerOptions) {
    this.#options = options;
    this.#seen = seen;
    this.#rounds = new ReadRounds(options.replicas);
    this.#awaited = new AwaitedVotes(options.id, options.replicas);
  }

  /** Where it stands. */
  get phase(): ProposerPhase {
    return this.#phase;
  }

  /** The ballot that it leads, or tries to. */
  get ballot(): Ballot {
    return this.#ballot;
  }

  /** The highest ballot that it has heard of. */
  get seen(): Ballot {
    return this.#seen;
  }

  /** Whether it leads. */
  get isLeading(): boolean {
    return this.#phase === "leading";
  }

  /** Whether it leads and a slot of its ballot is chosen: then reads can be confirmed. */
  get isEstablished(): boolean {
    return this.isLeading && this.#chosen >= this.#firstOwnSlot;
  }

  /** The ballot that the next campaign would use. */
  get nextBallot(): Ballot {
    return makeBallot(roundOf(this.#seen) + 1, this.#options.id);
  }

  /** When {@link onTick} wants to be called, at the latest. */
  get deadline(): number {
    switch (this.#phase) {
      case "leading":
        return this.#heartbeatAt;
      case "preparing":
        return this.#sentAt + RESEND_HEARTBEATS * this.#options.heartbeat_ms;
      default:
        return Number.POSITIVE_INFINITY;
    }
  }

  /** Begins a campaign with a ballot of its own: first its round is made durable. */
  campaign(): void {
    this.#stop();
    this.#ballot = this.nextBallot;
    this.#seen = this.#ballot;
    this.#phase = "reserving";
    this.#reservedAt = this.#options.slots.append({ type: RECORD.round, round: roundOf(this.#ballot) });
  }

  /** Takes notice of a ballot; a higher one ends its own. */
  onBallot(ballot: Ballot): void {
    if (ballot <= this.#seen) return;
    this.#seen = ballot;
    this.#stop();
  }

  /** Goes on with a campaign whose round is durable. */
  onDurable(position: number, now: number): void {
    if (this.#phase !== "reserving" || position < this.#reservedAt) return;
    this.#phase = "preparing";
    this.#phaseOne = new PhaseOne(this.#ballot, this.#options.replicas, this.#options.chosen());
    this.#sendPrepares(now);
  }

  #sendPrepares(now: number): void {
    this.#sentAt = now;
    const { votes, known } = this.#phaseOne!;
    for (let to = 0; to < this.#options.replicas; to++) {
      if (!hasVote(votes, to)) this.#options.send(to, { type: MESSAGE.prepare, ballot: this.#ballot, chosen: known });
    }
  }

  /** Takes a promise; with a majority of them, and all that is chosen known here, it leads. */
  onPromise(from: ReplicaId, promise: PromiseReply, now: number): void {
    if (this.#phase !== "preparing" || promise.ballot !== this.#ballot) return;
    this.#phaseOne!.onPromise(from, promise);
    if (!this.#phaseOne!.isComplete) return;
    this.#phase = "catching up";
    const { watermark, watermarkFrom } = this.#phaseOne!;
    const chosen = this.#options.chosen();
    if (chosen >= watermark) this.onWatermark(chosen, now);
    else if (watermarkFrom !== null) this.#options.catchUp(watermark, watermarkFrom);
    // Its own learner has crashed and forgotten what nobody else here knows: what is there must be reported after all.
    else this.campaign();
  }

  /**
   * This replica knows all chosen values up to `chosen`. That may be what it waited for to lead; and slots that were
   * open are closed, when the value that was learned is the one proposed. When it is another one, or nothing was proposed
   * in that slot, a higher ballot has chosen it: this one is over, and must not speak for slots in which others may have
   * accepted what it proposed.
   */
  onWatermark(chosen: number, now: number): void {
    if (this.#phase === "catching up") {
      if (chosen >= this.#phaseOne!.watermark) this.#lead(now);
    } else if (this.isLeading && chosen > this.#chosen) {
      if (!this.#hasProposed(chosen)) return this.#stop();
      for (const { bytes } of this.#open.splice(0, chosen - this.#chosen)) this.#open_bytes -= bytes.length;
      this.#chosen = chosen;
      this.#countChosen();
    }
  }

  /** Whether the values of the open slots up to `chosen` are those proposed here. */
  #hasProposed(chosen: number): boolean {
    for (let slot = this.#chosen + 1; slot <= chosen; slot++) {
      const open = this.#open[slot - this.#chosen - 1];
      const value = this.#options.slots.value(slot);
      if (open === undefined || value === null || !equalBytes(value, readAccept(open.bytes).value)) return false;
    }
    return true;
  }

  #lead(now: number): void {
    const phaseOne = this.#phaseOne!;
    this.#phaseOne = null;
    this.#phase = "leading";
    this.#rounds = new ReadRounds(this.#options.replicas);
    this.#awaited = new AwaitedVotes(this.#options.id, this.#options.replicas);
    this.#heard = Array.from({ length: this.#options.replicas }, () => now);
    this.#chosen = this.#options.chosen();
    this.#toldChosen = this.#chosen;
    this.#nextSlot = this.#chosen + 1;
    const last = phaseOne.lastSlot;
    for (let slot = this.#nextSlot; slot <= last; slot++) {
      this.#propose((writer) => writer.raw(phaseOne.value(slot) ?? NO_OP), now);
    }
    this.#startedAt = this.#chosen;
    this.#knownAt = now;
    this.#firstOwnSlot = this.#nextSlot;
    this.#propose((writer) => writer.raw(NO_OP), now);
    this.#beat(now);
    this.#options.onLeadership(true);
  }

  #stop(): void {
    const wasLeading = this.isLeading;
    this.#phase = "idle";
    this.#phaseOne = null;
    this.#open = [];
    this.#open_bytes = 0;
    this.#queue = [];
    this.#intake = new Intake();
    this.#rounds = new ReadRounds(this.#options.replicas);
    if (wasLeading) this.#options.onLeadership(false);
  }

  /** Takes a batch to propose, when its turn has come. */
  onForward(origin: ReplicaId, forward: Forward): void {
    if (this.isLeading) this.#queue.push(...this.#intake.take(origin, forward));
  }

  /** Whether there is something for {@link flush} to do. */
  get wantsFlush(): boolean {
    if (!this.isLeading) return false;
    const hasRoom = this.#open.length < MAX_OPEN_SLOTS && this.#open_bytes < MAX_OPEN_BYTES;
    return this.#queue.length > 0 && hasRoom || this.#rounds.wantsRound || this.#toldChosen < this.#chosen;
  }

  /** Proposes what has gathered in this turn, as far as the window allows, and tells of what was chosen. */
  flush(now: number): void {
    if (!this.isLeading) return;
    let taken = 0;
    while (taken < this.#queue.length && this.#open.length < MAX_OPEN_SLOTS && this.#open_bytes < MAX_OPEN_BYTES) {
      this.#propose((writer) => {
        const start = writer.length;
        while (taken < this.#queue.length && writer.length - start < MAX_VALUE_BYTES) {
          writeProposal(writer, this.#queue[taken++]!);
        }
      }, now);
    }
    if (taken > 0) this.#queue.splice(0, taken);
    if (this.#rounds.wantsRound) this.#beat(now);
    else if (this.#toldChosen < this.#chosen) this.#sendHeartbeats(0);
  }

  #propose(write: (writer: ByteWriter) => void, now: number): void {
    const slot = this.#nextSlot++;
    this.#writer.reset();
    writeAcceptHeader(this.#writer, this.#ballot, slot, this.#chosen);
    write(this.#writer);
    const bytes = this.#writer.take();
    this.#open.push({ slot, bytes, votes: NO_VOTES, sentAt: now });
    this.#open_bytes += bytes.length;
    this.#toldChosen = this.#chosen;
    const accept = readAccept(bytes);
    for (let to = 0; to < this.#options.replicas; to++) this.#options.sendAccept(to, accept, bytes);
  }

  /** Phase 2, the proposer's half: counts the acceptances of its own ballot. */
  onAccepted(from: ReplicaId, { ballot, ranges }: Accepted, now: number): void {
    if (!this.isLeading || ballot !== this.#ballot) return;
    this.#heard[from] = now;
    const first = this.#chosen + 1;
    for (let i = 0; i + 1 < ranges.length; i += 2) {
      const from_ = Math.max(ranges[i]!, first);
      const to = Math.min(ranges[i + 1]!, this.#nextSlot - 1);
      for (let slot = from_; slot <= to; slot++) {
        const open = this.#open[slot - first]!;
        if (!hasVote(open.votes, from) && !hasMajority(open.votes, this.#options.replicas)) this.#awaited.onHelp(from);
        open.votes = withVote(open.votes, from);
      }
    }
    this.#countChosen();
  }

  #countChosen(): void {
    let count = 0;
    while (count < this.#open.length && hasMajority(this.#open[count]!.votes, this.#options.replicas)) count++;
    if (count === 0) return;
    this.#awaited.onChosen(count);
    const chosen = this.#open.splice(0, count);
    for (const { bytes } of chosen) this.#open_bytes -= bytes.length;
    const before = this.#chosen;
    this.#chosen += count;
    this.#options.onChosen(this.#ballot, this.#chosen, (slot) => {
      const open = chosen[slot - before - 1];
      return open === undefined ? null : readAccept(open.bytes).value;
    });
  }

  /** Takes a read that must be confirmed, at once if it is within a lease; false when this replica cannot. */
  onRead(from: ReplicaId, life: number, id: number, now: number): boolean {
    if (!this.isEstablished) return false;
    const isLeased = this.#options.leaseReads && this.#rounds.isLeased(now);
    if (isLeased) this.#options.send(from, { type: MESSAGE.readReply, life, id, slot: this.#chosen });
    else this.#rounds.add({ from, life, id, slot: this.#chosen });
    return true;
  }

  /** Takes the answer to a heartbeat; sends the replies of reads that it confirms. */
  onHeartbeatReply(from: ReplicaId, { ballot, round, lease_ms }: HeartbeatReply, now: number): void {
    if (!this.isLeading || ballot !== this.#ballot) return;
    this.#heard[from] = now;
    for (const { from: to, life, id, slot } of this.#rounds.onReply(from, round, lease_ms)) {
      this.#options.send(to, { type: MESSAGE.readReply, life, id, slot });
    }
  }

  /** Sends what is due: heartbeats, accepts and prepares that were not answered. Steps down without a majority. */
  onTick(now: number): void {
    const { heartbeat_ms, patience_ms, replicas } = this.#options;
    if (this.#phase === "preparing" && now >= this.deadline) this.#sendPrepares(now);
    if (!this.isLeading || now < this.#heartbeatAt) return;
    let heard = NO_VOTES;
    for (const [replica, at] of this.#heard.entries()) if (now - at < patience_ms) heard = withVote(heard, replica);
    if (!hasMajority(heard, replicas)) return this.#stop();
    // Learners that crashed may have forgotten which values before this leadership are chosen, here and everywhere: then
    // only another phase 1 finds them out.
    if (this.#options.chosen() >= this.#startedAt) this.#knownAt = now;
    else if (now - this.#knownAt >= FORGOTTEN_PATIENCES * patience_ms) return this.campaign();
    this.#awaited.choose();
    this.#beat(now);
    const resend_ms = RESEND_HEARTBEATS * heartbeat_ms + Math.floor(this.#open_bytes / RESEND_BYTES_PER_MS);
    let resent = 0;
    for (const open of this.#open) {
      if (resent >= MAX_RESENT) break;
      if (now - open.sentAt < resend_ms) continue;
      open.sentAt = now;
      resent++;
      this.#resend(open);
    }
  }

  #resend(open: OpenSlot): void {
    const accept = readAccept(open.bytes);
    for (let to = 0; to < this.#options.replicas; to++) {
      if (!hasVote(open.votes, to)) this.#options.sendAccept(to, accept, open.bytes);
    }
  }

  #beat(now: number): void {
    this.#heartbeatAt = now + this.#options.heartbeat_ms;
    this.#sendHeartbeats(this.#rounds.unconfirmed ?? this.#rounds.begin(now));
  }

  #sendHeartbeats(round: number): void {
    this.#toldChosen = this.#chosen;
    const message = { type: MESSAGE.heartbeat, ballot: this.#ballot, round, chosen: this.#chosen } as const;
    for (let to = 0; to < this.#options.replicas; to++) {
      this.#options.send(to, { ...message, slack_ms: this.#awaited.slackOf(to) });
    }
  }
}
