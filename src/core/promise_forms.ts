/**
 * The promise forms of a protocol's two callback primitives, for people: front doors use the callbacks, because they
 * answer many commands a turn.
 *
 * @module
 */
import type { Replication, StateMachine } from "./replication.ts";

/** {@link Replication.submit} from {@link Replication.propose}. */
export function submitTo(replication: Pick<Replication, "propose">, command: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    replication.propose(command, (error, result) => error === null ? resolve(result) : reject(error));
  });
}

/** {@link Replication.read} from {@link Replication.barrier}. */
export function readFrom(
  replication: Pick<Replication, "barrier" | "locksKeys">,
  machine: Pick<StateMachine, "query" | "queryConflicts">,
  query: Uint8Array,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const keys = replication.locksKeys === true ? machine.queryConflicts?.(query) ?? null : null;
    replication.barrier((error) => error === null ? resolve(machine.query(query)) : reject(error), keys);
  });
}
