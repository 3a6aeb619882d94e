/**
 * Who leads, as far as this replica knows, and when it tries to lead itself. Leader election is not part of "Paxos
 * Made Simple": safety never rests on it, only progress.
 *
 * A replica that has not heard from a leader for a while first asks whether others miss one too (a pre-vote, Ongaro's
 * dissertation, section 9.6): one that was cut off or restarted does not disturb a leader that works. What counts for a
 * candidate is that a majority answers it, not how complete its log is, because phase 1 brings what it lacks: so
 * whoever can reach a majority can lead (the partial connectivity of the Omni-Paxos paper, EuroSys 2023).
 *
 * Where leaders have leases (`lease.ts`), nobody who has promised one is asked for another leader, and a leader whose
 * connection breaks is missed when the promise to it is over.
 *
 * @module
 */
import type { Random } from "../../ports/random.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type Ballot, NO_BALLOT, replicaOf } from "./ballot.ts";
import type { LeasePromise } from "./lease.ts";
import { MESSAGE, type Message, type PreVote, type PreVoteReply } from "./messages.ts";
import { hasMajority, NO_VOTES, type Votes, withVote } from "./quorum.ts";

/** What an election is made of. Times are milliseconds of the monotonic clock. */
export interface ElectionOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly random: Random;
  readonly send: (to: ReplicaId, message: Message) => void;
  /** This replica's watermark. */
  readonly chosen: () => number;
  /** What the acceptor of this replica has promised a leader; null while that is down. */
  readonly lease: () => LeasePromise | null;
  /** A leader that was silent for so long is missed, and for up to twice as long by some. */
  readonly timeout_ms: number;
}

/** How soon a broken connection to the leader is taken for its end, as a share of the timeout. */
const DISCONNECT_SHARE = 0.1;

/** How soon a pre-vote with too low a ballot is repeated, as a share of the timeout. */
const AGAIN_SHARE = 0.1;

/** Watches the leader. */
export class Election {
  readonly #options: ElectionOptions;
  #leaderBallot: Ballot = NO_BALLOT;
  #heardAt = Number.NEGATIVE_INFINITY;
  #deadline: number;
  /** The ballot that is asked about, while a pre-vote is under way. */
  #asking: Ballot = NO_BALLOT;
  #votes: Votes = NO_VOTES;

  constructor(now: number, options: ElectionOptions) {
    this.#options = options;
    // Nobody is missed at the start: the pre-vote keeps a leader that works in its place.
    this.#deadline = now + options.timeout_ms * options.random.next();
  }

  /** The highest ballot from which a leader was heard. */
  get leaderBallot(): Ballot {
    return this.#leaderBallot;
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Whether a pre-vote is under way. */
  get isAsking(): boolean {
    return this.#asking !== NO_BALLOT;
  }

  /** The leader, unless it has been silent for too long; null for none. */
  leader(now: number): ReplicaId | null {
    return this.#isLeaderAlive(now) ? replicaOf(this.#leaderBallot) : null;
  }

  #isLeaderAlive(now: number): boolean {
    return now - this.#heardAt < this.#options.timeout_ms;
  }

  /** Takes a sign of life of the leader of `ballot`. Returns whether it is another ballot than before. */
  onLeader(ballot: Ballot, now: number): boolean {
    if (ballot < this.#leaderBallot) return false;
    const isNew = ballot > this.#leaderBallot;
    this.#leaderBallot = ballot;
    this.#heardAt = now;
    this.#asking = NO_BALLOT;
    this.#wait(now, this.#options.timeout_ms);
    return isNew;
  }

  /** The leader of `ballot` has given up, or is this replica and does not lead any more. */
  onLeaderLost(now: number): void {
    this.#heardAt = Number.NEGATIVE_INFINITY;
    const until = this.#options.lease()?.until ?? Number.NEGATIVE_INFINITY;
    this.#wait(Math.max(now, until), DISCONNECT_SHARE * this.#options.timeout_ms);
  }

  /** The connection to a replica broke: if it leads, it is missed soon. */
  onDisconnected(peer: ReplicaId, now: number): void {
    if (this.leader(now) === peer && peer !== this.#options.id) this.onLeaderLost(now);
  }

  /** The next attempt is to be in `least_ms` milliseconds, or up to twice as many, so that few try at once. */
  #wait(now: number, least_ms: number): void {
    this.#deadline = now + least_ms * (1 + this.#options.random.next());
  }

  /** Asks the others, when it is time, whether `ballot` would be welcome. */
  onTick(now: number, ballot: Ballot): void {
    if (now < this.#deadline) return;
    const lease = this.#options.lease();
    // Whoever may elect nobody yet is likely not alone in that.
    if (lease?.forbids(ballot, now) === true) {
      return this.#wait(lease.until, DISCONNECT_SHARE * this.#options.timeout_ms);
    }
    this.#wait(now, this.#options.timeout_ms);
    this.#asking = ballot;
    this.#votes = NO_VOTES;
    for (let to = 0; to < this.#options.replicas; to++) {
      this.#options.send(to, { type: MESSAGE.preVote, ballot });
    }
  }

  /** Answers whether a leader is missed here too. `seen` is the highest ballot known here. */
  onPreVote(from: ReplicaId, { ballot }: PreVote, seen: Ballot, now: number): void {
    const isBound = this.#options.lease()?.forbids(ballot, now) ?? false;
    const isGranted = ballot > seen && !isBound && !this.#isLeaderAlive(now);
    const chosen = this.#options.chosen();
    this.#options.send(from, { type: MESSAGE.preVoteReply, ballot, isGranted, seen, chosen });
  }

  /** Takes an answer; returns whether a majority now wants a new leader. */
  onPreVoteReply(from: ReplicaId, { ballot, isGranted, seen }: PreVoteReply, now: number): boolean {
    if (ballot !== this.#asking) return false;
    if (!isGranted) {
      // The ballot was too low: the next one is above what was seen, so it is worth to ask again soon.
      const soon = now + AGAIN_SHARE * this.#options.timeout_ms * (1 + this.#options.random.next());
      if (seen >= ballot) this.#deadline = Math.min(this.#deadline, soon);
      return false;
    }
    this.#votes = withVote(this.#votes, from);
    if (!hasMajority(this.#votes, this.#options.replicas)) return false;
    this.#asking = NO_BALLOT;
    return true;
  }
}
