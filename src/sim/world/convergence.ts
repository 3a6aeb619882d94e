/**
 * Whether replicas have come to one state.
 *
 * Invariant of every replicated state machine: replicas at one place of the log have one state, bit by bit.
 *
 * @module
 */
import type { SimNode } from "./sim_node.ts";

/** In words how the states of servers differ; null when all of them are up and have the same. */
export function differenceOf(nodes: readonly SimNode[]): string | null {
  const [first] = nodes;
  for (const node of nodes) {
    const { refusal } = node.status;
    const why = refusal === null ? "is down" : `refuses to start (${refusal.message})`;
    if (node.store === null) return `server ${node.id + 1} ${why}`;
  }
  for (const node of nodes) {
    const [store, other] = [first!.store!, node.store!];
    if (store.revision === other.revision && store.hash() === other.hash()) continue;
    const told = [first!, node].map(({ id, store: each }) =>
      `server ${id + 1} has revision ${each!.revision}, ${each!.size} keys, ${each!.sessions} sessions, ` +
      `hash ${each!.hash()}`
    );
    return told.join(", ");
  }
  return null;
}
