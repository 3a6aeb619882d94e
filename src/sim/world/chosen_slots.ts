/**
 * Agreement slot by slot: what replicas say that they have learnt is chosen.
 *
 * Invariant of every consensus protocol: a slot has one value for all replicas and for ever.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";

/** What was learnt to be chosen so far. */
export class ChosenSlots {
  readonly #slots = new Map<number, { readonly digest: number; readonly by: ReplicaId }>();

  /** How many slots there are. */
  get size(): number {
    return this.#slots.size;
  }

  /** Takes what a replica says; in words what is wrong with it, or null. */
  learn(replica: ReplicaId, slot: number, digest: number): string | null {
    const known = this.#slots.get(slot);
    if (known === undefined) {
      this.#slots.set(slot, { digest, by: replica });
      return null;
    }
    if (known.digest === digest) return null;
    return `slot ${slot} has the value ${hex(known.digest)} for server ${known.by + 1} and ${hex(digest)} for server ` +
      `${replica + 1}`;
  }
}

function hex(digest: number): string {
  return (digest >>> 0).toString(16).padStart(8, "0");
}
