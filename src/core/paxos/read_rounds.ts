/**
 * The leader's side of linearizable reads. A read notes the leader's watermark when it arrives and waits for a round of
 * heartbeats that *began after that*: when a majority has answered it, nobody else can have chosen anything before the
 * read arrived, so the watermark covers every write that was acknowledged by then. (The read index of Ongaro's Raft
 * dissertation, section 6.4, which holds for any protocol with a leader.)
 *
 * A round that a majority has answered with promises of a lease (`lease.ts`) is good for reads that come after it too, for
 * a while.
 *
 * Invariants: rounds count up and are never reused within a ballot; a late answer confirms its own round and earlier
 * ones, never a later one.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { Lease } from "./lease.ts";
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
  readonly #lease: Lease;
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
    this.#lease = new Lease(replicas);
  }

  /** The latest round, when it still waits for answers: it may be sent again. Else null. */
  get unconfirmed(): number | null {
    return this.#isConfirmed ? null : this.#round;
  }

  /** Whether reads wait for a round to begin, and none is under way. */
  get wantsRound(): boolean {
    return this.#next.length > 0 && this.#isConfirmed;
  }

  /** Whether a read that comes now needs no round. */
  isLeased(now: number): boolean {
    return now < this.#lease.until;
  }

  /** Takes a read. */
  add(read: WaitingRead): void {
    this.#next.push(read);
  }

  /** Begins a round, when the one before is confirmed, and returns its number. It is sent for the first time after `now`. */
  begin(now: number): number {
    if (!this.#isConfirmed) throw new Error(`round ${this.#round} is not confirmed yet`);
    this.#round++;
    this.#votes = NO_VOTES;
    this.#isConfirmed = false;
    this.#current = this.#next;
    this.#next = [];
    this.#lease.begin(this.#round, now);
    return this.#round;
  }

  /** Takes an answer, which promises a lease of `lease_ms`; returns the reads that are confirmed by it. */
  onReply(from: ReplicaId, round: number, lease_ms: number): readonly WaitingRead[] {
    this.#lease.onPromise(from, round, lease_ms);
    if (round !== this.#round || this.#isConfirmed) return [];
    this.#votes = withVote(this.#votes, from);
    if (!hasMajority(this.#votes, this.#replicas)) return [];
    this.#isConfirmed = true;
    const confirmed = this.#current;
    this.#current = [];
    return confirmed;
  }
}
