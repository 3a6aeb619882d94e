/**
 * The flags of `kvclient`, as data.
 *
 * @module
 */
import {
  decimal,
  defaultedFlag,
  duration,
  durationOrNone,
  type Flag,
  integer,
  oneOf,
  port,
  size,
  switchFlag,
  text,
  valueFlag,
} from "../flags.ts";
import { type Protocol, PROTOCOLS } from "./store.ts";

const SERVER = "Server";
const OUTPUT = "Output";
const OPTIONS = "Options";
const LOAD = "Load";
const NAMES = PROTOCOLS.map((protocol) => protocol.toUpperCase());
const FORMATS = ["text", "json"] as const;
const revision = integer(0, Number.MAX_SAFE_INTEGER);

/** Which server, and how to talk to it. */
export const CONNECTION: {
  readonly serverIp: Flag<string | undefined>;
  readonly port: Flag<number | undefined>;
  readonly protocol: Flag<Protocol | undefined>;
  readonly httpPort: Flag<number | undefined>;
  readonly server: Flag<string | undefined>;
  readonly user: Flag<string | undefined>;
  readonly password: Flag<string | undefined>;
  readonly passwordFile: Flag<string | undefined>;
  readonly tls: Flag<boolean>;
  readonly tlsCa: Flag<string | undefined>;
  readonly tlsCert: Flag<string | undefined>;
  readonly tlsKey: Flag<string | undefined>;
  readonly tlsServerName: Flag<string | undefined>;
  readonly timeout: Flag<number>;
} = {
  serverIp: valueFlag({
    name: "server-ip",
    placeholder: "ADDRESS",
    group: SERVER,
    summary: "the server's address; --server_ip is the same",
    parse: text,
    shownDefault: "the saved one, or 127.0.0.1",
  }),
  port: valueFlag({
    name: "port",
    placeholder: "PORT",
    group: SERVER,
    summary: "the server's main port, whatever the protocol",
    parse: port(1),
    shownDefault: "the saved one, or 32000",
  }),
  protocol: valueFlag({
    name: "protocol",
    placeholder: "PROTOCOL",
    group: SERVER,
    summary: "how to talk to it, in either case; RPC is typed calls over HTTP",
    parse: (value) => oneOf(PROTOCOLS)(value),
    choices: NAMES,
    shownDefault: "the saved one, or TCP",
  }),
  httpPort: valueFlag({
    name: "http-port",
    placeholder: "PORT",
    group: SERVER,
    summary: "the server's port for HTTP and RPC",
    parse: port(1),
    shownDefault: "port + 1000",
  }),
  server: valueFlag({
    name: "server",
    placeholder: "HOST:PORT,…",
    group: SERVER,
    summary: "several servers, instead of --server-ip and --port",
    parse: text,
  }),
  user: valueFlag({
    name: "user",
    placeholder: "NAME",
    group: SERVER,
    summary: "the user whose password, or token, is given; without, it is the server's own",
    parse: text,
  }),
  password: valueFlag({
    name: "password",
    placeholder: "TEXT",
    group: SERVER,
    summary: "the password or token, never saved; others can see it, so prefer a file or KVCLIENT_PASSWORD",
    parse: text,
  }),
  passwordFile: valueFlag({
    name: "password-file",
    placeholder: "FILE",
    group: SERVER,
    summary: "a file whose first line is the password",
    parse: text,
    completes: "file",
  }),
  tls: switchFlag({
    name: "tls",
    group: SERVER,
    summary: "speak TLS, and trust the system's authorities unless --tls-ca is given; --no-tls undoes a saved one",
    negatable: true,
  }),
  tlsCa: valueFlag({
    name: "tls-ca",
    placeholder: "FILE",
    group: SERVER,
    summary: "speak TLS, and trust the authorities whose certificates (PEM) are in this file, and no others",
    parse: text,
    completes: "file",
  }),
  tlsCert: valueFlag({
    name: "tls-cert",
    placeholder: "FILE",
    group: SERVER,
    summary: "speak TLS, and show this certificate (PEM) to servers that ask for one; it needs --tls-key",
    parse: text,
    completes: "file",
  }),
  tlsKey: valueFlag({
    name: "tls-key",
    placeholder: "FILE",
    group: SERVER,
    summary: "the private key (PEM) of --tls-cert",
    parse: text,
    completes: "file",
  }),
  tlsServerName: valueFlag({
    name: "tls-server-name",
    placeholder: "NAME",
    group: SERVER,
    summary: "speak TLS with servers whose certificate is for this name or address",
    parse: text,
    shownDefault: "the host that is called",
  }),
  timeout: defaultedFlag({
    name: "timeout",
    placeholder: "DURATION",
    group: SERVER,
    summary: "how long one operation may take, retries included; for verify how long one file may (60s)",
    parse: duration,
    fallback: 5000,
    shownDefault: "5s",
  }),
};

/** How to print. */
export const PRINTING: { readonly output: Flag<"text" | "json">; readonly color: Flag<boolean> } = {
  output: defaultedFlag({
    name: "output",
    short: "o",
    placeholder: "FORMAT",
    group: OUTPUT,
    summary: "text for people, or JSON for programs",
    parse: oneOf(FORMATS),
    choices: FORMATS,
    fallback: "text",
  }),
  color: switchFlag({
    name: "color",
    group: OUTPUT,
    summary: "colours on a terminal; NO_COLOR in the environment also switches them off",
    fallback: true,
    negatable: true,
  }),
};

/** The flags of single commands. */
export const FLAGS: {
  readonly file: Flag<string | undefined>;
  readonly ttl: Flag<number | undefined>;
  readonly wait: Flag<number | undefined>;
  readonly value: Flag<string | undefined>;
  readonly ifAbsent: Flag<boolean>;
  readonly ifRevision: Flag<number | undefined>;
  readonly revision: Flag<boolean>;
  readonly stale: Flag<boolean>;
  readonly spread: Flag<boolean>;
  readonly prefix: Flag<string | undefined>;
  readonly start: Flag<string | undefined>;
  readonly end: Flag<string | undefined>;
  readonly limit: Flag<number | undefined>;
  readonly reverse: Flag<boolean>;
  readonly keysOnly: Flag<boolean>;
  readonly countOnly: Flag<boolean>;
  readonly fromRevision: Flag<number>;
  readonly count: Flag<number | undefined>;
  readonly clients: Flag<number>;
  readonly pipeline: Flag<number>;
  readonly rate: Flag<number | undefined>;
  readonly valueSize: Flag<number>;
  readonly keys: Flag<number | undefined>;
  readonly readShare: Flag<number>;
  readonly duration: Flag<number>;
  readonly progress: Flag<boolean>;
} = {
  file: valueFlag({
    name: "file",
    placeholder: "FILE",
    group: OPTIONS,
    summary: "take the value from a file",
    parse: text,
    completes: "file",
  }),
  ttl: valueFlag({
    name: "ttl",
    placeholder: "DURATION",
    group: OPTIONS,
    summary:
      "how long the key is to live: 500ms, 10s, 5m, 2h, 1d; for lock and elect how long others wait when this program is gone (10s)",
    parse: duration,
    shownDefault: "for ever",
  }),
  wait: valueFlag({
    name: "wait",
    placeholder: "DURATION",
    group: OPTIONS,
    summary: "how long to wait while others hold it; 0s takes it at once or not at all",
    parse: durationOrNone,
    shownDefault: "for ever",
  }),
  value: valueFlag({
    name: "value",
    placeholder: "TEXT",
    group: OPTIONS,
    summary: "what the leader tells the others, such as its address",
    parse: text,
  }),
  ifAbsent: switchFlag({ name: "if-absent", group: OPTIONS, summary: "write only when the key is absent" }),
  ifRevision: valueFlag({
    name: "if-revision",
    placeholder: "N",
    group: OPTIONS,
    summary: "write only when the key was last written at this revision; 0 is absent",
    parse: revision,
  }),
  revision: switchFlag({
    name: "revision",
    group: OPTIONS,
    summary: "print the revision of the key's last write instead of its value",
  }),
  stale: switchFlag({
    name: "stale",
    group: OPTIONS,
    summary: "take what the server that is asked knows, however old, also while no majority can be reached",
  }),
  spread: switchFlag({
    name: "spread",
    group: OPTIONS,
    summary: "each phase through another replica of the cluster",
  }),
  prefix: valueFlag({
    name: "prefix",
    placeholder: "TEXT",
    group: OPTIONS,
    summary: "only keys that begin with this",
    parse: text,
  }),
  start: valueFlag({
    name: "start",
    placeholder: "KEY",
    group: OPTIONS,
    summary: "only this key and those after it",
    parse: text,
  }),
  end: valueFlag({
    name: "end",
    placeholder: "KEY",
    group: OPTIONS,
    summary: "only keys before this one",
    parse: text,
  }),
  limit: valueFlag({
    name: "limit",
    placeholder: "N",
    group: OPTIONS,
    summary: "at most so many keys",
    parse: integer(1, Number.MAX_SAFE_INTEGER),
    shownDefault: "all",
  }),
  reverse: switchFlag({ name: "reverse", group: OPTIONS, summary: "from the highest key down" }),
  keysOnly: switchFlag({ name: "keys-only", group: OPTIONS, summary: "print the keys without their values" }),
  countOnly: switchFlag({ name: "count-only", group: OPTIONS, summary: "print only how many there are" }),
  fromRevision: defaultedFlag({
    name: "from-revision",
    placeholder: "N",
    group: OPTIONS,
    summary: "the first revision whose events are wanted; 0 for those from now on",
    parse: revision,
    fallback: 0,
  }),
  count: valueFlag({
    name: "count",
    placeholder: "N",
    group: OPTIONS,
    summary: "stop after so many events",
    parse: integer(1, Number.MAX_SAFE_INTEGER),
    shownDefault: "until Ctrl-C",
  }),
  clients: defaultedFlag({
    name: "clients",
    placeholder: "N",
    group: LOAD,
    summary: "how many clients, each with connections of its own",
    parse: integer(1, 10_000),
    fallback: 16,
  }),
  pipeline: defaultedFlag({
    name: "pipeline",
    placeholder: "N",
    group: LOAD,
    summary: "how many operations each client has under way",
    parse: integer(1, 1000),
    fallback: 1,
  }),
  rate: valueFlag({
    name: "rate",
    placeholder: "N",
    group: LOAD,
    summary: "issue so many operations a second over all clients, answered or not, and time each from when it was due",
    parse: integer(1, 10_000_000),
    shownDefault: "as many as are answered",
  }),
  valueSize: defaultedFlag({
    name: "value-size",
    placeholder: "SIZE",
    group: LOAD,
    summary: "the size of each value",
    parse: size(0, 1024 * 1024),
    fallback: 256,
  }),
  keys: valueFlag({
    name: "keys",
    placeholder: "N",
    group: LOAD,
    summary:
      "how many keys are in use; bench writes them first; check gives each up for a new one after 250 operations",
    parse: integer(1, 10_000_000),
    shownDefault: "1000; check: 10",
  }),
  readShare: defaultedFlag({
    name: "read-share",
    placeholder: "SHARE",
    group: LOAD,
    summary: "the share of reads among the operations, from 0 to 1",
    parse: decimal(0, 1),
    fallback: 0.5,
  }),
  duration: defaultedFlag({
    name: "duration",
    placeholder: "DURATION",
    group: LOAD,
    summary: "how long to measure",
    parse: duration,
    fallback: 10_000,
    shownDefault: "10s",
  }),
  progress: switchFlag({
    name: "progress",
    group: OUTPUT,
    summary: "a progress bar on a terminal",
    fallback: true,
    negatable: true,
  }),
};
