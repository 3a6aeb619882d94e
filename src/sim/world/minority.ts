/**
 * Replicas that stay broken for a while after faults have ended for the others: what is promised as long as a majority is
 * well must hold without them.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { shuffled } from "./partitions.ts";
import type { SimRandom } from "./sim_random.ts";

/** How a replica stays broken: `cutOff` from replicas and clients, `alone` from replicas only. */
export const BROKEN_KINDS = ["down", "cutOff", "alone", "slow"] as const;

/** How a replica stays broken. */
export type BrokenKind = typeof BROKEN_KINDS[number];

/** Which replicas stay broken, and how. */
export type Broken = ReadonlyMap<ReplicaId, BrokenKind>;

/** Nobody stays broken. */
export const NOBODY: Broken = new Map();

/**
 * Draws who stays broken, at least one if possible: at most `tolerated` replicas together with those of `damaged`, whose
 * disks have been damaged and who may be down for good.
 */
export function drawBroken(
  random: SimRandom,
  replicas: number,
  tolerated: number,
  damaged: ReadonlySet<ReplicaId>,
): Broken {
  const room = tolerated - damaged.size;
  if (room <= 0) return NOBODY;
  const healthy = Array.from({ length: replicas }, (_, id) => id).filter((id) => !damaged.has(id));
  const chosen = shuffled(random, healthy).slice(0, random.between(1, room));
  return new Map(chosen.map((id) => [id, random.pick(BROKEN_KINDS)]));
}
