/**
 * Who may vote. A replica that lost its log has forgotten what it promised; its votes could undo what was decided. So
 * each log has a random identity, the others note it before they count a vote, and a replica begins to vote only when so
 * many others have noted its identity that, if it ever comes back with another one, somebody who remembers is among
 * those that it has to ask again.
 *
 * Invariants:
 * - No vote is counted unless its tag is that of the identity noted for its sender, durably.
 * - A replica whose identity is another than somebody remembers never votes.
 *
 * @module
 */
import { crc32 } from "../codec/checksum.ts";
import { equalBytes } from "../codec/bytes.ts";
import type { ReplicaId } from "../ports/transport.ts";

/** The length of a log's identity. */
export const IDENTITY_BYTES = 16;

/** The first byte of a message about members, the same under every protocol. */
export const MEMBER_MESSAGE = { hello: 1, welcome: 2 } as const;

/** Introduces a replica by the identity of its log, and asks whether that is the one remembered. */
export interface Hello {
  readonly type: typeof MEMBER_MESSAGE.hello;
  /** 16 bytes, drawn when the log was made. */
  readonly identity: Uint8Array;
}

/** Answers {@link Hello}, once what it says is durable. */
export interface Welcome {
  readonly type: typeof MEMBER_MESSAGE.welcome;
  /** The identity that was asked about. */
  readonly identity: Uint8Array;
  /** Whether that is the identity remembered; false when another one is: that log is gone. */
  readonly isKnown: boolean;
}

/** What a membership is made of. */
export interface MembershipOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  /** Of this replica's log. */
  readonly identity: Uint8Array;
  /** How many others must have noted the identity of this replica before it votes. */
  readonly witnesses: number;
  /** Appends to the log by which identity another replica is known. Returns the position. */
  readonly notePeer: (replica: ReplicaId, identity: Uint8Array) => number;
  /** Appends to the log that this replica may vote. Returns the position. */
  readonly noteJoined: () => number;
  readonly send: (to: ReplicaId, message: Hello | Welcome) => void;
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
  readonly #welcomes = new Set<ReplicaId>();
  readonly #strangers = new Set<ReplicaId>();
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
      if (replica !== this.#options.id && !this.#welcomes.has(replica)) unmet.push(replica);
    }
    return unmet;
  }

  /** The replicas that came last with another log than the one that this replica remembers. */
  get strangers(): readonly ReplicaId[] {
    return [...this.#strangers];
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
    for (const to of unmet) this.greet(to);
  }

  /** Introduces this replica to another; who is well answers. */
  greet(to: ReplicaId): void {
    this.#options.send(to, { type: MEMBER_MESSAGE.hello, identity: this.#options.identity });
  }

  /** Notes the identity of a replica that is new, and answers when that is durable. */
  onHello(from: ReplicaId, { identity }: Hello): void {
    const known = this.#identities.get(from);
    if (known === undefined) {
      const copy = identity.slice();
      this.#identities.set(from, copy);
      this.#waiting.push({ position: this.#options.notePeer(from, copy), replica: from });
      return;
    }
    const isKnown = equalBytes(known, identity);
    if (isKnown) this.#strangers.delete(from);
    else this.#strangers.add(from);
    if (this.#waiting.some(({ replica }) => replica === from)) return;
    this.#options.send(from, { type: MEMBER_MESSAGE.welcome, identity: identity.slice(), isKnown });
  }

  /** Takes the answer of another replica. Enough of them, and this one may vote once that is durable. */
  onWelcome(from: ReplicaId, { identity, isKnown }: Welcome): void {
    if (!equalBytes(identity, this.#options.identity)) return;
    if (!isKnown) {
      this.#refusedBy = from;
      return;
    }
    this.#welcomes.add(from);
    const isEnough = this.#welcomes.size >= this.#options.witnesses;
    if (!isEnough || this.#isJoined || this.#joinedAt !== 0) return;
    this.#joinedAt = this.#options.noteJoined();
  }

  /** Lets out what rests on records up to `position`. */
  onDurable(position: number): void {
    if (this.#joinedAt !== 0 && this.#joinedAt <= position) this.#isJoined = true;
    while (this.#waiting.length > 0 && this.#waiting[0]!.position <= position) {
      const { replica } = this.#waiting.shift()!;
      const identity = this.#identities.get(replica)!;
      this.#tags[replica] = tagOf(identity);
      this.#options.send(replica, { type: MEMBER_MESSAGE.welcome, identity, isKnown: true });
    }
  }
}
