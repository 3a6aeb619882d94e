/**
 * What a replica is made of, whatever its protocol, and what a protocol is to the replica around it.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import type { PeerTls } from "../../adapters/peers/peer_tls.ts";
import { addressText } from "../../adapters/socket_errors.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { PaxosTimes } from "../../core/paxos/options.ts";
import type { Replication } from "../../core/replication.ts";
import type { SnapshotOptions } from "../../core/snapshotter.ts";
import type { TwoPhaseTimes } from "../../core/two_phase_commit/options.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import type { PaxosMetrics } from "../metrics/server_metrics.ts";
import type { ServerParts } from "../parts.ts";
import type { PeerAddress } from "./links.ts";
import type { Place } from "./place_file.ts";
import type { RoleFailureOptions } from "./role_failures.ts";

/** The protocols between replicas. */
export type ClusterProtocol = "2pc" | "paxos";

/** A replica's place among the others. */
export interface ClusterOptions {
  /** Which of the {@link peers} this server is, counted from 0. */
  readonly id: ReplicaId;
  /** The replicas, this one included: the same list in the same order on all of them. Ports are those of TCP. */
  readonly peers: readonly PeerAddress[];
  /** How writes are replicated, on all replicas alike: two-phase commit or Multi-Paxos. @default "paxos" */
  readonly protocol?: ClusterProtocol;
  /** How replicas reach each other: over TCP at the port of the clients, or over HTTP. @default "tcp" */
  readonly transport?: "tcp" | "http";
  /** How far the HTTP port of every replica is above its TCP port; looked at when they talk over HTTP. @default 1000 */
  readonly httpPortOffset?: number;
  /** Lets roles crash at random times. Roles are those of Multi-Paxos. @default nothing crashes */
  readonly failures?: RoleFailureOptions | null;
  /**
   * Lets a leader of Multi-Paxos answer reads within a lease, on all replicas alike: see PaxosOptions. @default false
   */
  readonly leaseReads?: boolean;
  /** How long things may take under Multi-Paxos. @default see PaxosTimes */
  readonly times?: Partial<PaxosTimes>;
  /** How long things may take under two-phase commit. @default see TwoPhaseTimes */
  readonly twoPhaseTimes?: Partial<TwoPhaseTimes>;
}

/** What a replica is made of. */
export interface ReplicaOptions extends Partial<SnapshotOptions> {
  readonly cluster: ClusterOptions;
  /** The digest of the snapshot that the data began with; null when it began empty. */
  readonly origin: string | null;
  readonly log: Log;
  readonly store: KVStore;
  /** What the replicas prove to each other that they know; null for nothing. */
  readonly secret: string | null;
  /** The TLS that they speak with each other; null for none. */
  readonly tls: PeerTls | null;
  readonly logger: Logger;
  readonly parts: ServerParts;
  /** Where what only Multi-Paxos has is counted. */
  readonly metrics: PaxosMetrics;
}

/** What a protocol is made of, beside its own options: {@link ReplicaOptions} and the way to the others. */
export interface ProtocolParts extends ReplicaOptions {
  readonly transport: Transport;
}

/** A protocol that runs. What an operator should hear of it goes to the logger. */
export interface RunningProtocol {
  readonly replication: Replication;
  /** Joins the others. */
  start(): Promise<void>;
  /** Finishes what was accepted, if the others help, and stops. Closes the log and the transport. */
  close(): Promise<void>;
}

/** The protocol of a cluster. */
export function protocolOf({ protocol = "paxos" }: ClusterOptions): ClusterProtocol {
  return protocol;
}

/** Which replica of which list it is, as text. */
export function placeOf({ id, peers }: ClusterOptions): Place {
  const addresses = peers.map(addressText);
  return { address: addresses[id] ?? `replica ${id}`, peers: addresses };
}

/** A replica for log lines, counted from 1. */
export function nameOf(replica: ReplicaId, { id, peers }: ClusterOptions): string {
  const peer = peers[replica];
  if (replica === id || peer === undefined) return replica === id ? "this replica" : `replica ${replica + 1}`;
  return `replica ${replica + 1} (${addressText(peer)})`;
}
