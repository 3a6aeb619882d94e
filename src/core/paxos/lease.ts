/**
 * Leader leases, for reads that ask nobody: a majority has promised the leader to make nobody else leader for a while,
 * so until then no other ballot can choose anything, and what the leader knows to be chosen is all that was acknowledged.
 * (Gray and Cheriton, 1989; for Paxos, section 5.2 of "Paxos Made Live".) Off unless asked for, because this alone of all
 * that the protocol does rests on clocks.
 *
 * The assumption: in no stretch of time does the monotonic clock of one replica advance by less than `1 - CLOCK_DRIFT` of
 * what that of another advances by. Standing still while others go on, as some do in a machine that is suspended, breaks
 * it. When they are read, and how long a process or a message takes, does not matter.
 *
 * Invariants:
 * - A promise begins when it is given and a lease when the heartbeat was first sent that it answers, which is before.
 * - Whoever may have forgotten a promise promises nothing to any ballot for as long as a promise lasts.
 * - A lease is shorter than the shortest promise that it rests on by all that clocks may differ.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { type Ballot, NO_BALLOT, replicaOf } from "./ballot.ts";
import { hasMajority, NO_VOTES, type Votes, withVote } from "./quorum.ts";

/** By how much of itself the advance of one replica's monotonic clock may exceed that of another. */
export const CLOCK_DRIFT = 0.1;

/** The acceptor's side: what it has promised a leader, in memory only. Times are those of its own monotonic clock. */
export class LeasePromise {
  /** How long a promise lasts, in whole milliseconds; 0 when none is given. */
  readonly #lasts_ms: number;
  /** Until then an earlier life of the acceptor may be bound, and nobody knows to whom. */
  readonly #forgottenUntil: number;
  #ballot: Ballot = NO_BALLOT;
  #until = Number.NEGATIVE_INFINITY;

  /** The promises of an acceptor that begins or is back at `now`. */
  constructor(now: number, lasts_ms: number) {
    this.#lasts_ms = Math.floor(lasts_ms);
    this.#forgottenUntil = this.#lasts_ms === 0 ? Number.NEGATIVE_INFINITY : now + this.#lasts_ms;
  }

  /** Promises the leader of `ballot`, which answers to the acceptor's own promise, to make no other one leader for a while. */
  give(ballot: Ballot, now: number): number {
    if (this.#lasts_ms === 0) return 0;
    this.#ballot = ballot;
    this.#until = now + this.#lasts_ms;
    return this.#lasts_ms;
  }

  /** When it is bound to nobody any more. */
  get until(): number {
    return Math.max(this.#until, this.#forgottenUntil);
  }

  /**
   * Whether a promise forbids to promise `ballot`. One of the very replica that leads is free: with its campaign its lease
   * is over. A higher ballot that leads shows that all leases of lower ones are over, so only the latest counts.
   */
  forbids(ballot: Ballot, now: number): boolean {
    if (now < this.#forgottenUntil) return true;
    return now < this.#until && replicaOf(ballot) !== replicaOf(this.#ballot);
  }
}

/** The leader's side: until when it leads for sure. Times are those of its own monotonic clock. */
export class Lease {
  readonly #replicas: number;
  #round = 0;
  #beganAt = 0;
  #votes: Votes = NO_VOTES;
  #shortest_ms = Number.POSITIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;

  constructor(replicas: number) {
    this.#replicas = replicas;
  }

  /** Until when it leads for sure; in the past when it does not. */
  get until(): number {
    return this.#until;
  }

  /** A round of heartbeats begins: it is sent for the first time, now or later. */
  begin(round: number, now: number): void {
    this.#round = round;
    this.#beganAt = now;
    this.#votes = NO_VOTES;
    this.#shortest_ms = Number.POSITIVE_INFINITY;
  }

  /** An acceptor has answered a round, and promised to make nobody else leader for so long; 0 for no such promise. */
  onPromise(from: ReplicaId, round: number, lasts_ms: number): void {
    if (round !== this.#round || lasts_ms === 0) return;
    this.#votes = withVote(this.#votes, from);
    this.#shortest_ms = Math.min(this.#shortest_ms, lasts_ms);
    if (!hasMajority(this.#votes, this.#replicas)) return;
    this.#until = Math.max(this.#until, this.#beganAt + (1 - CLOCK_DRIFT) * this.#shortest_ms);
  }
}
