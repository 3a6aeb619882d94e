/**
 * Every command that the RESP doors know, found by the bytes of its name in any case without making a string.
 *
 * @module
 */
import type { CommandSpec } from "./command_spec.ts";
import { connectionCommands } from "./commands/connection.ts";
import { genericCommands } from "./commands/generic.ts";
import { keyspaceCommands } from "./commands/keyspace.ts";
import { kvpaxosCommands } from "./commands/kvpaxos.ts";
import { serverCommands } from "./commands/server.ts";
import { stringCommands } from "./commands/string.ts";
import { transactionCommands } from "./commands/transactions.ts";

const BUCKETS = 1024;

/** A command of a table. */
export interface KnownCommand extends CommandSpec {
  /** Its place in the table, from 0 on. */
  readonly number: number;
}

/** Commands by name. */
export class CommandTable {
  /** Every command, in the order in which it was given. */
  readonly all: readonly KnownCommand[];
  readonly #byName: Map<string, KnownCommand> = new Map();
  readonly #buckets: KnownCommand[][] = Array.from({ length: BUCKETS }, () => []);

  constructor(specs: readonly CommandSpec[]) {
    this.all = specs.map((spec, number) => ({ ...spec, number }));
    for (const spec of this.all) {
      if (this.#byName.has(spec.name)) throw new Error(`two commands are named ${spec.name}`);
      this.#byName.set(spec.name, spec);
      const bytes = Uint8Array.from(spec.name, (character) => character.charCodeAt(0));
      this.#buckets[bucketOf(bytes, 0, bytes.length)]!.push(spec);
    }
  }

  /** The command whose name is `bytes[start, end)` in any case. */
  find(bytes: Uint8Array, start: number, end: number): KnownCommand | undefined {
    if (end <= start) return undefined;
    for (const spec of this.#buckets[bucketOf(bytes, start, end)]!) {
      if (matches(spec.name, bytes, start, end)) return spec;
    }
    return undefined;
  }

  /** The command with this name, in lower case. */
  get(name: string): KnownCommand | undefined {
    return this.#byName.get(name);
  }
}

function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const middle = bytes[start + (length >> 1)]! | 32;
  return (length * 7 + (bytes[start]! | 32) * 31 + middle * 131 + (bytes[end - 1]! | 32) * 523) & (BUCKETS - 1);
}

function matches(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    let byte = bytes[start + i]!;
    if (byte >= 65 && byte <= 90) byte += 32;
    if (byte !== name.charCodeAt(i)) return false;
  }
  return true;
}

function withShortcut(spec: CommandSpec): CommandSpec {
  if (spec.name === "get") return { ...spec, shortcut: "get" };
  if (spec.name === "set" || spec.name === "put") return { ...spec, shortcut: "put" };
  return spec;
}

/** The table of all commands. */
export const commandTable: CommandTable = new CommandTable([
  ...connectionCommands,
  ...serverCommands,
  ...stringCommands.map(withShortcut),
  ...genericCommands,
  ...keyspaceCommands,
  ...transactionCommands,
  ...kvpaxosCommands,
]);
