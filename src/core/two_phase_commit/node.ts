/**
 * One replica's coordinator and participant, wired to each other and to the outside: takes messages, the end of syncs and
 * the passing of time, and lets out what comes of it, all of a turn for one replica in one frame.
 *
 * Invariants:
 * - A replica that may not vote says who it is and nothing else, and hears nothing else. With a log went its votes and its
 *   decisions: it could take a transaction that it has voted for as one that it has committed, and one that it has decided
 *   as one that it has aborted.
 * - Nothing is heard of a log that is not the one noted, durably, for its sender.
 * - What a part says to the other of the same replica waits until the handler that said it is done.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { Membership, tagOf } from "../membership.ts";
import { Snapshotter } from "../snapshotter.ts";
import { Coordinator, type Hindrance } from "./coordinator.ts";
import { HybridClock } from "./hybrid_clock.ts";
import { readFrame } from "./message_codec.ts";
import { type Frame, MESSAGE, type Message } from "./messages.ts";
import type { ResolvedTwoPhaseOptions, TwoPhaseEvent } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Participant } from "./participant.ts";
import { Peers } from "./peers.ts";
import { encodeRecord, RECORD, type TwoPhaseRecord } from "./records.ts";
import { missingReason, newReason, refusedReason, strangerReason } from "./refusals.ts";
import { encodeHeader, recoverFrom, withHeader } from "./snapshots.ts";
import { describeTransaction } from "./status.ts";
import { formatId } from "./transaction_id.ts";

/** Coordinator and participant of one replica. */
export class TwoPhaseNode {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly coordinator: Coordinator;
  readonly participant: Participant;
  readonly membership: Membership;
  readonly peers: Peers;
  readonly snapshotter: Snapshotter;
  readonly #options: ResolvedTwoPhaseOptions;
  readonly #onEvent: (event: TwoPhaseEvent) => void;
  readonly #order: HybridClock;
  readonly #outbox: Outbox;
  /** Records that go to the log right before the next one. */
  readonly #withNext: TwoPhaseRecord[] = [];
  /** Prepares may leave when the record of this life is durable. */
  readonly #lifeAt: number;
  #isAlive = false;
  #applied = 0;
  #appliedPosition = 0;
  #durable = 0;
  /** While the log is read there is nothing yet that a snapshot could say of the members. */
  #isRecovering = true;
  /** The position of the stored snapshot, or of the one being written. */
  #snapshotAt = 0;
  /** What was told of the members. */
  #mayVote = false;
  #refusedBy: ReplicaId | null = null;
  readonly #strangers = new Set<ReplicaId>();

  /** A replica whose log and snapshot have been read into its machine when this returns. */
  constructor(options: ResolvedTwoPhaseOptions, onEvent: (event: TwoPhaseEvent) => void) {
    const { id, replicas, log, clock, transport, random, times, stateMachine: machine } = options;
    this.#options = options;
    this.#onEvent = onEvent;
    this.id = id;
    this.replicas = replicas;
    this.#order = new HybridClock(() => clock.now());
    this.#outbox = new Outbox(id, tagOf(log.identity), transport);
    const send = (to: ReplicaId, message: Message): void => this.#send(to, message);
    const append = (record: TwoPhaseRecord): number => {
      for (const early of this.#withNext.splice(0)) log.append(encodeRecord(early));
      return log.append(encodeRecord(record));
    };
    const shared = { id, replicas, clock: this.#order, send, append, random: () => random.next() };
    this.coordinator = new Coordinator({
      ...shared,
      wallTime: () => clock.now(),
      conflicts: (command) => machine.conflicts?.(command) ?? null,
      freeKeys: () => this.participant.freeKeys(),
      times,
      hindrance: () => this.hindrance,
    });
    this.participant = new Participant({
      ...shared,
      machine,
      appendWithNext: (record) => void this.#withNext.push(record),
      onApplied: (transaction, commands, results) => {
        this.#applied += results.length;
        this.coordinator.onApplied(transaction, results);
        this.#onApplied(commands.length);
      },
      onInDoubt: (entry) => this.#onEvent({ type: "inDoubt", ...describeTransaction(entry, clock.monotonic()) }),
      onResolved: ({ id: transaction, since }, isCommitted) =>
        this.#onEvent({
          type: "resolved",
          transaction: formatId(transaction),
          isCommitted,
          age_ms: clock.monotonic() - since,
        }),
      retry_ms: times.retry_ms,
      doubt_ms: times.doubt_ms,
    });
    const withState = { snapshot: () => withHeader(this.#header(), machine.snapshot()) };
    this.snapshotter = new Snapshotter(log, clock, withState, options, (position) => log.truncate(position));
    const now = clock.monotonic();
    const known = this.#recover(now);
    this.membership = new Membership(known, now, {
      id,
      replicas,
      identity: log.identity,
      // Every vote counts here: whoever had voted would be missed by somebody else.
      witnesses: replicas - 1,
      notePeer: (replica, identity) => append({ type: RECORD.peer, replica, identity }),
      noteJoined: () => append({ type: RECORD.joined }),
      send,
      retry_ms: times.retry_ms,
    });
    this.peers = new Peers(now, {
      id,
      replicas,
      silence_ms: times.prepare_ms,
      probe: (to) => this.membership.greet(to),
      onMissing: (replica, isMissing) => {
        this.#onEvent({ type: "missing", replica, isMissing });
        if (!isMissing) this.#onPeerBack(replica);
      },
    });
    this.#lifeAt = this.coordinator.begin();
    this.participant.advance();
  }

  #recover(now: number): { readonly isJoined: boolean; readonly identities: ReadonlyMap<ReplicaId, Uint8Array> } {
    const identities = new Map<ReplicaId, Uint8Array>();
    let isJoined = false;
    const take = (record: TwoPhaseRecord): void => {
      if (record.type === RECORD.peer) identities.set(record.replica, record.identity);
      if (record.type === RECORD.joined) isJoined = true;
      this.coordinator.recover(record, now);
      this.participant.recover(record, now);
    };
    const { log, stateMachine, replicas } = this.#options;
    stateMachine.recovering?.(true);
    this.#snapshotAt = recoverFrom(log, stateMachine, replicas, {
      onHeader: ({ clock, records }) => {
        this.#order.observe(clock);
        for (const record of records) take(record);
      },
      onRecord: (record, position) => {
        take(record);
        this.#durable = position;
        this.participant.advance();
      },
    });
    stateMachine.recovering?.(false);
    this.#durable = log.durablePosition;
    this.#appliedPosition = this.#durable;
    this.#isRecovering = false;
    return { isJoined, identities };
  }

  #header(): Uint8Array {
    const { life } = this.coordinator;
    const { isJoined, identities } = this.membership.known;
    const members: TwoPhaseRecord[] = [];
    for (const [replica, identity] of identities) members.push({ type: RECORD.peer, replica, identity });
    if (isJoined) members.push({ type: RECORD.joined });
    return encodeHeader({
      replicas: this.replicas,
      clock: this.#order.latest,
      records: [{ type: RECORD.life, life }, ...members, ...this.participant.records(), ...this.coordinator.records()],
    });
  }

  #onApplied(bytes: number): void {
    if (!this.snapshotter.isDue(bytes) || this.#isRecovering || this.#durable < 1 || this.#durable < this.#snapshotAt) {
      return;
    }
    this.#snapshotAt = this.#durable;
    this.snapshotter.begin(this.#durable);
  }

  /** How many commands were applied since the start. */
  get applied(): number {
    return this.#applied;
  }

  /** The log position up to which the machine has applied. */
  get appliedPosition(): number {
    return this.#appliedPosition;
  }

  /** What keeps every write from going through at the moment, or null. */
  get hindrance(): Hindrance | null {
    const { refusedBy, mayVote, unmet, strangers } = this.membership;
    const { missing } = this.peers;
    const isPassing = false;
    if (refusedBy !== null) return { reason: refusedReason(refusedBy), replicas: [this.id], isPassing };
    if (strangers.length > 0) return { reason: strangerReason(strangers), replicas: strangers, isPassing };
    if (missing.length > 0) return { reason: missingReason(missing), replicas: missing, isPassing };
    return mayVote ? null : { reason: newReason(unmet), replicas: unmet, isPassing: true };
  }

  /** Whether commands may go now that {@link flush} has not sent. */
  get wantsFlush(): boolean {
    return this.#isAlive && this.membership.mayVote && this.coordinator.wantsFlush || this.#outbox.hasMessages;
  }

  /** Whether something is under way, so that {@link onTick} has to be called often. */
  get isBusy(): boolean {
    return this.coordinator.isBusy || this.participant.isBusy;
  }

  /** When {@link onTick} wants to be called at the latest. */
  get deadline(): number {
    return Math.min(this.membership.deadline, this.peers.deadline);
  }

  #send(to: ReplicaId, message: Message): void {
    const isPersonal = message.type === MESSAGE.hello || message.type === MESSAGE.welcome;
    if (isPersonal || this.membership.mayVote) this.#outbox.send(to, message);
  }

  /** Takes a frame. Bytes that are none, such as those of another version, are as good as lost. */
  onFrame(from: ReplicaId, body: Uint8Array): void {
    let frame: Frame;
    try {
      frame = readFrame(body);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return;
    }
    const now = this.#options.clock.monotonic();
    this.peers.heard(from, now);
    const isKnown = this.membership.isKnown(from, frame.tag);
    for (const message of frame.messages) {
      if (message.type === MESSAGE.hello) {
        const isNew = !this.membership.known.identities.has(from);
        this.membership.onHello(from, message);
        // It may have begun to listen only now: what this replica said to it at first was lost then.
        if (isNew) this.membership.greet(from);
        // Perhaps it has just begun a new life.
        if (isKnown) this.#onPeerBack(from);
      } else if (message.type === MESSAGE.welcome) this.membership.onWelcome(from, message);
      else if (isKnown && this.membership.mayVote) this.#dispatch(from, message, now);
    }
  }

  #dispatch(from: ReplicaId, message: Message, now: number): void {
    switch (message.type) {
      case MESSAGE.prepare:
      case MESSAGE.go:
      case MESSAGE.abort:
        this.participant.onMessage(from, message, now);
        return;
      case MESSAGE.inquire:
        this.coordinator.onInquire(from, message.ids);
        this.participant.onMessage(from, message, now);
        return;
      case MESSAGE.vote:
      case MESSAGE.waiting:
      case MESSAGE.wound:
      case MESSAGE.acknowledge:
        if (message.id.coordinator === this.id) this.coordinator.onMessage(from, message, now);
    }
  }

  #onPeerBack(peer: ReplicaId): void {
    this.coordinator.onPeerBack(peer);
    this.participant.onPeerBack(peer);
  }

  /** The transport has found a way to a replica, or lost it. */
  onPeer(peer: ReplicaId, isConnected: boolean): void {
    this.#onEvent({ type: "peer", peer, isConnected });
    this.peers.onPeer(peer, isConnected, this.#options.clock.monotonic());
    if (isConnected) this.#onPeerBack(peer);
  }

  /** Lets out what rests on records up to `position`. */
  onDurable(position: number): void {
    this.#durable = position;
    if (position >= this.#lifeAt) this.#isAlive = true;
    this.membership.onDurable(position);
    this.coordinator.onDurable(position, this.#options.clock.monotonic());
    const applied = this.#applied;
    this.participant.onDurable(position);
    if (this.#applied > applied) this.#appliedPosition = position;
  }

  /** Does what is due. */
  onTick(): void {
    const now = this.#options.clock.monotonic();
    this.membership.onTick(now);
    this.peers.onTick(now);
    this.coordinator.onTick(now);
    this.participant.onTick(now, this.#options.times.patience_ms);
  }

  /** The end of a handler: what this replica has said to itself is heard, and the owner hears of changes. */
  settle(): void {
    const now = this.#options.clock.monotonic();
    for (let local = this.#outbox.takeLocal(); local.length > 0; local = this.#outbox.takeLocal()) {
      for (const message of local) this.#dispatch(this.id, message, now);
    }
    const { mayVote, refusedBy, strangers } = this.membership;
    if (refusedBy !== null && this.#refusedBy === null) this.#onEvent({ type: "refused", by: refusedBy });
    if (mayVote && !this.#mayVote) this.#onMember();
    this.#refusedBy = refusedBy;
    this.#mayVote = mayVote;
    for (let replica = 0; replica < this.replicas; replica++) {
      const isStranger = strangers.includes(replica);
      if (isStranger === this.#strangers.has(replica)) continue;
      if (isStranger) this.#strangers.add(replica);
      else this.#strangers.delete(replica);
      this.#onEvent({ type: "stranger", replica, isStranger });
    }
  }

  #onMember(): void {
    this.#onEvent({ type: "member" });
    // What others have asked of it before, it has not heard: they ask again whoever introduces itself.
    for (let to = 0; to < this.replicas; to++) if (to !== this.id) this.membership.greet(to);
  }

  /** The end of a turn: what came together goes out together. */
  flush(): void {
    if (this.#isAlive && this.membership.mayVote) this.coordinator.flush(this.#options.clock.monotonic());
    this.settle();
    this.#outbox.flush();
  }

  /** Tells the others that what is not decided never will be: nobody has to be in doubt about it. */
  withdraw(): void {
    this.coordinator.withdraw();
    this.#outbox.flush();
  }
}
