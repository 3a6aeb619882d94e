/**
 * The commands of one transaction: those that came to its coordinator in one turn and do not conflict. What a transaction
 * costs, in messages, records and work, is the same for many commands as for one.
 *
 * Layout: each command after its length as a varint.
 *
 * @module
 */
import { ByteReader } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";

/** A group is closed, and another begun, before it has more bytes than this; one command may have more by itself. */
export const GROUP_BYTES: number = 256 * 1024;

/** The bytes of commands, fresh memory. */
export function encodeGroup(commands: readonly Uint8Array[]): Uint8Array {
  let bytes = 0;
  for (const command of commands) bytes += command.length + 8;
  const writer = new ByteWriter(bytes);
  for (const command of commands) writer.blob(command);
  return writer.view();
}

/**
 * Calls `visit` with where each command lies in `group`, in order.
 *
 * @throws {CodecError} when the bytes are no group
 */
export function readGroup(group: Uint8Array, visit: (start: number, end: number) => void): void {
  const reader = new ByteReader(group);
  while (reader.remaining > 0) {
    const length = reader.varint();
    const start = reader.skip(length);
    visit(start, start + length);
  }
}

/**
 * The commands, as views of `group`.
 *
 * @throws {CodecError} when the bytes are no group
 */
export function decodeGroup(group: Uint8Array): readonly Uint8Array[] {
  const commands: Uint8Array[] = [];
  readGroup(group, (start, end) => void commands.push(group.subarray(start, end)));
  return commands;
}

/** The keys of all commands, each once, or null when one of them is about every key. */
export function conflictsOfAll(
  commands: readonly Uint8Array[],
  conflicts: (command: Uint8Array) => readonly string[] | null,
): readonly string[] | null {
  if (commands.length === 1) return conflicts(commands[0]!);
  const all = new Set<string>();
  for (const command of commands) {
    const keys = conflicts(command);
    if (keys === null) return null;
    for (const key of keys) all.add(key);
  }
  return [...all];
}
