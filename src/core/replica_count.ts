/**
 * How many replicas a cluster may have, under every protocol: as many as fit into a set of bits.
 *
 * @module
 */
import type { ReplicaId } from "../ports/transport.ts";

/** The most replicas of a cluster. */
export const MAX_REPLICAS = 31;

/**
 * Makes sure that there can be such a replica.
 *
 * @throws {RangeError} when there cannot
 */
export function checkReplica(id: ReplicaId, replicas: number): void {
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > MAX_REPLICAS) {
    throw new RangeError(`replicas is ${replicas}; it is a whole number from 1 to ${MAX_REPLICAS}`);
  }
  if (!Number.isInteger(id) || id < 0 || id >= replicas) {
    throw new RangeError(`id is ${id}; replicas are counted from 0 to ${replicas - 1}`);
  }
}
