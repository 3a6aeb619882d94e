/**
 * What a log says besides the values of slots: what the roles were when they last said something durable.
 *
 * Invariant: none of it ever goes back, so reading a log from any of its snapshots on gives the same.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { type Ballot, NO_BALLOT } from "./ballot.ts";
import { type PaxosRecord, RECORD } from "./records.ts";
import type { SnapshotHeader } from "./snapshot_header.ts";

/** The facts of one log. */
export class LogFacts {
  /** The highest ballot that the acceptor has promised. */
  promised: Ballot = NO_BALLOT;
  /** The highest round that the proposer has used. */
  round = 0;
  /** How often the replica was started. */
  life = 0;
  /** Whether enough others know this replica for it to vote. */
  isJoined = false;
  /** By which identity each other replica is known. */
  readonly identities: Map<ReplicaId, Uint8Array> = new Map();

  /** Takes over what a snapshot, or another reading of the log, says. */
  onFacts(facts: Pick<SnapshotHeader, "promised" | "round" | "life" | "isJoined" | "identities">): void {
    this.promised = Math.max(this.promised, facts.promised);
    this.round = Math.max(this.round, facts.round);
    this.life = Math.max(this.life, facts.life);
    this.isJoined ||= facts.isJoined;
    for (const [replica, identity] of facts.identities) this.identities.set(replica, identity);
  }

  /** Takes over what a record says. */
  onRecord(record: PaxosRecord): void {
    switch (record.type) {
      case RECORD.accept:
      case RECORD.promise:
        this.promised = Math.max(this.promised, record.ballot);
        return;
      case RECORD.round:
        this.round = Math.max(this.round, record.round);
        return;
      case RECORD.life:
        this.life = Math.max(this.life, record.life);
        return;
      case RECORD.peer:
        this.identities.set(record.replica, record.identity);
        return;
      case RECORD.joined:
        this.isJoined = true;
        return;
      case RECORD.learned:
        return;
    }
  }
}
