/**
 * A server as the simulator runs it: what it is given, and what it must show. A replication protocol joins the
 * simulator by a {@link HostFactory}.
 *
 * @module
 */
import type { Replication } from "../../core/replication.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import type { SimRandom } from "./sim_random.ts";

/** What a server is given for one life, from its start to its end. */
export interface HostContext {
  /** Which replica it is, counted from 0. */
  readonly id: ReplicaId;
  /** How many there are. */
  readonly replicas: number;
  /** Its disk: what earlier lives made durable is there. */
  readonly disk: Disk;
  /** Its clock: wall time may jump, and nothing is called after the end of this life. */
  readonly clock: Clock;
  /** Another stream in every life. */
  readonly random: SimRandom;
  /** Its way to the other replicas. */
  readonly transport: Transport;
}

/**
 * The roles of a replica that can die and come back one by one while the rest of it goes on. A role that has crashed
 * has lost everything volatile.
 */
export interface HostRoles {
  /** What they are called, such as `acceptor`. */
  readonly names: readonly string[];
  /** Ends a role, which runs. */
  crash(role: string): void;
  /** Starts a role again, which has crashed. */
  restart(role: string): void;
}

/** Who is told what a replica learns. */
export interface HostObserver {
  /**
   * The replica has learnt that a value is chosen in a slot, as far as it can tell for good. `digest` stands for the
   * value: 32 bits that are equal on all replicas for equal values. May be called again for a slot.
   */
  onChosen(slot: number, digest: number): void;
  /** Something that people want to see in a trace, such as `leads with ballot 2.1`. */
  onNote(text: string): void;
}

/** A server for one life. */
export interface Host {
  /** Takes commands; the simulator starts it. */
  readonly replication: Replication;
  /** Answers reads after a barrier, and feeds watches. */
  readonly store: KVStore;
  /** What it writes to, for invariants. */
  readonly log: Log;
  /** Its roles, when it has any that can crash one by one. */
  readonly roles?: HostRoles;
  /** Names who is told what it learns. Called once, before the server is started. */
  readonly observe?: (observer: HostObserver) => void;
}

/** Makes a server. May throw as opening a log may: then this life ends before it began. */
export interface HostFactory {
  (context: HostContext): Host;
  /** Says in a few words what a frame between replicas is, such as `Accept ballot=2.1 slot=7`. */
  readonly describe?: (frame: Uint8Array) => string;
}

/** The same factory with words for its frames. */
export function withDescriptions(
  factory: (context: HostContext) => Host,
  describe: ((frame: Uint8Array) => string) | undefined,
): HostFactory {
  const make = (context: HostContext): Host => factory(context);
  return describe === undefined ? make : Object.assign(make, { describe });
}
