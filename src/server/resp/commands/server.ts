/**
 * Commands on the server: CONFIG DBSIZE INFO TIME, and COMMAND.
 *
 * @module
 */
import { keyFromText } from "../../../codec/bytes.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { Glob } from "../glob.ts";
import { infoText } from "../info.ts";
import { optionName } from "./arguments.ts";
import { commandSubcommands, replyAllCommands } from "./command.ts";
import { planSubcommand, type Subcommand } from "./subcommands.ts";

/** No parameter has a longer name. */
const MAX_NAME_BYTES = 64;

/** The parameters that CONFIG GET shows: those that clients and tools look at. */
function configOf({ context }: RespConnection): readonly (readonly [name: string, value: string])[] {
  const { config, limits } = context;
  return [
    ["appendfsync", "always"],
    ["appendonly", "yes"],
    ["databases", "1"],
    ["maxclients", `${config.maxConnections}`],
    ["maxmemory", "0"],
    ["maxmemory-policy", "noeviction"],
    ["port", `${config.tcpPort}`],
    ["proto-max-bulk-len", `${limits.maxBulkBytes}`],
    ["save", ""],
    ["timeout", `${Math.ceil(config.idleTimeout_ms / 1000)}`],
  ];
}

function planConfigGet(args: Args): Plan {
  const patterns = args.slice(2).map((argument) => new Glob(keyFromText(optionName(argument)), MAX_NAME_BYTES));
  return {
    kind: "local",
    run: (connection, out) => {
      const found = configOf(connection).filter(([name]) => patterns.some((glob) => glob.matches(keyFromText(name))));
      out.map(found.length);
      for (const [name, value] of found) {
        out.bulkText(name);
        out.bulkText(value);
      }
    },
  };
}

const configSubcommands: readonly Subcommand[] = [
  {
    name: "get",
    arity: -3,
    help: ["GET <pattern>", "Return parameters matching the glob-like <pattern> and their values."],
    plan: planConfigGet,
  },
  {
    name: "set",
    arity: -4,
    help: ["SET <directive> <value>", "Not supported: a server is configured by its flags, see kvserver --help."],
    plan: () => {
      throw new RespError("ERR CONFIG SET is not supported: a server is configured by its flags, see kvserver --help");
    },
  },
  {
    name: "resetstat",
    arity: 2,
    help: ["RESETSTAT", "Reset statistics reported by the INFO command."],
    plan: () => ({
      kind: "local",
      run: ({ context }, out) => {
        context.stats.reset();
        out.ok();
      },
    }),
  },
  {
    name: "rewrite",
    arity: 2,
    help: ["REWRITE", "Not supported: there is no configuration file to rewrite."],
    plan: () => {
      throw new RespError("ERR The server is running without a config file");
    },
  },
];

function planInfo(args: Args): Plan {
  const sections = args.slice(1).map(optionName);
  return { kind: "local", run: (connection, out) => out.verbatim(infoText(connection.context, sections)) };
}

function planDbsize(): Plan {
  return {
    kind: "operation",
    operation: {
      type: "range",
      start: keyFromText(""),
      end: null,
      limit: 0,
      reverse: false,
      projection: "count",
    },
    reply: (result, out) => {
      if (result.type !== "range") throw new Error(`a range gave a result of type ${result.type}`);
      out.integer(result.count);
    },
  };
}

function planTime(): Plan {
  return {
    kind: "local",
    run: ({ context }, out) => {
      const now_ms = context.clock.now();
      out.array(2);
      out.bulkText(`${Math.floor(now_ms / 1000)}`);
      out.bulkText(`${(now_ms % 1000) * 1000}`);
    },
  };
}

const planCommandSubcommand = planSubcommand("command", commandSubcommands);

/** The commands of this file. */
export const serverCommands: readonly CommandSpec[] = [
  {
    name: "command",
    arity: -1,
    flags: ["loading", "stale"],
    keys: [0, 0, 0],
    group: "server",
    summary: "Returns detailed information about all commands.",
    plan: (args, connection) =>
      args.length === 1 ? { kind: "local", run: replyAllCommands } : planCommandSubcommand(args, connection),
  },
  {
    name: "config",
    arity: -2,
    flags: ["admin", "noscript", "loading", "stale"],
    keys: [0, 0, 0],
    group: "server",
    summary: "Shows the server's configuration.",
    plan: planSubcommand("config", configSubcommands),
  },
  {
    name: "dbsize",
    arity: 1,
    flags: ["readonly", "fast"],
    keys: [0, 0, 0],
    group: "server",
    summary: "Returns the number of keys in the database.",
    plan: planDbsize,
  },
  {
    name: "info",
    arity: -1,
    flags: ["loading", "stale"],
    keys: [0, 0, 0],
    group: "server",
    summary: "Returns information and statistics about the server.",
    plan: planInfo,
  },
  {
    name: "time",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    keys: [0, 0, 0],
    group: "server",
    summary: "Returns the server time.",
    plan: planTime,
  },
];
