/**
 * What the wiring of a replica's roles is given, and what it tells the one who gave it.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Random } from "../../ports/random.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import type { Completion, Role, StateMachine } from "../replication.ts";
import type { PaxosTimes } from "./options.ts";
import type { BatchName } from "./value.ts";

/** What a node is made of. */
export interface NodeOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly transport: Transport;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly machine: StateMachine;
  readonly times: PaxosTimes;
  readonly leaseReads: boolean;
  readonly cache_bytes: number;
  readonly catchUp_bytes: number;
  readonly snapshotEvery_bytes: number;
  readonly snapshotSlice_bytes: number;
  /** Told of every slot's value when it is applied. */
  readonly onChosen: ((slot: number, value: Uint8Array) => void) | undefined;
  /** What the owner is told. */
  readonly owner: NodeOwner;
}

/** What a node tells its owner. */
export interface NodeOwner {
  /** Runs `action` as a handler: something outside has ended. */
  turn(action: () => void): void;
  /** Who waits for the results of a batch of this replica that is about to be applied. */
  waiting(batch: BatchName): readonly Completion[] | null;
  /** Batches of this life up to `number` are part of a snapshot that has replaced the state. */
  onSkipped(number: number): void;
  /** Another leader was heard, or this replica has begun or ceased to lead. */
  onLeader(leader: ReplicaId | null, ballot: number): void;
  /** A read request was answered. */
  onReadReply(id: number, slot: number): void;
  /** Something was applied, or a role has come back. */
  onApplied(): void;
  /** A role has crashed or was started again. */
  onRole(role: Role, isUp: boolean): void;
  /** A snapshot of another replica has replaced the state. */
  onInstalled(slot: number): void;
  /** This replica may vote now, or is refused because another identity of it is remembered. */
  onMembership(mayVote: boolean, refusedBy: ReplicaId | null): void;
}
