/**
 * The acceptor of "Paxos Made Simple", section 2.2, for all slots at once (section 3).
 *
 * Invariants, asserted where they are kept:
 * - It accepts nothing below what it has promised (P1a), and never promises less than it did.
 * - What it says rests on its log: a promise or an acceptance leaves only when its record is durable.
 * - An acceptance and the promise that it implies are one record.
 * - The record of a value that is known to be chosen gives way to the same value only.
 *
 * @module
 */
import { equalBytes } from "../../codec/bytes.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type Ballot, CHOSEN_BALLOT, formatBallot, NO_BALLOT, replicaOf } from "./ballot.ts";
import type { LeasePromise } from "./lease.ts";
import { ACCEPT_HEADER_BYTES } from "./message_codec.ts";
import { type Accept, type AcceptedEntry, type Heartbeat, MESSAGE, type Message, type Prepare } from "./messages.ts";
import { RECORD } from "./records.ts";
import type { SlotLog } from "./slot_log.ts";

/** What an acceptor is made of. */
export interface AcceptorOptions {
  /** Where it remembers. */
  readonly slots: SlotLog;
  /** Goes out with its votes: a short form of the identity of its log. */
  readonly tag: number;
  /** The slot up to which this replica knows every chosen value: those need no report. */
  readonly chosen: () => number;
  /** Sends a message, to this replica itself too. */
  readonly send: (to: ReplicaId, message: Message) => void;
  /** Which leader it has promised to elect no other; forgotten when it crashes. */
  readonly lease: LeasePromise;
}

/** How many bytes of values one part of a promise carries, about. */
const PROMISE_PART_BYTES = 1024 * 1024;

/** A promise or an acceptance whose record is on its way to the disk. */
interface Waiting {
  readonly position: number;
  readonly ballot: Ballot;
  /** 0 for a promise. */
  readonly slot: number;
  /** Of a promise: the watermark of the proposer. */
  readonly known: number;
}

/** Votes. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #promised: Ballot;
  /** Promises and acceptances whose records are on their way to the disk, by position. */
  #waiting: Waiting[] = [];
  /** For how long the leader of this ballot lets acceptances wait for others to share their sync. */
  #slackOf: Ballot = NO_BALLOT;
  #slack_ms = 0;

  /** An acceptor that has promised what its log says. */
  constructor(promised: Ballot, options: AcceptorOptions) {
    this.#promised = promised;
    this.#options = options;
  }

  /** The highest ballot that it has promised. */
  get promised(): Ballot {
    return this.#promised;
  }

  /** Which leader it has promised to elect no other. Whoever hands it a prepare has asked. */
  get lease(): LeasePromise {
    return this.#options.lease;
  }

  /** Phase 1b: promises a ballot that is higher than every one before, and repeats the promise when asked again. */
  onPrepare(from: ReplicaId, { ballot, chosen: known }: Prepare): void {
    if (ballot < this.#promised) return this.#refuse(from, ballot);
    if (ballot === this.#promised) {
      // An acceptance promises its ballot as well, and is as little durable while it is on its way.
      const isOnItsWay = this.#waiting.some((waiting) => waiting.ballot === ballot);
      if (!isOnItsWay) this.#promise(from, ballot, known);
      return;
    }
    this.#promised = ballot;
    const position = this.#options.slots.append({ type: RECORD.promise, ballot });
    this.#waiting.push({ position, ballot, slot: 0, known });
  }

  /** Phase 2b: accepts unless it has promised a higher ballot. `bytes` are those of the message. */
  onAccept(from: ReplicaId, accept: Accept, bytes: Uint8Array): void {
    const { slots } = this.#options;
    const { ballot, slot } = accept;
    if (bytes.length !== ACCEPT_HEADER_BYTES + accept.value.length) {
      throw new Error(`the bytes of slot ${slot} are not its accept`);
    }
    if (ballot < this.#promised) return this.#refuse(from, ballot);
    if (!slots.isWithinReach(slot) || this.#isStale(accept)) return;
    if (slots.ballot(slot) === ballot) {
      // A repetition. What is not durable yet is answered when it is.
      if (slots.isDurable(slot)) this.#sendAccepted(ballot, [slot, slot]);
      return;
    }
    const slack_ms = ballot === this.#slackOf ? this.#slack_ms : 0;
    this.#promised = ballot;
    const position = slots.appendAccept(accept, bytes, slack_ms);
    this.#waiting.push({ position, ballot, slot, known: 0 });
  }

  /**
   * Whether another value is known to be chosen in this slot: then the accept is of a ballot that came to nothing, and its
   * record would take the place of the chosen value, in the log as in what this replica gives to others.
   */
  #isStale({ slot, value }: Accept): boolean {
    const { slots, chosen } = this.#options;
    if (slot > chosen() && slots.ballot(slot) !== CHOSEN_BALLOT) return false;
    const held = slots.value(slot);
    return held === null || !equalBytes(held, value);
  }

  /** Says that no higher ballot was promised, which confirms the leader's leadership at this moment. */
  onHeartbeat(from: ReplicaId, { ballot, round, slack_ms }: Heartbeat, now: number): void {
    if (ballot < this.#promised) return this.#refuse(from, ballot);
    this.#slackOf = ballot;
    this.#slack_ms = slack_ms;
    if (round === 0) return;
    const { tag, chosen, send, lease } = this.#options;
    const lease_ms = lease.give(ballot, now);
    send(from, { type: MESSAGE.heartbeatReply, ballot, tag, round, chosen: chosen(), lease_ms });
  }

  /** Lets out what rests on records up to `position`: one message for all slots of a ballot. */
  onDurable(position: number): void {
    const waiting = this.#waiting;
    let count = 0;
    let ranges: number[] = [];
    let rangesOf: Ballot = NO_BALLOT;
    for (; count < waiting.length && waiting[count]!.position <= position; count++) {
      const { ballot, slot, known } = waiting[count]!;
      if (slot === 0) {
        // A promise that has been overtaken by a higher one is of no use any more.
        if (ballot === this.#promised) this.#promise(replicaOf(ballot), ballot, known);
        continue;
      }
      if (ballot !== rangesOf) {
        if (ranges.length > 0) this.#sendAccepted(rangesOf, ranges);
        ranges = [];
        rangesOf = ballot;
      }
      if (ranges.at(-1) === slot - 1) ranges[ranges.length - 1] = slot;
      else ranges.push(slot, slot);
    }
    waiting.splice(0, count);
    if (ranges.length > 0) this.#sendAccepted(rangesOf, ranges);
  }

  #refuse(to: ReplicaId, ballot: Ballot): void {
    this.#options.send(to, { type: MESSAGE.nack, ballot, promised: this.#promised });
  }

  #sendAccepted(ballot: Ballot, ranges: readonly number[]): void {
    const { send, tag } = this.#options;
    send(replicaOf(ballot), { type: MESSAGE.accepted, ballot, tag, ranges });
  }

  /** Sends the promise with everything accepted above both watermarks, this replica's and the proposer's, in parts. */
  #promise(to: ReplicaId, ballot: Ballot, known: number): void {
    const { slots, send, tag } = this.#options;
    const chosen = this.#options.chosen();
    let from = Math.max(chosen, known) + 1;
    // What was let go must be known to be chosen: a promise that left out an accepted value would let another take its place.
    if (from < slots.base) throw new Error(`slots below ${slots.base} were let go, and ${chosen} is the watermark`);
    let entries: AcceptedEntry[] = [];
    let bytes = 0;
    const end = slots.end;
    for (let slot = from; slot < end; slot++) {
      const accepted = slots.ballot(slot);
      if (accepted === NO_BALLOT) continue;
      const value = slots.value(slot);
      if (value === null) {
        throw new Error(`slot ${slot}, accepted in ballot ${formatBallot(accepted)}, is no longer in the log`);
      }
      entries.push({ slot, ballot: accepted, value });
      bytes += value.length;
      if (bytes < PROMISE_PART_BYTES) continue;
      send(to, { type: MESSAGE.promise, ballot, tag, chosen, from, to: slot + 1, entries });
      from = slot + 1;
      entries = [];
      bytes = 0;
    }
    send(to, { type: MESSAGE.promise, ballot, tag, chosen, from, to: 0, entries });
  }
}
