/**
 * The leader's side of linearizable reads. A read notes the leader's watermark when it arrives and waits for a round of
 * heartbeats that *began after that*: when a majority has answered it, nobody else can have chosen anything before the
 * read arrived, so the watermark covers every write that was acknowledged by then. (The read index of Ongaro's Raft
 * dissertation, section 6.4, which holds for any protocol with a leader.)
 *
 * Invariants: rounds count up and are never reused within a ballot; a late answer confirms its own round and earlier
 * ones, never a later one.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { hasMajority, NO_VOTES, type Votes, withVote } from "./quorum.ts";

/** A read that waits for confirmation. */
export interface WaitingRead {
  /** Who asked. */
  readonly from: ReplicaId;
  readonly life: number;
  readonly id: number;
  /** The leader's watermark when the read arrived. */
  readonly slot: number;
}

/** The rounds of one leadership. */
export class ReadRounds {
  readonly #replicas: number;
  /** The latest round that was begun. */
  #round = 0;
  #votes: Votes = NO_VOTES;
  #isConfirmed = true;
  /** Reads that came since the latest round began. */
  #next: WaitingRead[] = [];
  /** Reads that the latest round confirms. */
  #current: WaitingRead[] = [];

  constructor(replicas: number) {
    this.#replicas = replicas;
  }

  /** The latest round, when it still waits for answers: it may be sent again. Else null. */
  get unconfirmed(): number | null {
    return this.#isConfirmed ? null : this.#round;
  }

  /** Whether reads wait for a round to begin, and none is under way. */
  get wantsRound(): boolean {
    return this.#next.length > 0 && this.#isConfirmed;
  }

  /** Takes a read. */
  add(read: WaitingRead): void {
    this.#next.push(read);
  }

  /** Begins a round, when the one before is confirmed, and returns its number. */
  begin(): number {
    if (!this.#isConfirmed) throw new Error(`round ${this.#round} is not confirmed yet`);
    this.#round++;
    this.#votes = NO_VOTES;
    this.#isConfirmed = false;
    this.#current = this.#next;
    this.#next = [];
    return this.#round;
  }

  /** Takes an answer; returns the reads that are confirmed by it. */
  onReply(from: ReplicaId, round: number): readonly WaitingRead[] {
    if (round !== this.#round || this.#isConfirmed) return [];
    this.#votes = withVote(this.#votes, from);
    if (!hasMajority(this.#votes, this.#replicas)) return [];
    this.#isConfirmed = true;
    const confirmed = this.#current;
    this.#current = [];
    return confirmed;
  }
}
