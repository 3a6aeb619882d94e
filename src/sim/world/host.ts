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

/** A server for one life. */
export interface Host {
  /** Takes commands; the simulator starts it. */
  readonly replication: Replication;
  /** Answers reads after a barrier, and feeds watches. */
  readonly store: KVStore;
  /** What it writes to, for invariants. */
  readonly log: Log;
}

/** Makes a server. May throw as opening a log may: then this life ends before it began. */
export type HostFactory = (context: HostContext) => Host;
