/**
 * A read that may be answered from what one replica happens to know, without asking the others: on its way from a
 * client to a server it is the bytes of the read behind a byte that begins no command.
 *
 * The mark never reaches the log: what is not a read is refused with it.
 *
 * @module
 */
import { KvError } from "../errors.ts";
import { type Command, isRead, type ReadOperation } from "./command.ts";

/** Whether a read must show every acknowledged write, or may show what one replica happens to know. */
export type Consistency = "linearizable" | "stale";

/** The byte before a stale read. The tags of commands begin at 1. */
export const STALE_READ = 0;

/** Whether the bytes are those of a stale read. */
export function isStaleRead(bytes: Uint8Array): boolean {
  return bytes[0] === STALE_READ;
}

/** The bytes of the read itself, as a view. */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(1);
}

/**
 * `command`, which came marked as a stale read.
 *
 * @throws {KvError} `INVALID_ARGUMENT` when it does more than read
 */
export function staleReadOf(command: Command): ReadOperation {
  if (isRead(command)) return command;
  throw new KvError(
    "INVALID_ARGUMENT",
    `${command.type} is no read of its own: only get, getMany and range can be stale`,
  );
}
