/**
 * What a proposer hears in phase 1: the promises of one ballot, and what follows from a majority of them.
 *
 * Invariants:
 * - Only promises of this ballot count, and each acceptor once, when all parts of its promise are there.
 * - In a slot above every watermark of the majority, the value of the highest ballot is taken (P2c).
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import type { Ballot } from "./ballot.ts";
import type { AcceptedEntry, PromiseReply } from "./messages.ts";
import { hasMajority, NO_VOTES, type Votes, withVote } from "./quorum.ts";

/** The highest acceptance that was reported for a slot. */
interface Report {
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** One acceptor's promise, as far as it has come. */
interface Progress {
  chosen: number;
  /** Parts by their first slot: where each ends, `Infinity` for the last. */
  readonly parts: Map<number, number>;
}

/** The promises of one ballot. */
export class PhaseOne {
  readonly ballot: Ballot;
  /** The proposer's watermark when it began: nothing need be reported of slots up to it. */
  readonly known: number;
  readonly #replicas: number;
  readonly #progress = new Map<ReplicaId, Progress>();
  readonly #reports = new Map<number, Report>();
  #votes: Votes = NO_VOTES;
  #watermark: number;
  #watermarkFrom: ReplicaId | null = null;

  constructor(ballot: Ballot, replicas: number, known: number) {
    this.ballot = ballot;
    this.known = known;
    this.#replicas = replicas;
    this.#watermark = known;
  }

  /** Whether a majority has promised. */
  get isComplete(): boolean {
    return hasMajority(this.#votes, this.#replicas);
  }

  /** Who has promised. */
  get votes(): Votes {
    return this.#votes;
  }

  /** The highest watermark among the promises and that of the proposer when it began: every slot up to it is chosen. */
  get watermark(): number {
    return this.#watermark;
  }

  /** An acceptor that has that watermark; null when it is the proposer's own that nobody else has passed. */
  get watermarkFrom(): ReplicaId | null {
    return this.#watermarkFrom;
  }

  /** The highest slot for which anything was reported, or the watermark. */
  get lastSlot(): number {
    let last = this.#watermark;
    for (const slot of this.#reports.keys()) if (slot > last) last = slot;
    return last;
  }

  /** The value that must be proposed in a slot above the watermark, or null when any may be. */
  value(slot: number): Uint8Array | null {
    return this.#reports.get(slot)?.value ?? null;
  }

  /** Takes a part of a promise. Values are copied. */
  onPromise(from: ReplicaId, promise: PromiseReply): void {
    if (promise.ballot !== this.ballot) return;
    let progress = this.#progress.get(from);
    if (progress === undefined) this.#progress.set(from, progress = { chosen: 0, parts: new Map() });
    progress.chosen = Math.max(progress.chosen, promise.chosen);
    if (promise.chosen > this.#watermark) {
      this.#watermark = promise.chosen;
      this.#watermarkFrom = from;
    }
    for (const entry of promise.entries) this.#report(entry);
    const end = promise.to === 0 ? Number.POSITIVE_INFINITY : promise.to;
    progress.parts.set(promise.from, Math.max(end, progress.parts.get(promise.from) ?? 0));
    if (isWhole(progress, this.known)) this.#votes = withVote(this.#votes, from);
  }

  #report({ slot, ballot, value }: AcceptedEntry): void {
    const known = this.#reports.get(slot);
    if (known === undefined || ballot > known.ballot) this.#reports.set(slot, { ballot, value: value.slice() });
  }
}

/** Whether the parts tell of all slots above both watermarks. What was promised does not change any more. */
function isWhole({ chosen, parts }: Progress, known: number): boolean {
  let next = Math.max(chosen, known) + 1;
  while (next !== Number.POSITIVE_INFINITY) {
    let end = 0;
    for (const [from, to] of parts) if (from <= next && to > next) end = Math.max(end, to);
    if (end === 0) return false;
    next = end;
  }
  return true;
}
