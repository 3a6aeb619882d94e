/**
 * The commands and flags of `kvserver`, as data.
 *
 * @module
 */
import { COMMON_EXIT_CODES, UsageError } from "../exit_code.ts";
import {
  defaultedFlag,
  type Flag,
  integer,
  oneOf,
  port,
  type Program,
  size,
  switchFlag,
  text,
  valueFlag,
} from "../flags.ts";
import { DEFAULT_LIMITS } from "../../src/core/kv/limits.ts";
import { commandNotYet, COMPLETIONS, HELP, HELP_COMMAND, NOT_YET, SHOW_VERSION } from "../program.ts";

/** The ways to log, and how much. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;
const LOG_FORMATS = ["text", "json"] as const;

const NETWORK = "Network";
const STORAGE = "Storage";
const ACCESS = "Access and limits";
const LOGGING = "Logging and configuration";
const REPLICATION = "Replication";

function replication(value: string): "none" {
  const chosen = oneOf(["none", "2pc", "paxos"])(value);
  if (chosen !== "none") {
    throw new UsageError(`is ${NOT_YET}; only "none", one durable server, is`);
  }
  return chosen;
}

/** The flags of `kvserver` by name. */
export const FLAGS: {
  readonly host: Flag<string>;
  readonly port: Flag<number>;
  readonly httpPort: Flag<number | undefined>;
  readonly dataDir: Flag<string | undefined>;
  readonly memory: Flag<boolean>;
  readonly password: Flag<string | undefined>;
  readonly passwordFile: Flag<string | undefined>;
  readonly maxKeyBytes: Flag<number>;
  readonly maxValueBytes: Flag<number>;
  readonly maxConnections: Flag<number>;
  readonly logLevel: Flag<typeof LOG_LEVELS[number]>;
  readonly logFormat: Flag<typeof LOG_FORMATS[number]>;
  readonly config: Flag<string | undefined>;
  readonly replication: Flag<"none">;
} = {
  host: defaultedFlag({
    name: "host",
    placeholder: "ADDRESS",
    group: NETWORK,
    summary: "the address to listen on; 0.0.0.0 or :: for all",
    parse: text,
    fallback: "127.0.0.1",
  }),
  port: defaultedFlag({
    name: "port",
    placeholder: "PORT",
    group: NETWORK,
    summary: "the port for TCP (RESP, the Redis protocol) and UDP",
    parse: port(1),
    fallback: 32_000,
  }),
  httpPort: valueFlag({
    name: "http-port",
    placeholder: "PORT",
    group: NETWORK,
    summary: "the port for HTTP; 0 turns HTTP off",
    parse: port(0),
    shownDefault: "port + 1000",
  }),
  dataDir: valueFlag({
    name: "data-dir",
    placeholder: "DIR",
    group: STORAGE,
    summary: "where the log and the snapshots are kept; made when it is not there",
    parse: text,
    shownDefault: "./kvserver-PORT",
    completes: "directory",
  }),
  memory: switchFlag({
    name: "memory",
    group: STORAGE,
    summary: "keep everything in memory only: nothing survives the process",
  }),
  password: valueFlag({
    name: "password",
    placeholder: "TEXT",
    group: ACCESS,
    summary: "what clients must give; other users of this machine can see it, so prefer a file",
    parse: text,
  }),
  passwordFile: valueFlag({
    name: "password-file",
    placeholder: "FILE",
    group: ACCESS,
    summary: "a file whose first line is the password",
    parse: text,
    completes: "file",
  }),
  maxKeyBytes: defaultedFlag({
    name: "max-key-bytes",
    placeholder: "SIZE",
    group: ACCESS,
    summary: "the longest key",
    parse: size(1, 65_536),
    fallback: DEFAULT_LIMITS.maxKeyBytes,
  }),
  maxValueBytes: defaultedFlag({
    name: "max-value-bytes",
    placeholder: "SIZE",
    group: ACCESS,
    summary: "the longest value",
    parse: size(1, 8 * 1024 * 1024),
    fallback: DEFAULT_LIMITS.maxValueBytes,
  }),
  maxConnections: defaultedFlag({
    name: "max-connections",
    placeholder: "N",
    group: ACCESS,
    summary: "the most TCP clients at a time",
    parse: integer(1, 1_000_000),
    fallback: 10_000,
  }),
  logLevel: defaultedFlag({
    name: "log-level",
    placeholder: "LEVEL",
    group: LOGGING,
    summary: "the least important messages to log",
    parse: oneOf(LOG_LEVELS),
    choices: LOG_LEVELS,
    fallback: "info",
  }),
  logFormat: defaultedFlag({
    name: "log-format",
    placeholder: "FORMAT",
    group: LOGGING,
    summary: "how messages go to standard error: lines for people, or JSON lines",
    parse: oneOf(LOG_FORMATS),
    choices: LOG_FORMATS,
    fallback: "text",
  }),
  config: valueFlag({
    name: "config",
    placeholder: "FILE",
    group: LOGGING,
    summary: 'a JSON object with any of these flags: {"port": 32000, "log-format": "json"}',
    parse: text,
    completes: "file",
  }),
  replication: {
    ...defaultedFlag({
      name: "replication",
      placeholder: "PROTOCOL",
      group: REPLICATION,
      summary: "how writes are replicated; none is one durable server",
      parse: replication,
      fallback: "none",
    }),
    choices: ["none"],
  },
};

function notYet(name: string, placeholder: string, why: string): Flag<unknown> {
  const summary = why;
  return valueFlag({ name, placeholder, group: REPLICATION, summary, parse: text, notYet: `${NOT_YET}; ${why}` });
}

const REFUSED: readonly Flag<unknown>[] = [
  notYet("peers", "HOST:PORT,…", "it runs one server"),
  notYet("transport", "tcp|http", "it is how replicas talk to each other, and there are no peers"),
  notYet("fail", "ROLES", "it crashes roles of a replica, and there are no replicas"),
  notYet("fail-every", "DURATION", "it crashes roles of a replica, and there are no replicas"),
  notYet("fail-for", "DURATION", "it crashes roles of a replica, and there are no replicas"),
  notYet("fail-seed", "N", "it crashes roles of a replica, and there are no replicas"),
  notYet("threads", "N", "one thread serves all clients"),
];

/** The program. */
export const KVSERVER: Program = {
  name: "kvserver",
  summary: "kvserver: a durable key-value server. Clients speak RESP (the Redis protocol), UDP or HTTP to it.",
  environmentPrefix: "KVSERVER_",
  commands: [
    {
      name: "",
      summary: "serve",
      operands: "",
      operandCount: [0, 0],
      description: [
        "A write is acknowledged when it is durable. SIGTERM or Ctrl-C finishes what was accepted and stops; a second one stops at once.",
      ],
      flags: [...Object.values(FLAGS), ...REFUSED],
      examples: [
        ["kvserver", "serve on 127.0.0.1, TCP and UDP port 32000, HTTP port 33000"],
        ["kvserver --port 32010 --data-dir /var/lib/kv", "another port and directory"],
        ["kvserver --host 0.0.0.0 --password-file secret", "for the network, with a password"],
        ["kvserver --memory --http-port 0", "for tests: nothing on disk, no HTTP"],
        ["redis-cli -p 32000 SET greeting hello", "any Redis client works"],
      ],
      notYet: null,
    },
    COMPLETIONS,
    HELP_COMMAND,
    commandNotYet("cluster", "a cluster of replicas on this machine"),
  ],
  commonFlags: [HELP, SHOW_VERSION],
  configFlag: FLAGS.config,
  exitCodes: COMMON_EXIT_CODES,
};
