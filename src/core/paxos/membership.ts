/**
 * Who may vote. A replica that lost its log has forgotten its promises; its votes could undo what was chosen. So each
 * log has a random identity, the others note it before they count a vote, and a replica begins to vote only when so
 * many others have noted its identity that, if it ever comes back with another one, somebody who remembers is among
 * those that it has to ask again.
 *
 * Invariants:
 * - No vote is counted unless its tag is that of the identity noted for its sender, durably.
 * - A replica whose identity is another than somebody remembers never votes.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import { equalBytes } from "../../codec/bytes.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type Hello, MESSAGE, type Message, type Welcome } from "./messages.ts";
import { countVotes, hasVote, NO_VOTES, type Votes, withVote, witnessesOf } from "./quorum.ts";
import { RECORD } from "./records.ts";
import type { SlotLog } from "./slot_log.ts";

/** What a membership is made of. */
export interface MembershipOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  /** Of this replica's log. */
  readonly identity: Uint8Array;
  readonly slots: SlotLog;
  readonly send: (to: ReplicaId, message: Message) => void;
  /** How often those that have not answered are asked. */
  readonly retry_ms: number;
}

/** What the log tells of the members. */
export interface KnownMembers {
  readonly isJoined: boolean;
  readonly identities: ReadonlyMap<ReplicaId, Uint8Array>;
}

/** The short form of an identity that goes out with every vote. */
export function tagOf(identity: Uint8Array): number {
  return crc32(identity);
}

/** The identities of all replicas, as this one knows them. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #identities: Map<ReplicaId, Uint8Array>;
  /** By replica; only what is durable. */
  readonly #tags: (number | undefined)[] = [];
  /** Records on their way to the disk. */
  #waiting: { readonly position: number; readonly replica: ReplicaId }[] = [];
  #welcomes: Votes = NO_VOTES;
  #joinedAt = 0;
  #isJoined: boolean;
  #refusedBy: ReplicaId | null = null;
  #deadline: number;

  constructor(known: KnownMembers, now: number, options: MembershipOptions) {
    this.#options = options;
    this.#identities = new Map(known.identities);
    this.#isJoined = known.isJoined || options.replicas === 1;
    this.#deadline = now;
    for (const [replica, identity] of known.identities) this.#tags[replica] = tagOf(identity);
    this.#tags[options.id] = tagOf(options.identity);
  }

  /** Whether this replica votes. */
  get mayVote(): boolean {
    return this.#isJoined && this.#refusedBy === null;
  }

  /** A replica that remembers another identity of this one, or null. */
  get refusedBy(): ReplicaId | null {
    return this.#refusedBy;
  }

  /** The replicas that have not confirmed this one's identity yet. */
  get unmet(): readonly ReplicaId[] {
    const unmet: ReplicaId[] = [];
    for (let replica = 0; replica < this.#options.replicas; replica++) {
      if (replica !== this.#options.id && !hasVote(this.#welcomes, replica)) unmet.push(replica);
    }
    return unmet;
  }

  /** The identities that are known, for a snapshot. */
  get known(): KnownMembers {
    return { isJoined: this.#isJoined, identities: this.#identities };
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Whether a vote with this tag comes from the log that is known as `from`'s. */
  isKnown(from: ReplicaId, tag: number): boolean {
    return this.#tags[from] === tag;
  }

  /** Introduces this replica to those that have not answered yet. */
  onTick(now: number): void {
    if (now < this.#deadline) return;
    const unmet = this.unmet;
    this.#deadline = unmet.length === 0 ? Number.POSITIVE_INFINITY : now + this.#options.retry_ms;
    for (const to of unmet) this.#options.send(to, { type: MESSAGE.hello, identity: this.#options.identity });
  }

  /** Notes the identity of a replica that is new, and answers when that is durable. */
  onHello(from: ReplicaId, { identity }: Hello): void {
    const known = this.#identities.get(from);
    if (known === undefined) {
      const copy = identity.slice();
      this.#identities.set(from, copy);
      const position = this.#options.slots.append({ type: RECORD.peer, replica: from, identity: copy });
      this.#waiting.push({ position, replica: from });
      return;
    }
    if (this.#waiting.some(({ replica }) => replica === from)) return;
    this.#options.send(from, {
      type: MESSAGE.welcome,
      identity: identity.slice(),
      isKnown: equalBytes(known, identity),
    });
  }

  /** Takes the answer of another replica. Enough of them, and this one may vote once that is durable. */
  onWelcome(from: ReplicaId, { identity, isKnown }: Welcome): void {
    if (!equalBytes(identity, this.#options.identity)) return;
    if (!isKnown) {
      this.#refusedBy = from;
      return;
    }
    this.#welcomes = withVote(this.#welcomes, from);
    const isEnough = countVotes(this.#welcomes) >= witnessesOf(this.#options.replicas);
    if (!isEnough || this.#isJoined || this.#joinedAt !== 0) return;
    this.#joinedAt = this.#options.slots.append({ type: RECORD.joined });
  }

  /** Lets out what rests on records up to `position`. */
  onDurable(position: number): void {
    if (this.#joinedAt !== 0 && this.#joinedAt <= position) this.#isJoined = true;
    while (this.#waiting.length > 0 && this.#waiting[0]!.position <= position) {
      const { replica } = this.#waiting.shift()!;
      const identity = this.#identities.get(replica)!;
      this.#tags[replica] = tagOf(identity);
      this.#options.send(replica, { type: MESSAGE.welcome, identity, isKnown: true });
    }
  }
}
