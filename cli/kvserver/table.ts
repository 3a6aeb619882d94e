/**
 * The commands and flags of `kvserver`, as data.
 *
 * @module
 */
import type { ServerAddress } from "../../src/client/connection.ts";
import { type Role, ROLES } from "../../src/core/replication.ts";
import type { DurationRange } from "../../src/server/cluster/role_failures.ts";
import { COMMON_EXIT_CODES } from "../exit_code.ts";
import {
  defaultedFlag,
  durationRange,
  type Flag,
  integer,
  oneOf,
  port,
  type Program,
  size,
  someOf,
  switchFlag,
  text,
  valueFlag,
} from "../flags.ts";
import { LOG_LEVELS, type LogLevel } from "../../src/server/log_levels.ts";
import { MAX_PEERS, parsePeer, parsePeers } from "./peers.ts";
import { DEFAULT_LIMITS } from "../../src/core/kv/limits.ts";
import { DEFAULT_SNAPSHOT_OPTIONS } from "../../src/core/snapshotter.ts";
import { MAX_THREADS } from "../../src/server/threads/max_threads.ts";
import { COMPLETIONS, HELP, HELP_COMMAND, MANUAL, SHOW_VERSION } from "../program.ts";

const LOG_FORMATS = ["text", "json"] as const;

const NETWORK = "Network";
const STORAGE = "Storage";
const ACCESS = "Access and limits";
const TLS = "TLS";
const LOGGING = "Logging and configuration";
const REPLICATION = "Replication";

const PROTOCOLS = ["none", "2pc", "paxos"] as const;
const TRANSPORTS = ["tcp", "http"] as const;

/** The flags of `kvserver` by name. */
export const FLAGS: {
  readonly host: Flag<string>;
  readonly port: Flag<number>;
  readonly httpPort: Flag<number | undefined>;
  readonly dataDir: Flag<string | undefined>;
  readonly memory: Flag<boolean>;
  readonly restore: Flag<string | undefined>;
  readonly password: Flag<string | undefined>;
  readonly passwordFile: Flag<string | undefined>;
  readonly users: Flag<string | undefined>;
  readonly insecure: Flag<boolean>;
  readonly tlsCert: Flag<string | undefined>;
  readonly tlsKey: Flag<string | undefined>;
  readonly tlsCa: Flag<string | undefined>;
  readonly tlsClientAuth: Flag<boolean>;
  readonly maxKeyBytes: Flag<number>;
  readonly maxValueBytes: Flag<number>;
  readonly snapshotEvery: Flag<number>;
  readonly maxConnections: Flag<number>;
  readonly threads: Flag<number>;
  readonly logLevel: Flag<LogLevel>;
  readonly logFormat: Flag<typeof LOG_FORMATS[number]>;
  readonly config: Flag<string | undefined>;
  readonly peers: Flag<readonly ServerAddress[] | undefined>;
  readonly advertise: Flag<ServerAddress | undefined>;
  readonly clusterSecretFile: Flag<string | undefined>;
  readonly replication: Flag<typeof PROTOCOLS[number] | undefined>;
  readonly transport: Flag<typeof TRANSPORTS[number] | undefined>;
  readonly leaseReads: Flag<boolean>;
  readonly fail: Flag<readonly Role[] | undefined>;
  readonly failEvery: Flag<DurationRange | undefined>;
  readonly failFor: Flag<DurationRange | undefined>;
  readonly failSeed: Flag<number | undefined>;
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
  restore: valueFlag({
    name: "restore",
    placeholder: "FILE",
    group: STORAGE,
    summary: "begin a new data directory with what kvclient snapshot save wrote; every replica with the same file",
    parse: text,
    completes: "file",
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
  users: valueFlag({
    name: "users",
    placeholder: "FILE",
    group: ACCESS,
    summary:
      "users with passwords or tokens (hashed), roles and key prefixes, a JSON object in a line; read again at " +
      "SIGHUP. Make lines with kvclient users",
    parse: text,
    completes: "file",
  }),
  insecure: switchFlag({
    name: "insecure",
    group: ACCESS,
    summary: "listen where others can reach it although whoever does may read and write everything; with TLS, " +
      "open the UDP port, too, which has none",
  }),
  tlsCert: valueFlag({
    name: "tls-cert",
    placeholder: "FILE",
    group: TLS,
    summary:
      "the server's certificate (PEM), with those between it and its authority: speaks TLS on the TCP and HTTP " +
      "ports and nothing else; read again at SIGHUP",
    parse: text,
    completes: "file",
  }),
  tlsKey: valueFlag({
    name: "tls-key",
    placeholder: "FILE",
    group: TLS,
    summary: "the private key of --tls-cert (PEM, not encrypted)",
    parse: text,
    completes: "file",
  }),
  tlsCa: valueFlag({
    name: "tls-ca",
    placeholder: "FILE",
    group: TLS,
    summary:
      "the authorities (PEM) that issued the certificates of the replicas, which show them to each other, and of " +
      "clients with --tls-client-auth",
    parse: text,
    completes: "file",
  }),
  tlsClientAuth: switchFlag({
    name: "tls-client-auth",
    group: TLS,
    summary: "let nobody in without a certificate of --tls-ca; users and passwords are asked for besides",
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
  snapshotEvery: defaultedFlag({
    name: "snapshot-every",
    placeholder: "SIZE",
    group: STORAGE,
    summary: "how much is logged between two snapshots",
    parse: size(64 * 1024, 64 * 1024 ** 3),
    fallback: DEFAULT_SNAPSHOT_OPTIONS.snapshotEvery_bytes,
  }),
  maxConnections: defaultedFlag({
    name: "max-connections",
    placeholder: "N",
    group: ACCESS,
    summary: "the most clients at a time, over TCP, and as many over HTTP",
    parse: integer(1, 1_000_000),
    fallback: 10_000,
  }),
  threads: defaultedFlag({
    name: "threads",
    placeholder: "N",
    group: ACCESS,
    summary:
      "how many threads hold TCP and HTTP connections, beside the one that owns the data when there are several; Linux only",
    parse: integer(1, MAX_THREADS),
    fallback: 1,
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
    summary: "any of these flags in a file, as JSON or TOML: port = 32000",
    parse: text,
    completes: "file",
  }),
  peers: valueFlag({
    name: "peers",
    placeholder: "HOST:PORT,…",
    group: REPLICATION,
    summary: "all replicas, this one included; the same list on every one. Names are looked up at every call",
    parse: parsePeers,
    isList: true,
  }),
  advertise: valueFlag({
    name: "advertise",
    placeholder: "HOST:PORT",
    group: REPLICATION,
    summary: "which of --peers this replica is",
    parse: parsePeer,
    shownDefault: "--host and --port",
  }),
  clusterSecretFile: valueFlag({
    name: "cluster-secret-file",
    placeholder: "FILE",
    group: REPLICATION,
    summary:
      "a file whose first line the replicas prove to each other that they know, without sending it; the same on " +
      "every one, at least 16 random characters. KVSERVER_CLUSTER_SECRET in the environment is the secret itself",
    parse: text,
    completes: "file",
  }),
  replication: valueFlag({
    name: "replication",
    placeholder: "PROTOCOL",
    group: REPLICATION,
    summary:
      "how writes are replicated: paxos needs a majority, 2pc (two-phase commit) every replica; none is one durable " +
      "server",
    parse: oneOf(PROTOCOLS),
    choices: PROTOCOLS,
    shownDefault: "paxos with --peers, else none",
  }),
  transport: valueFlag({
    name: "transport",
    placeholder: "TRANSPORT",
    group: REPLICATION,
    summary: "how replicas talk to each other: tcp, on the main port, or http, on the HTTP port",
    parse: oneOf(TRANSPORTS),
    choices: TRANSPORTS,
    shownDefault: "tcp",
  }),
  leaseReads: switchFlag({
    name: "lease-reads",
    group: REPLICATION,
    summary: "let a Paxos leader answer reads without asking a majority each time, on all replicas alike; relies on " +
      "clocks that run at the same rate to within 10 %, see docs/paxos.md",
  }),
  fail: valueFlag({
    name: "fail",
    placeholder: "ROLES",
    group: REPLICATION,
    summary: "a drill: let these roles of a Paxos replica crash at random times: acceptor,proposer,learner",
    parse: someOf(ROLES),
    choices: ROLES,
    isList: true,
    shownDefault: "nothing crashes",
  }),
  failEvery: valueFlag({
    name: "fail-every",
    placeholder: "RANGE",
    group: REPLICATION,
    summary: "how long a role works before it crashes",
    parse: durationRange,
    shownDefault: "5s..20s",
  }),
  failFor: valueFlag({
    name: "fail-for",
    placeholder: "RANGE",
    group: REPLICATION,
    summary: "how long a crashed role is down",
    parse: durationRange,
    shownDefault: "1s..3s",
  }),
  failSeed: valueFlag({
    name: "fail-seed",
    placeholder: "N",
    group: REPLICATION,
    summary: "the same seed draws the same times",
    parse: integer(0, 0xffff_ffff),
    shownDefault: "drawn, and logged",
  }),
};

/** How many replicas a cluster on this machine has. */
export const REPLICAS: Flag<number> = defaultedFlag({
  name: "replicas",
  placeholder: "N",
  group: REPLICATION,
  summary: "how many replicas, best an odd number: of 4 no more may fail than of 3",
  parse: integer(1, MAX_PEERS),
  fallback: 5,
});

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
      flags: Object.values(FLAGS),
      examples: [
        ["kvserver", "serve on 127.0.0.1, TCP and UDP port 32000, HTTP port 33000"],
        ["kvserver --port 32010 --data-dir /var/lib/kv", "another port and directory"],
        ["kvserver --host 0.0.0.0 --password-file secret", "for the network, with a password"],
        ["kvserver --host 0.0.0.0 --users users.jsonl", "for the network, with users; kill -HUP reads the file again"],
        [
          "kvserver --port 32001 --peers 127.0.0.1:32000,127.0.0.1:32001,127.0.0.1:32002",
          "one replica of three; start the others likewise",
        ],
        [
          "kvserver --replication 2pc --peers 127.0.0.1:32000,127.0.0.1:32001",
          "one replica of two that always agree; writes need both",
        ],
        [
          "kvserver --data-dir /var/lib/new --restore backup.kvsnap",
          "begin with a saved state; refused when there is data in the directory",
        ],
        [
          "kvserver --host 0.0.0.0 --peers kv-0:32000,kv-1:32000,kv-2:32000 --advertise kv-1:32000 " +
          "--password-file password --cluster-secret-file secret",
          "by name, whatever address the name has at the time",
        ],
        [
          "kvserver --host 0.0.0.0 --users users.jsonl --tls-cert server.pem --tls-key server-key.pem",
          "for the network, with TLS; redis-cli --tls, https:// and kvclient --tls-ca reach it",
        ],
        ["kvserver --config kv.toml", "every flag can stand in a file"],
        ["kvserver --memory --http-port 0", "for tests: nothing on disk, no HTTP"],
        ["redis-cli -p 32000 SET greeting hello", "any Redis client works"],
      ],
      notYet: null,
    },
    {
      name: "cluster",
      summary: "run several replicas on this machine",
      operands: "",
      operandCount: [0, 0],
      description: [
        "The first replica listens on --port, the others on the ports after it, HTTP at each port + 1000 (--http-port 0 " +
        "turns it off); each has its data in kvserver-PORT, in --data-dir when that is given.",
        "Each replica is a process of its own; what they log is shown with the number of the replica before it. One " +
        "that dies is started again. SIGTERM or Ctrl-C stops them all; exit code 1 when one of them did not stop in " +
        "good order, or could not start.",
      ],
      flags: [REPLICAS, ...Object.values(FLAGS).filter((flag) => flag !== FLAGS.peers && flag !== FLAGS.advertise)],
      examples: [
        ["kvserver cluster", "five replicas on the ports 32000 to 32004, HTTP on 33000 to 33004"],
        ["kvserver cluster --replicas 3 --port 32100 --data-dir data", "data in data/kvserver-32100 and so on"],
        ["kvserver cluster --replication 2pc", "five that all have to agree: kill one, and writes say who is missing"],
        ["kvserver cluster --data-dir new --restore backup.kvsnap", "five that begin with a saved state"],
        ["kvserver cluster --fail acceptor,proposer,learner --fail-every 1s..4s --fail-for 500ms..2s", "a drill"],
      ],
      notYet: null,
    },
    COMPLETIONS,
    MANUAL,
    HELP_COMMAND,
  ],
  commonFlags: [HELP, SHOW_VERSION],
  configFlag: FLAGS.config,
  exitCodes: COMMON_EXIT_CODES,
};
