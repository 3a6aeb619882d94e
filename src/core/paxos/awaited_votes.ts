/**
 * Whose votes a leader waits for. A majority is enough, so the other acceptors need not hurry: they are given some slack, in
 * which several of their records share a sync, and their disks, their processors and the leader have less to do. (Moraru,
 * Andersen and Kaminsky, "There Is More Consensus in Egalitarian Parliaments", SOSP 2013, call a leader thrifty that sends
 * to a majority only.) Here everybody is sent everything, and votes in the end: when one whose vote is awaited is slow or
 * gone, a slot is chosen the slack later, and nothing has to notice.
 *
 * Nothing about safety rests on this: a vote leaves when its record is durable, whoever waits for it.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { hasVote, majorityOf, NO_VOTES, type Votes, withVote } from "./quorum.ts";

/** How long an acceptor that is not awaited may wait for more records to sync, in milliseconds. */
export const SLACK_MS = 4;
/** The choice is looked at again after as many slots as this: fewer say too little. */
const LEAST_SLOTS = 8;

/** Who is awaited: at first everybody, then those whose votes made majorities. */
export class AwaitedVotes {
  readonly #leader: ReplicaId;
  readonly #replicas: number;
  #awaited: Votes | null = null;
  /** How many votes of each replica came before their slot had its majority, since the last choice. */
  #helped: number[];
  #slots = 0;

  /** For a leader among `replicas`, who has always something to say of itself. */
  constructor(leader: ReplicaId, replicas: number) {
    this.#leader = leader;
    this.#replicas = replicas;
    this.#helped = new Array<number>(replicas).fill(0);
  }

  /** For how long the acceptor of `replica` may put off its votes, in milliseconds. */
  slackOf(replica: ReplicaId): number {
    return this.#awaited === null || hasVote(this.#awaited, replica) ? 0 : SLACK_MS;
  }

  /** A vote came that its slot still needed. */
  onHelp(replica: ReplicaId): void {
    this.#helped[replica]!++;
  }

  /** Slots were chosen. */
  onChosen(slots: number): void {
    this.#slots += slots;
  }

  /** Looks at who has helped most since the last choice. */
  choose(): void {
    if (this.#slots < LEAST_SLOTS) return;
    const helped = this.#helped;
    const others: ReplicaId[] = [];
    for (let id = 0; id < this.#replicas; id++) if (id !== this.#leader) others.push(id);
    const isAwaited = (id: ReplicaId): number => this.#awaited !== null && hasVote(this.#awaited, id) ? 1 : 0;
    others.sort((a, b) => helped[b]! - helped[a]! || isAwaited(b) - isAwaited(a) || a - b);
    // A leader whose own disk is the slow one needs one more.
    const isQuick = 2 * helped[this.#leader]! >= this.#slots;
    const count = majorityOf(this.#replicas) - (isQuick ? 1 : 0);
    this.#awaited = others.slice(0, count).reduce(withVote, withVote(NO_VOTES, this.#leader));
    this.#helped = helped.map(() => 0);
    this.#slots = 0;
  }
}
