/**
 * Which links a partition cuts. Besides two halves there are the shapes of partial connectivity under which
 * replication protocols have stood still: rings, chains and stars, in which no replica is gone and yet not all of them see
 * each other (H. Ng, S. Haridi, P. Carbone, "Omni-Paxos: Breaking the Barriers of Partial Connectivity", EuroSys 2023).
 *
 * @module
 */
import type { EndId } from "./network.ts";
import type { SimRandom } from "./sim_random.ts";

/** The ways in which the links between replicas can be cut. */
export const PARTITION_SHAPES = ["split", "isolate", "ring", "chain", "star", "constrained", "link"] as const;

/** A way in which the links between replicas can be cut. */
export type PartitionShape = typeof PARTITION_SHAPES[number];

/** A partition. */
export interface Partition {
  /** What it is called in the trace. */
  readonly shape: PartitionShape | "sides";
  /** Whether nothing passes from one end to another. */
  readonly isCut: (from: EndId, to: EndId) => boolean;
}

/**
 * Whether two replicas see each other, by their places in `order`, a permutation of all replicas:
 *
 * - `split`: the first half, the larger one, and the rest;
 * - `isolate`: the last one is alone;
 * - `ring`: everyone sees its two neighbours;
 * - `chain`: a ring that is cut once, so that the ends see one replica each;
 * - `star`: everyone sees the first one and nobody else ("quorum loss": only the first can gather a majority);
 * - `constrained`: a star without the last one, which is alone and may be the leader ("constrained election");
 * - `link`: the first two do not see each other, and everyone else does (three replicas: "chained").
 */
export function areConnected(shape: PartitionShape, order: readonly EndId[], a: EndId, b: EndId): boolean {
  const count = order.length;
  const [low, high] = [order.indexOf(a), order.indexOf(b)].toSorted((x, y) => x - y) as [number, number];
  switch (shape) {
    case "split":
      return low < majorityOf(count) === high < majorityOf(count);
    case "isolate":
      return high < count - 1;
    case "ring":
      return high - low === 1 || high - low === count - 1;
    case "chain":
      return high - low === 1;
    case "star":
      return low === 0;
    case "constrained":
      return low === 0 && high < count - 1;
    case "link":
      return !(low === 0 && high === 1);
  }
}

/** How many of `replicas` are a majority. */
export function majorityOf(replicas: number): number {
  return Math.floor(replicas / 2) + 1;
}

/** A partition of a world with so many replicas; with `isOneWay` messages pass in one direction of every cut link. */
export function drawPartition(random: SimRandom, replicas: number, isOneWay: boolean): Partition {
  const sides = Array.from({ length: 64 }, () => random.chance(0.5));
  const side = (end: EndId): boolean => sides[end % sides.length]!;
  const divides = (from: EndId, to: EndId): boolean => isOneWay ? side(from) && !side(to) : side(from) !== side(to);
  // Two sides of clients and servers alike: with one server nothing else can be cut.
  if (replicas === 1 || random.chance(0.2)) return { shape: "sides", isCut: divides };
  const shape = random.pick(PARTITION_SHAPES);
  const order = shuffled(random, Array.from({ length: replicas }, (_, id) => id));
  const areClientsCut = random.chance(0.3);
  return {
    shape,
    isCut: (from, to) => {
      if (from >= replicas || to >= replicas) return areClientsCut && divides(from, to);
      return !areConnected(shape, order, from, to) && (!isOneWay || order.indexOf(from) < order.indexOf(to));
    },
  };
}

/** `items` in a random order. */
export function shuffled<Item>(random: SimRandom, items: readonly Item[]): Item[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}
