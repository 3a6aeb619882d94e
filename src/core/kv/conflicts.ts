/**
 * Which commands must not be prepared at the same time, for protocols that lock keys.
 *
 * Sessions are not among the locks, although every `once` changes one: the protocol applies commands in one order on all
 * replicas, and a lock on the session would only keep one client's writes from sharing their rounds.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import type { Command } from "./command.ts";
import type { EntryTable } from "./entry_table.ts";

/** The keys that a command reads or writes, each once; null for everything: ranges, and what changes sessions or expires. */
export function conflictsOf(command: Command): readonly Key[] | null {
  const keys = new Set<Key>();
  return collect(command, keys) ? [...keys] : null;
}

/** Whether the keys of a command can be told; adds them to `keys`. */
function collect(command: Command, keys: Set<Key>): boolean {
  switch (command.type) {
    case "once":
      return collect(command.operation, keys);
    case "txn":
      for (const { key } of command.compare) keys.add(key);
      return [...command.then, ...command.else].every((operation) => collect(operation, keys));
    case "getMany":
      for (const key of command.keys) keys.add(key);
      return true;
    case "range":
    case "deleteRange":
    case "openSession":
    case "closeSession":
    case "expireDue":
      return false;
    default:
      keys.add(command.key);
      return true;
  }
}

/** Whether an entry at one of the keys expires, or has: commands on any key move the time that decides. */
export function hasExpiry(keys: readonly Key[], table: EntryTable): boolean {
  return keys.some((key) => (table.stored(key)?.expiry ?? 0) !== 0);
}
