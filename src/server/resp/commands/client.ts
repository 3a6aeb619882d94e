/**
 * CLIENT: who is connected.
 *
 * @module
 */
import { bytesToText } from "../../../codec/bytes.ts";
import { type Args, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { integerArgument, optionName, quoted, syntaxError } from "./arguments.ts";
import type { Subcommand } from "./subcommands.ts";

const OK: Plan = { kind: "local", run: (_connection, out) => out.ok() };

/** The text of a name that a client gives, which CLIENT LIST must be able to show. */
export function checkClientName(argument: Uint8Array, what: string): string {
  for (const byte of argument) {
    if (byte < 33 || byte > 126) {
      throw new RespError(`ERR ${what} cannot contain spaces, newlines or special characters.`);
    }
  }
  return bytesToText(argument);
}

/** One line of CLIENT LIST. */
function describe(connection: RespConnection): string {
  const { state, transport, context } = connection;
  const now_ms = context.clock.monotonic();
  const seconds = (since_ms: number): number => Math.floor((now_ms - since_ms) / 1000);
  const fields: readonly (readonly [name: string, value: string | number])[] = [
    ["id", connection.id],
    ["addr", transport.remoteAddress],
    ["laddr", transport.localAddress],
    ["name", state.name],
    ["age", seconds(state.connected_ms)],
    ["idle", seconds(connection.lastActive_ms)],
    ["flags", state.transaction === null ? "N" : "x"],
    ["db", 0],
    ["sub", 0],
    ["psub", 0],
    ["multi", state.transaction === null ? -1 : state.transaction.plans.length],
    ["watch", state.watched.size],
    ["qbuf", connection.bufferedInput],
    ["omem", connection.bufferedOutput],
    ["cmd", connection.lastCommand],
    ["user", state.access?.user ?? "(nobody)"],
    ["resp", state.protocol],
    ["lib-name", state.libraryName],
    ["lib-ver", state.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(" ") + "\n";
}

function planSetInfo(args: Args): Plan {
  const option = optionName(args[2]!);
  if (option !== "lib-name" && option !== "lib-ver") {
    throw new RespError(`ERR Unrecognized option '${quoted(args[2]!)}'`);
  }
  const value = checkClientName(args[3]!, option);
  return {
    kind: "local",
    run: ({ state }, out) => {
      if (option === "lib-name") state.libraryName = value;
      else state.libraryVersion = value;
      out.ok();
    },
  };
}

function planList(args: Args): Plan {
  let ids: ReadonlySet<bigint> | null = null;
  let none = false;
  const option = args.length > 2 ? optionName(args[2]!) : "";
  if (option === "type" && args.length === 4) {
    const type = optionName(args[3]!);
    if (!["normal", "master", "replica", "slave", "pubsub"].includes(type)) {
      throw new RespError(`ERR Unknown client type '${quoted(args[3]!)}'`);
    }
    none = type !== "normal";
  } else if (option === "id" && args.length > 3) {
    ids = new Set(args.slice(3).map(integerArgument));
  } else if (args.length > 2) {
    throw syntaxError();
  }
  return {
    kind: "local",
    run: ({ context }, out) => {
      let text = "";
      for (const client of none ? [] : context.clients.values()) {
        if (ids === null || ids.has(BigInt(client.id))) text += describe(client);
      }
      out.verbatim(text);
    },
  };
}

/** Which clients CLIENT KILL means: all conditions hold. */
interface KillFilter {
  readonly conditions: ((client: RespConnection) => boolean)[];
  skipSelf: boolean;
}

function killFilter(args: Args): KillFilter {
  const filter: KillFilter = { conditions: [], skipSelf: true };
  if (args.length % 2 !== 0) throw syntaxError();
  for (let i = 2; i < args.length; i += 2) {
    const value = bytesToText(args[i + 1]!);
    switch (optionName(args[i]!)) {
      case "id": {
        const id = integerArgument(args[i + 1]!);
        if (id < 1n) throw new RespError("ERR client-id should be greater than 0");
        filter.conditions.push((client) => BigInt(client.id) === id);
        break;
      }
      case "addr":
        filter.conditions.push((client) => client.transport.remoteAddress === value);
        break;
      case "laddr":
        filter.conditions.push((client) => client.transport.localAddress === value);
        break;
      case "type":
        filter.conditions.push(() => value.toLowerCase() === "normal");
        break;
      case "user":
        if (value !== "default") throw new RespError(`ERR No such user '${value}'`);
        break;
      case "skipme":
        if (!/^(yes|no)$/i.test(value)) throw syntaxError();
        filter.skipSelf = value.toLowerCase() === "yes";
        break;
      default:
        throw syntaxError();
    }
  }
  return filter;
}

function planKill(args: Args): Plan {
  // The old form names one address, and may name the client's own.
  const old = args.length === 3;
  const address = bytesToText(args[2]!);
  const filter: KillFilter = old
    ? { conditions: [(client) => client.transport.remoteAddress === address], skipSelf: false }
    : killFilter(args);
  return {
    kind: "local",
    run: (connection, out) => {
      const killed = [...connection.context.clients.values()].filter((client) =>
        !(filter.skipSelf && client === connection) && filter.conditions.every((holds) => holds(client))
      );
      if (old && killed.length === 0) throw new RespError("ERR No such client");
      for (const client of killed) {
        if (client === connection) client.finish();
        else client.destroy();
      }
      if (old) out.ok();
      else out.integer(killed.length);
    },
  };
}

function planReply(args: Args): Plan {
  const mode = optionName(args[2]!);
  if (mode !== "on" && mode !== "off" && mode !== "skip") throw syntaxError();
  return {
    kind: "local",
    run: ({ state }, out) => {
      // A SKIP while replies are off changes nothing.
      if (mode !== "skip" || state.replies === "on") state.replies = mode;
      out.ok();
    },
  };
}

/** A switch that has nothing to switch here. */
function planSwitch(args: Args): Plan {
  if (!["on", "off"].includes(optionName(args[2]!))) throw syntaxError();
  return OK;
}

function planTracking(args: Args): Plan {
  const mode = optionName(args[2]!);
  if (mode === "off") return OK;
  if (mode !== "on") throw syntaxError();
  throw new RespError("ERR CLIENT TRACKING is not supported: KVWATCH follows the changes of keys");
}

/** What CLIENT takes. */
export const clientSubcommands: readonly Subcommand[] = [
  {
    name: "id",
    arity: 2,
    help: ["ID", "Return the ID of the current connection."],
    plan: () => ({ kind: "local", run: ({ id }, out) => out.integer(id) }),
  },
  {
    name: "getname",
    arity: 2,
    help: ["GETNAME", "Return the name of the current connection."],
    plan: () => ({
      kind: "local",
      run: ({ state }, out) => {
        if (state.name === "") out.nil();
        else out.bulkText(state.name);
      },
    }),
  },
  {
    name: "setname",
    arity: 3,
    help: ["SETNAME <name>", "Assign the name <name> to the current connection."],
    plan: (args) => {
      const name = checkClientName(args[2]!, "Client names");
      return {
        kind: "local",
        run: ({ state }, out) => {
          state.name = name;
          out.ok();
        },
      };
    },
  },
  {
    name: "setinfo",
    arity: 4,
    help: ["SETINFO <LIB-NAME|LIB-VER> <value>", "Say which client library this is."],
    plan: planSetInfo,
  },
  {
    name: "info",
    arity: 2,
    help: ["INFO", "Return information about the current client connection."],
    plan: () => ({ kind: "local", run: (connection, out) => out.verbatim(describe(connection)) }),
  },
  {
    name: "list",
    isAdmin: true,
    arity: -2,
    help: ["LIST [TYPE <type> | ID <id> [<id> ...]]", "Return information about client connections."],
    plan: planList,
  },
  {
    name: "kill",
    isAdmin: true,
    arity: -3,
    help: [
      "KILL <ip:port> | <option> <value> [...]",
      "Close connections; options are ID, ADDR, LADDR, TYPE, USER, SKIPME.",
    ],
    plan: planKill,
  },
  {
    name: "reply",
    arity: 3,
    help: ["REPLY <ON|OFF|SKIP>", "Control the replies sent to the current connection."],
    plan: planReply,
  },
  {
    name: "no-evict",
    arity: 3,
    help: ["NO-EVICT <ON|OFF>", "Accepted; nothing is ever evicted here."],
    plan: planSwitch,
  },
  {
    name: "no-touch",
    arity: 3,
    help: ["NO-TOUCH <ON|OFF>", "Accepted; reads leave no trace here."],
    plan: planSwitch,
  },
  {
    name: "tracking",
    arity: -3,
    help: ["TRACKING OFF", "Accepted; there is no tracking, see KVWATCH."],
    plan: planTracking,
  },
  {
    name: "getredir",
    arity: 2,
    help: ["GETREDIR", "Return -1: there is no tracking."],
    plan: () => ({ kind: "local", run: (_connection, out) => out.integer(-1) }),
  },
];
