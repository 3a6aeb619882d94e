/**
 * Commands that are containers of others: CLIENT, CONFIG, COMMAND, SESSION.
 *
 * @module
 */
import { type Args, type CommandSpec, type Plan, UnknownCommandError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { checkAdmin } from "../permissions.ts";
import { arityRefusal } from "../refusals.ts";
import { optionName, quoted } from "./arguments.ts";

/** A command inside a container. */
export interface Subcommand {
  /** In lower case. */
  readonly name: string;
  /** How many arguments, the names included; negative for at least that many. */
  readonly arity: number;
  /** How it is called and what it does, for HELP. */
  readonly help: readonly [usage: string, summary: string];
  /** Whether it is for those only who may do everything. @default false */
  readonly isAdmin?: boolean;
  readonly plan: (args: Args, connection: RespConnection) => Plan;
}

/** Plans a container command by its second argument. */
export function planSubcommand(container: string, subcommands: readonly Subcommand[]): CommandSpec["plan"] {
  const upper = container.toUpperCase();
  const byName = new Map(subcommands.map((subcommand) => [subcommand.name, subcommand]));
  byName.set("help", {
    name: "help",
    arity: 2,
    help: ["HELP", "Print this help."],
    plan: () => planHelp(upper, [...byName.values()]),
  });
  return (args, connection) => {
    const subcommand = byName.get(optionName(args[1]!));
    if (subcommand === undefined) {
      throw new UnknownCommandError(`ERR unknown subcommand '${quoted(args[1]!).slice(0, 128)}'. Try ${upper} HELP.`);
    }
    const { name, arity } = subcommand;
    const refusal = arityRefusal({ name: `${container}|${name}`, arity }, args.length);
    if (refusal !== null) throw new UnknownCommandError(refusal);
    if (subcommand.isAdmin === true) checkAdmin(`${upper} ${name.toUpperCase()}`, connection);
    return subcommand.plan(args, connection);
  };
}

function planHelp(upper: string, subcommands: readonly Subcommand[]): Plan {
  const lines = [`${upper} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const { help } of subcommands) lines.push(help[0], `    ${help[1]}`);
  return {
    kind: "local",
    run: (_connection, out) => {
      out.array(lines.length);
      for (const line of lines) out.simple(line);
    },
  };
}
