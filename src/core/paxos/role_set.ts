/**
 * The three roles of one replica as objects that live and die one by one. A role that has crashed has lost everything
 * that is not in the log, and begins again from there, as the whole replica does after a crash.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { tagOf } from "../membership.ts";
import type { Completion, Role, RoleStatus, StateMachine } from "../replication.ts";
import { Acceptor } from "./acceptor.ts";
import { type Ballot, makeBallot, NO_BALLOT } from "./ballot.ts";
import { LeasePromise } from "./lease.ts";
import { Learner, type LearnerStart } from "./learner.ts";
import type { LogFacts } from "./log_facts.ts";
import type { Accept, Message } from "./messages.ts";
import type { PaxosTimes } from "./options.ts";
import { Proposer } from "./proposer.ts";
import { LogScan, type Told } from "./recovery.ts";
import type { SlotLog } from "./slot_log.ts";
import type { SnapshotStore } from "./snapshot_store.ts";
import type { BatchName } from "./value.ts";

/** What the roles of a replica share. */
export interface RoleSetOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly machine: StateMachine;
  readonly times: PaxosTimes;
  /** Whether leaders are promised time in which nobody else is made leader. */
  readonly leaseReads: boolean;
  readonly slots: SlotLog;
  readonly snapshots: SnapshotStore;
  /** Sends a message, to this replica itself too. */
  readonly send: (to: ReplicaId, message: Message) => void;
  /** Sends an accept, whose bytes are there already, to this replica itself too. */
  readonly sendAccept: (to: ReplicaId, accept: Accept, bytes: Uint8Array) => void;
  /** Who waits for the results of a batch that is about to be applied; null for nobody. */
  readonly waiting: (batch: BatchName) => readonly Completion[] | null;
  /** Told of every slot's value when it is applied. */
  readonly onChosen: ((slot: number, value: Uint8Array) => void) | undefined;
  /** The proposer of this ballot has begun or ceased to lead. */
  readonly onLeadership: (ballot: Ballot, isLeader: boolean) => void;
  /** Asks for the chosen values up to `slot`, which `from` has. */
  readonly catchUp: (slot: number, from: ReplicaId) => void;
  /** A role has crashed or is back. */
  readonly onRole: (role: Role, isUp: boolean) => void;
}

/** Acceptor, proposer and learner. */
export class RoleSet {
  readonly #options: RoleSetOptions;
  readonly #status: Record<Role, { isUp: boolean; crashes: number; restarts: number }> = {
    acceptor: { isUp: true, crashes: 0, restarts: 0 },
    proposer: { isUp: true, crashes: 0, restarts: 0 },
    learner: { isUp: true, crashes: 0, restarts: 0 },
  };
  #acceptor: Acceptor | null = null;
  #proposer: Proposer | null = null;
  #learner: Learner | null = null;
  /** The reading of the log for a role that is being started again. */
  readonly #scans = new Map<Role, LogScan>();

  constructor(options: RoleSetOptions) {
    this.#options = options;
  }

  /** The acceptor, while it is up. */
  get acceptor(): Acceptor | null {
    return this.#acceptor;
  }

  /** The proposer, while it is up. */
  get proposer(): Proposer | null {
    return this.#proposer;
  }

  /** The learner, while it is up. */
  get learner(): Learner | null {
    return this.#learner;
  }

  /** The roles' figures. */
  get status(): Readonly<Record<Role, RoleStatus>> {
    return this.#status;
  }

  /** The slot up to which this replica knows every chosen value. */
  get watermark(): number {
    return Math.max(this.#learner?.chosen ?? 0, this.#options.snapshots.slot);
  }

  /** Starts all three, from what a reading of the whole log has found. */
  start(start: LearnerStart, scan: LogScan): void {
    this.startLearner(start, scan.told);
    while (this.#learner!.step());
    this.#startAcceptor(scan.facts);
    this.#startProposer(scan.facts);
  }

  /** A learner of a machine that is in the state of `start`; `told` is what leaders have said since. */
  startLearner(start: LearnerStart, told: readonly Told[]): void {
    const { slots, snapshots, machine, waiting, onChosen, clock } = this.#options;
    const learner = new Learner(start, {
      slots,
      machine,
      waiting,
      onCallerError: (error) => {
        clock.defer(() => {
          throw error;
        });
      },
      onApplied: (slot, value) => {
        onChosen?.(slot, value);
        snapshots.onApplied(slot, value.length, learner.origins);
      },
    });
    this.#learner = learner;
    for (const { ballot, slot } of told) learner.onChosen(ballot, slot);
  }

  #startAcceptor(facts: LogFacts): void {
    const { slots, log, send, clock, replicas, times, leaseReads } = this.#options;
    const tag = tagOf(log.identity);
    const lease = new LeasePromise(clock.monotonic(), leaseReads && replicas > 1 ? times.election_ms : 0);
    this.#acceptor = new Acceptor(facts.promised, { slots, tag, chosen: () => this.watermark, send, lease });
  }

  #startProposer(facts: LogFacts): void {
    const { id, replicas, slots, times, leaseReads, send, sendAccept, onLeadership, catchUp } = this.#options;
    const lastUsed = facts.round === 0 ? NO_BALLOT : makeBallot(facts.round, id);
    const proposer = new Proposer(Math.max(facts.promised, lastUsed), {
      id,
      replicas,
      slots,
      chosen: () => this.watermark,
      send,
      sendAccept,
      onChosen: (ballot, slot, value) => this.#onChosen(ballot, slot, value),
      onLeadership: (isLeader) => onLeadership(proposer.ballot, isLeader),
      catchUp,
      leaseReads,
      heartbeat_ms: times.heartbeat_ms,
      patience_ms: times.election_ms,
    });
    this.#proposer = proposer;
  }

  /** The proposer of this replica knows of chosen slots. */
  #onChosen(ballot: Ballot, slot: number, value: (slot: number) => Uint8Array | null): void {
    const learner = this.#learner;
    if (learner === null) return;
    learner.onChosen(ballot, slot);
    // The acceptor of this replica may be down: then the proposer alone has the values.
    while (learner.chosen < slot) {
      const next = value(learner.chosen + 1);
      if (next === null) return;
      learner.onLearned(learner.chosen + 1, next);
    }
  }

  /** A role crashes alone; nobody is told. Returns false when it is down already. */
  crash(role: Role): boolean {
    const status = this.#status[role];
    if (!status.isUp) return false;
    status.isUp = false;
    status.crashes++;
    if (role === "acceptor") this.#acceptor = null;
    else if (role === "proposer") this.#proposer = null;
    else this.#learner = null;
    this.#options.onRole(role, false);
    return true;
  }

  /** Starts a crashed role again. It is up when {@link recover} has read the log. */
  restart(role: Role): void {
    if (this.#status[role].isUp || this.#scans.has(role)) return;
    const { log, slots, snapshots } = this.#options;
    if (role === "acceptor") slots.beginRebuild();
    this.#scans.set(role, new LogScan(log, slots, snapshots.header));
  }

  /** Whether roles are being started. */
  get isRecovering(): boolean {
    return this.#scans.size > 0;
  }

  /** Reads on for roles that are being started; returns whether there is more to read now. */
  recover(): boolean {
    const { slots, snapshots } = this.#options;
    let hasMore = false;
    for (const [role, scan] of this.#scans) {
      const state = scan.step();
      hasMore ||= state === "more";
      if (state !== "done") continue;
      this.#scans.delete(role);
      // What was truncated while it was being read is in the snapshot that stands for it.
      const { header } = snapshots;
      if (header !== null) scan.facts.onFacts(header);
      if (role === "acceptor") {
        slots.finishRebuild();
        this.#startAcceptor(scan.facts);
      } else if (role === "proposer") {
        this.#startProposer(scan.facts);
      } else {
        this.startLearner(snapshots.restore(), scan.told);
      }
      this.#status[role].isUp = true;
      this.#status[role].restarts++;
      this.#options.onRole(role, true);
    }
    return hasMore;
  }
}
