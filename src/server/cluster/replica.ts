/**
 * One replica of several: its place among the others, the ways to them, and the protocol that replicates over them. The
 * server around it opens the doors, through which the others come in too.
 *
 * @module
 */
import { createLinks, type Links } from "./links.ts";
import { protocolOf, type ProtocolParts, type ReplicaOptions, type RunningProtocol } from "./options.ts";
import { replicateByPaxos } from "./paxos_replica.ts";
import { replicateByTwoPhaseCommit } from "./two_phase_replica.ts";

/** A replica, before it is started. */
export interface Replica extends RunningProtocol, Omit<Links, "transport"> {}

const HTTP_PORT_OFFSET = 1000;

/**
 * Puts a replica together.
 *
 * @throws {RangeError} for a place among the others that cannot be meant
 */
export function createReplica(options: ReplicaOptions): Replica {
  const { cluster, origin, store, secret, tls, logger, parts } = options;
  const { transport, ...doors } = createLinks({
    id: cluster.id,
    peers: cluster.peers,
    origin,
    transport: cluster.transport ?? "tcp",
    httpPortOffset: cluster.httpPortOffset ?? HTTP_PORT_OFFSET,
    secret,
    tls,
    maxCommand_bytes: store.limits.maxCommandBytes,
    logger,
    route: parts.route,
  });
  const own: ProtocolParts = { ...options, transport: parts.aroundTransport(transport) };
  return { ...doors, ...protocolOf(cluster) === "2pc" ? replicateByTwoPhaseCommit(own) : replicateByPaxos(own) };
}
