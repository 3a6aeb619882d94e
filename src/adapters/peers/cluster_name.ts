/**
 * What replicas call their cluster. Only those that call it the same hear each other, so the name has everything that must
 * be the same: the list of the replicas, and the state that they began with.
 *
 * @module
 */

const ORIGIN = "#snapshot-";

/** The name of the cluster of `peers`, which began with the snapshot of this digest, or empty. */
export function clusterName(peers: readonly string[], origin: string | null): string {
  return peers.join(",") + (origin === null ? "" : ORIGIN + origin);
}

/** Why two replicas do not belong together whose names for their cluster differ. `who` is the one that speaks. */
export function describeOtherCluster(who: string, own: string, other: string): string {
  const [ownPeers, ownOrigin] = split(own);
  const [otherPeers, otherOrigin] = split(other);
  if (ownPeers !== otherPeers) {
    return `${who} is one of the replicas ${ownPeers}, the caller one of ${otherPeers}; give every replica the same list`;
  }
  return `${who} began ${beginning(ownOrigin)}, the caller ${
    beginning(otherOrigin)
  }; replicas that began with different ` +
    "states cannot form a cluster: start every one of them on a new data directory with --restore of the same file";
}

function split(name: string): readonly [peers: string, origin: string | null] {
  const at = name.indexOf(ORIGIN);
  return at < 0 ? [name, null] : [name.slice(0, at), name.slice(at + ORIGIN.length)];
}

function beginning(origin: string | null): string {
  return origin === null ? "empty" : `with the snapshot ${origin.slice(0, 12)}`;
}
