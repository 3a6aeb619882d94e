/**
 * One replica's roles, wired to each other and to the outside: takes messages, the end of syncs and the passing of
 * time, hands each to the role that it concerns, and lets the roles' answers out.
 *
 * Every handler runs to completion before the next: what a role says to a role of the same replica waits in a queue
 * until the handler that said it is done. So no role ever meets another one half-way.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { Membership } from "../membership.ts";
import type { Role } from "../replication.ts";
import { Archive } from "./archive.ts";
import { type Ballot, NO_BALLOT, replicaOf } from "./ballot.ts";
import { CatchUp } from "./catch_up.ts";
import { Election } from "./election.ts";
import type { Learner } from "./learner.ts";
import { readMessage, writeMessage } from "./message_codec.ts";
import { type Accept, type Forward, type Heartbeat, MESSAGE, type Message } from "./messages.ts";
import type { NodeOptions } from "./node_options.ts";
import { majorityOf, witnessesOf } from "./quorum.ts";
import { RECORD } from "./records.ts";
import { LogScan } from "./recovery.ts";
import { RoleSet } from "./role_set.ts";
import { SlotLog } from "./slot_log.ts";
import { SnapshotStore } from "./snapshot_store.ts";

/** A message of this replica to itself. */
interface LocalMessage {
  readonly message: Message;
  /** The bytes of an accept; empty for every other message. */
  readonly bytes: Uint8Array;
}

/**
 * More slots than this are not left to be applied later: a turn may bring more of them than are applied in one go, and
 * whoever applies once a turn would then be ever further behind.
 */
const MAX_LEFT_SLOTS = 8;

const NO_BYTES = new Uint8Array(0);

/** The roles of one replica. */
export class PaxosNode {
  readonly slots: SlotLog;
  readonly snapshots: SnapshotStore;
  readonly membership: Membership;
  readonly election: Election;
  readonly catchUp: CatchUp;
  readonly roles: RoleSet;
  /** Which life of this replica this is. */
  readonly life: number;
  readonly #options: NodeOptions;
  readonly #archive: Archive;
  readonly #writer = new ByteWriter(64 * 1024);
  readonly #local: LocalMessage[] = [];
  #mayVote = false;
  #refusedBy: ReplicaId | null = null;
  /** What the owner has been told was applied, and by which learner. */
  #toldOf: { readonly learner: Learner | null; readonly applied: number } = { learner: null, applied: 0 };
  #malformed = 0;
  readonly #unreachable = new Set<ReplicaId>();

  /** A replica whose log and snapshot have been read into its machine when this returns. */
  constructor(options: NodeOptions) {
    this.#options = options;
    const { id, replicas, log, clock, random, times } = options;
    const now = clock.monotonic();
    this.slots = new SlotLog(log, options.cache_bytes);
    this.snapshots = new SnapshotStore({ ...options, slots: this.slots });
    options.machine.recovering?.(true);
    const start = this.snapshots.restore();
    const scan = new LogScan(log, this.slots, start.header);
    while (scan.step() === "more");
    this.slots.facts.onFacts(scan.facts);
    this.slots.dropBelow(scan.firstVerified(start.slot));
    const send = (to: ReplicaId, message: Message): void => this.#send(to, message);
    const chosen = (): number => this.roles.watermark;
    // A learner that was started again may be behind the stored snapshot, and has verified no more than it says.
    const learned = (): number => this.roles.learner?.chosen ?? 0;
    this.life = scan.facts.life + 1;
    this.membership = new Membership(scan.facts, now, {
      id,
      replicas,
      identity: log.identity,
      witnesses: witnessesOf(replicas),
      notePeer: (replica, identity) => this.slots.append({ type: RECORD.peer, replica, identity }),
      noteJoined: () => this.slots.append({ type: RECORD.joined }),
      send,
      retry_ms: times.retry_ms,
    });
    this.election = new Election(now, {
      id,
      replicas,
      random,
      send,
      chosen,
      lease: () => this.roles.acceptor?.lease ?? null,
      timeout_ms: times.election_ms,
    });
    this.catchUp = new CatchUp({
      id,
      replicas,
      random,
      send,
      chosen: learned,
      onValue: (slot, value) => this.roles.learner?.onLearned(slot, value),
      install: (header) => this.#install(header),
      grace_ms: times.grace_ms,
      timeout_ms: times.retry_ms,
    });
    this.#archive = new Archive({ log, slots: this.slots, chosen: learned, send, reply_bytes: options.catchUp_bytes });
    this.roles = new RoleSet({
      ...options,
      slots: this.slots,
      snapshots: this.snapshots,
      send,
      sendAccept: (to, message, bytes) => {
        if (to === id) this.#local.push({ message, bytes });
        else options.transport.send(to, bytes);
      },
      waiting: (batch) => {
        const isOwn = batch.origin === id && batch.life === this.life;
        return isOwn ? options.owner.waiting(batch) : null;
      },
      onLeadership: (ballot, isLeader) => this.#onLeadership(ballot, isLeader),
      catchUp: (slot, from) => this.catchUp.aim(slot, from, clock.monotonic()),
      onRole: (role, isUp) => this.#onRole(role, isUp),
    });
    this.roles.start(start, scan);
    options.machine.recovering?.(false);
  }

  #onLeadership(ballot: Ballot, isLeader: boolean): void {
    const now = this.#options.clock.monotonic();
    if (isLeader) this.election.onLeader(ballot, now);
    else this.election.onLeaderLost(now);
    this.#options.owner.onLeader(this.election.leader(now), this.election.leaderBallot);
  }

  #onRole(role: Role, isUp: boolean): void {
    const now = this.#options.clock.monotonic();
    if (!isUp && role === "learner") {
      this.catchUp.reset();
      this.#archive.closeAll();
      this.snapshots.cancel();
    }
    // A proposer that led is gone without a word: this replica knows it sooner than the others.
    if (!isUp && role === "proposer" && this.election.leader(now) === this.#options.id) {
      this.election.onLeaderLost(now);
      this.#options.owner.onLeader(null, this.election.leaderBallot);
    }
    this.#options.owner.onRole(role, isUp);
  }

  /** Whether the transport says that a majority cannot be reached. One that says nothing is taken to reach all. */
  get isCutOff(): boolean {
    const { replicas } = this.#options;
    return replicas - this.#unreachable.size < majorityOf(replicas);
  }

  /**
   * Whether so much was chosen without this replica that a command could not be answered before it has caught up. While a
   * role reads its own log that is not so: it soon knows what it knew before.
   */
  get isFarBehind(): boolean {
    return this.roles.learner !== null && !this.roles.isRecovering && this.catchUp.isFarBehind;
  }

  /** Frames that were no messages. */
  get malformed(): number {
    return this.#malformed;
  }

  #send(to: ReplicaId, message: Message): void {
    if (to === this.#options.id) {
      this.#local.push({ message, bytes: NO_BYTES });
      return;
    }
    this.#writer.reset();
    writeMessage(this.#writer, message);
    this.#options.transport.send(to, this.#writer.view());
  }

  /** Sends a message to the leader: this replica or another. */
  sendTo(leader: ReplicaId, message: Message): void {
    this.#send(leader, message);
  }

  /** Takes a frame. Bytes that are no message are counted and dropped: a transport checks what it carries. */
  onFrame(from: ReplicaId, body: Uint8Array): void {
    let message: Message;
    try {
      message = readMessage(body);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#malformed++;
      return;
    }
    this.#dispatch(from, message, body);
  }

  #dispatch(from: ReplicaId, message: Message, bytes: Uint8Array): void {
    const now = this.#options.clock.monotonic();
    switch (message.type) {
      case MESSAGE.hello:
        return this.membership.onHello(from, message);
      case MESSAGE.welcome:
        return this.membership.onWelcome(from, message);
      case MESSAGE.preVote:
        if (this.membership.mayVote) this.election.onPreVote(from, message, this.#highestSeen(), now);
        return;
      case MESSAGE.preVoteReply:
        this.catchUp.aim(message.chosen, from, now);
        if (this.roles.proposer === null || this.roles.proposer.isLeading) return;
        this.roles.proposer.onBallot(message.seen);
        if (this.election.onPreVoteReply(from, message, now) && this.membership.mayVote) this.roles.proposer.campaign();
        return;
      case MESSAGE.prepare:
        if (!this.membership.mayVote || this.roles.acceptor?.lease.forbids(message.ballot, now) === true) return;
        if (from !== this.#options.id) this.roles.proposer?.onBallot(message.ballot);
        this.roles.acceptor?.onPrepare(from, message);
        return;
      case MESSAGE.promise:
        if (this.membership.isKnown(from, message.tag)) this.roles.proposer?.onPromise(from, message, now);
        return;
      case MESSAGE.nack:
        if (this.roles.proposer?.ballot === message.ballot) this.roles.proposer.onBallot(message.promised);
        return;
      case MESSAGE.accept:
        if (from === replicaOf(message.ballot)) this.#onAccept(from, message, bytes, now);
        return;
      case MESSAGE.accepted:
        if (this.membership.isKnown(from, message.tag)) this.roles.proposer?.onAccepted(from, message, now);
        return;
      case MESSAGE.heartbeat:
        if (from === replicaOf(message.ballot)) this.#onHeartbeat(from, message, now);
        return;
      case MESSAGE.heartbeatReply:
        if (!this.membership.isKnown(from, message.tag)) return;
        // A leader whose majority did not know of the newest chosen slots hears of them from the rest.
        this.catchUp.aim(message.chosen, from, now);
        this.roles.proposer?.onHeartbeatReply(from, message, now);
        return;
      case MESSAGE.forward:
        return this.#onForward(from, message);
      case MESSAGE.readRequest:
        this.roles.proposer?.onRead(from, message.life, message.id, now);
        return;
      case MESSAGE.readReply:
        if (message.life === this.life) this.#options.owner.onReadReply(message.id, message.slot);
        return;
      case MESSAGE.learn:
        if (this.roles.learner !== null) this.#archive.onLearn(from, message);
        return;
      case MESSAGE.learned:
        if (this.roles.learner !== null) this.catchUp.onLearned(from, message, now);
        return;
      case MESSAGE.fetchSnapshot:
        return this.#archive.onFetch(from, message);
      case MESSAGE.snapshotPart:
        if (this.roles.learner !== null) this.catchUp.onSnapshotPart(from, message, now);
        return;
    }
  }

  #highestSeen(): number {
    return Math.max(this.roles.acceptor?.promised ?? NO_BALLOT, this.roles.proposer?.seen ?? NO_BALLOT);
  }

  #onForward(from: ReplicaId, message: Forward): void {
    if (this.roles.proposer?.isLeading !== true) return;
    const batch = from === this.#options.id ? message.batch : message.batch.slice();
    this.roles.proposer.onForward(from, { ...message, batch });
  }

  /** A sign of life of a leader, unless a higher ballot is promised here; tells the owner of a new one. */
  #onLeader(from: ReplicaId, ballot: number, chosen: number, now: number): void {
    if (ballot >= (this.roles.acceptor?.promised ?? NO_BALLOT)) {
      if (from !== this.#options.id) this.roles.proposer?.onBallot(ballot);
      const before = this.election.leader(now);
      const isNew = this.election.onLeader(ballot, now);
      if (isNew || before === null) this.#options.owner.onLeader(this.election.leader(now), ballot);
    }
    // What a leader knows to be chosen stays true when it is deposed.
    const learner = this.roles.learner;
    if (learner === null) return;
    learner.onChosen(ballot, chosen);
    if (learner.told > learner.chosen) this.catchUp.aim(learner.told, from, now);
  }

  #onAccept(from: ReplicaId, message: Accept, bytes: Uint8Array, now: number): void {
    if (this.membership.mayVote && this.roles.acceptor !== null) {
      this.roles.acceptor.onAccept(from, message, bytes);
      this.roles.learner?.onAccepted();
    }
    this.#onLeader(from, message.ballot, message.chosen, now);
  }

  #onHeartbeat(from: ReplicaId, message: Heartbeat, now: number): void {
    if (this.membership.mayVote) this.roles.acceptor?.onHeartbeat(from, message, now);
    this.#onLeader(from, message.ballot, message.chosen, now);
  }

  /** A peer can be reached, or not any more. */
  onPeer(peer: ReplicaId, isConnected: boolean): void {
    if (isConnected) this.#unreachable.delete(peer);
    else this.#unreachable.add(peer);
    if (isConnected) return;
    this.#archive.close(peer);
    this.election.onDisconnected(peer, this.#options.clock.monotonic());
  }

  /** Records up to `position` will survive a crash. */
  onDurable(position: number): void {
    this.membership.onDurable(position);
    this.roles.acceptor?.onDurable(position);
    this.roles.proposer?.onDurable(position, this.#options.clock.monotonic());
  }

  /**
   * Lets roles answer each other; called at the end of every handler. What was chosen is left to {@link apply}, as long as
   * that is not too much; returns whether something is left.
   */
  settle(): boolean {
    for (let next = 0; next < this.#local.length; next++) {
      const { message, bytes } = this.#local[next]!;
      this.#dispatch(this.#options.id, message, bytes);
    }
    this.#local.length = 0;
    const { learner, proposer } = this.roles;
    if (learner !== null && learner.chosen - learner.applied > MAX_LEFT_SLOTS) learner.step();
    proposer?.onWatermark(this.roles.watermark, this.#options.clock.monotonic());
    this.#tellApplied();
    const { mayVote, refusedBy } = this.membership;
    if (mayVote !== this.#mayVote || refusedBy !== this.#refusedBy) {
      this.#mayVote = mayVote;
      this.#refusedBy = refusedBy;
      this.#options.owner.onMembership(mayVote, refusedBy);
    }
    return learner !== null && learner.applied < learner.chosen || this.#local.length > 0;
  }

  /** Applies what was chosen, as much as may be done at once. {@link settle} tells whether there is more. */
  apply(): void {
    this.roles.learner?.step();
    this.#tellApplied();
  }

  #tellApplied(): void {
    const { learner } = this.roles;
    // A learner that is new may have come further by a snapshot, without applying anything.
    if (learner === null || learner === this.#toldOf.learner && learner.applied === this.#toldOf.applied) return;
    this.#toldOf = { learner, applied: learner.applied };
    this.#options.owner.onApplied();
  }

  /** Proposes what has gathered in this turn. */
  flush(): void {
    this.roles.proposer?.flush(this.#options.clock.monotonic());
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    const proposer = this.roles.proposer;
    const election = proposer === null || proposer.isLeading || !this.membership.mayVote
      ? Number.POSITIVE_INFINITY
      : this.election.deadline;
    const catchUp = this.roles.learner === null ? Number.POSITIVE_INFINITY : this.catchUp.deadline;
    return Math.min(
      election,
      catchUp,
      proposer?.deadline ?? Number.POSITIVE_INFINITY,
      this.membership.deadline,
    );
  }

  /** Does what is due. */
  onTick(): void {
    const now = this.#options.clock.monotonic();
    this.membership.onTick(now);
    if (this.roles.learner !== null) this.catchUp.onTick(now);
    const proposer = this.roles.proposer;
    if (proposer === null) return;
    proposer.onTick(now);
    if (!proposer.isLeading && this.membership.mayVote) this.election.onTick(now, proposer.nextBallot);
  }

  /** Lets go of what is held; nothing is called afterwards. */
  close(): void {
    this.#archive.closeAll();
    this.catchUp.reset();
    this.snapshots.close();
  }

  #install(header: Uint8Array): ReturnType<SnapshotStore["install"]> {
    const { id, owner } = this.#options;
    return this.snapshots.install(header, {
      isNewer: (slot) => slot > (this.roles.learner?.chosen ?? Number.POSITIVE_INFINITY),
      onReplaced: (slot, origins) => {
        const told = this.roles.learner?.lastTold;
        this.roles.startLearner({ slot, origins }, told === undefined ? [] : [told]);
        owner.onSkipped(origins.lastOf(id, this.life));
        owner.onInstalled(slot);
      },
      turn: (action) => owner.turn(action),
    });
  }
}
