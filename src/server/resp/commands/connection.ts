/**
 * Commands on the connection itself: PING ECHO HELLO AUTH SELECT READONLY READWRITE QUIT RESET, and CLIENT.
 *
 * @module
 */
import { bytesToText } from "../../../codec/bytes.ts";
import type { KvError } from "../../../core/errors.ts";
import type { Access } from "../../access/access.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import type { Run } from "../replies.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { arityError, integerArgument, optionName, parseInt64, quoted, syntaxError } from "./arguments.ts";
import { checkClientName, clientSubcommands } from "./client.ts";
import { planSubcommand } from "./subcommands.ts";

const NO_PASSWORD = "ERR AUTH <password> called without any password configured for the default user. " +
  "Are you sure your configuration is correct?";
const HELLO_NEEDS_AUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
  "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at " +
  "the same time";

const OK: Plan = { kind: "local", run: (_connection, out) => out.ok() };

function planPing(args: Args): Plan {
  if (args.length > 2) throw arityError("ping");
  const message = args[1]?.slice();
  return {
    kind: "local",
    run: (_connection, out) => {
      if (message === undefined) out.simple("PONG");
      else out.bulk(message);
    },
  };
}

function planEcho(args: Args): Plan {
  const message = args[1]!.slice();
  return { kind: "local", run: (_connection, out) => out.bulk(message) };
}

/** As many wrong passwords as one connection may give. */
const MAX_FAILURES = 10;

/** A user and a password, as given. */
interface Login {
  readonly user: string;
  readonly password: Uint8Array;
}

/** Finds out who the client is, and then runs `then`; or refuses, and closes who has been wrong too often. */
function planLogin({ user, password }: Login, connection: RespConnection, then: Run): Plan {
  const { logins } = connection.context;
  const from = hostOf(connection.transport.remoteAddress);
  if (logins.isInstant) {
    return {
      kind: "local",
      run: (connection, out) => {
        logins.login(user, password, from, (error, access) => conclude(error, access, then, connection, out));
      },
    };
  }
  return {
    kind: "wait",
    begin: (_connection, finish) => {
      logins.login(user, password, from, (error, access) => {
        finish((connection, out) => conclude(error, access, then, connection, out));
      });
    },
  };
}

function conclude(
  error: KvError | null,
  access: Access | null,
  then: Run,
  connection: RespConnection,
  out: ReplyWriter,
): void {
  if (access !== null) {
    connection.setAccess(access);
    then(connection, out);
    return;
  }
  const { state, context } = connection;
  context.stats.loginsRefused++;
  state.failedLogins++;
  if (state.failedLogins >= MAX_FAILURES) connection.finish();
  if (error?.code === "UNAVAILABLE") throw error;
  throw new RespError(`WRONGPASS ${error?.message ?? ""}`);
}

/** The address without the port, which is another for each connection. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function planAuth(args: Args, connection: RespConnection): Plan {
  if (args.length > 3) throw syntaxError();
  const user = args.length === 3 ? bytesToText(args[1]!) : "default";
  const password = args.at(-1)!.slice();
  if (args.length === 2 && !connection.context.logins.hasDefault) throw new RespError(NO_PASSWORD);
  return planLogin({ user, password }, connection, (_connection, out) => out.ok());
}

interface HelloOptions {
  version: 2 | 3 | null;
  login: Login | null;
  name: string | null;
}

function helloOptions(args: Args): HelloOptions {
  const options: HelloOptions = { version: null, login: null, name: null };
  if (args.length === 1) return options;
  const version = parseInt64(args[1]!);
  if (version === null) throw new RespError("ERR Protocol version is not an integer or out of range");
  if (version !== 2n && version !== 3n) throw new RespError("NOPROTO unsupported protocol version");
  options.version = version === 2n ? 2 : 3;
  for (let i = 2; i < args.length;) {
    const option = optionName(args[i]!);
    if (option === "auth" && i + 2 < args.length) {
      options.login = { user: bytesToText(args[i + 1]!), password: args[i + 2]!.slice() };
      i += 3;
    } else if (option === "setname" && i + 1 < args.length) {
      options.name = checkClientName(args[i + 1]!, "Client names");
      i += 2;
    } else {
      throw new RespError(`ERR Syntax error in HELLO option '${quoted(args[i]!)}'`);
    }
  }
  return options;
}

function planHello(args: Args, connection: RespConnection): Plan {
  const options = helloOptions(args);
  const run = greet(options);
  return options.login === null ? { kind: "local", run } : planLogin(options.login, connection, run);
}

function greet(options: HelloOptions): Run {
  return (connection, out) => {
    const { state, context } = connection;
    if (!state.authenticated) throw new RespError(HELLO_NEEDS_AUTH);
    if (options.name !== null) state.name = options.name;
    if (options.version !== null) connection.setProtocol(options.version);
    out.protocol = state.protocol;
    out.map(7);
    out.bulkText("server");
    out.bulkText("kvpaxos");
    out.bulkText("version");
    out.bulkText(context.config.version);
    out.bulkText("proto");
    out.integer(state.protocol);
    out.bulkText("id");
    out.integer(connection.id);
    out.bulkText("mode");
    out.bulkText("standalone");
    out.bulkText("role");
    out.bulkText("master");
    out.bulkText("modules");
    out.array(0);
  };
}

function planSelect(args: Args): Plan {
  if (integerArgument(args[1]!) !== 0n) throw new RespError("ERR DB index is out of range");
  return OK;
}

/** As in Redis Cluster, where replicas answer reads only after READONLY: here it is the others' consent that is spared. */
function planStale(takesStale: boolean): () => Plan {
  return () => ({
    kind: "local",
    run: ({ state }, out) => {
      state.takesStale = takesStale;
      out.ok();
    },
  });
}

function planQuit(): Plan {
  return {
    kind: "local",
    run: (connection, out) => {
      out.ok();
      connection.finish();
    },
  };
}

function planReset(): Plan {
  return {
    kind: "local",
    run: (connection, out) => {
      const { state } = connection;
      state.close();
      state.name = "";
      state.replies = "on";
      state.takesStale = false;
      connection.setProtocol(2);
      connection.setAccess(connection.context.logins.anonymous);
      out.protocol = 2;
      out.simple("RESET");
    },
  };
}

/** The commands of this file. */
export const connectionCommands: readonly CommandSpec[] = [
  {
    name: "ping",
    arity: -1,
    flags: ["fast"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Returns the server's liveliness response.",
    plan: planPing,
  },
  {
    name: "echo",
    arity: 2,
    flags: ["fast"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Returns the given string.",
    plan: planEcho,
  },
  {
    name: "hello",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Handshakes with the server.",
    plan: planHello,
  },
  {
    name: "auth",
    arity: -2,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Authenticates the connection.",
    plan: planAuth,
  },
  {
    name: "select",
    arity: 2,
    flags: ["loading", "stale", "fast"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Changes the selected database: there is only 0.",
    plan: planSelect,
  },
  {
    name: "readonly",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Enables reads from what this replica knows, however old, for the connection.",
    plan: planStale(true),
  },
  {
    name: "readwrite",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Enables linearizable reads for the connection, which is the default.",
    plan: planStale(false),
  },
  {
    name: "quit",
    arity: -1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Closes the connection.",
    inMulti: "now",
    plan: planQuit,
  },
  {
    name: "reset",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Resets the connection.",
    inMulti: "now",
    plan: planReset,
  },
  {
    name: "client",
    arity: -2,
    flags: ["noscript", "loading", "stale"],
    keys: [0, 0, 0],
    group: "connection",
    summary: "Names, lists and closes client connections.",
    plan: planSubcommand("client", clientSubcommands),
  },
];
