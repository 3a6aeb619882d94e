/**
 * Which server a command talks to: the flags, else the environment, else the saved profile, else the default.
 *
 * @module
 */
import type { ServerAddress } from "../../src/client/connection.ts";
import type { CommandLine } from "../command_line.ts";
import { Failure, UsageError } from "../exit_code.ts";
import { HTTP_PORT_OFFSET, passwordOf } from "../kvserver/settings.ts";
import type { Terminal } from "../terminal.ts";
import { DEFAULT_PORT, parseServer, type Profile, readProfile } from "./profile.ts";
import type { Target } from "./store.ts";
import { CONNECTION } from "./flags.ts";
import { readTls, TLS_FLAGS, tlsFilesOf } from "./tls.ts";

/** A target, and what of it can be saved. */
export interface Resolved {
  readonly target: Target;
  readonly profile: Profile;
  /** Whether arguments named the server or the protocol, so that it is to be saved. */
  readonly named: boolean;
}

/**
 * Finds the server.
 *
 * @throws {UsageError} when flags contradict each other
 * @throws {Failure} when the saved profile is needed and cannot be understood
 */
export function resolveTarget(line: CommandLine, terminal: Terminal): Resolved {
  const { serverIp, port, protocol, httpPort, server } = CONNECTION;
  const naming = [serverIp, port, protocol, httpPort, server, ...TLS_FLAGS];
  const named = naming.some((flag) => line.source(flag) === "argument");
  const saved = savedProfile(terminal, named);
  const profile: Profile = {
    servers: serversOf(line, saved),
    protocol: line.get(protocol) ?? saved?.protocol ?? "tcp",
    // A saved HTTP port belongs to the saved servers.
    httpPort: line.get(httpPort) ?? (namesServer(line) ? null : saved?.httpPort ?? null),
    tls: tlsFilesOf(line, saved?.tls ?? null),
  };
  const password = passwordOf(
    line.get(CONNECTION.password),
    line.get(CONNECTION.passwordFile),
    (path) => terminal.readFile(path),
  );
  const user = line.get(CONNECTION.user) ?? null;
  if (user !== null && password === null) {
    throw new UsageError(
      `--user ${user} needs a password; give --password-file, or KVCLIENT_PASSWORD in the environment`,
    );
  }
  if (password !== null && profile.protocol === "udp") {
    throw new UsageError("UDP cannot carry a password; choose another --protocol");
  }
  if (profile.tls !== null && profile.protocol === "udp") {
    throw new UsageError("there is no TLS over UDP; choose another --protocol, or --no-tls");
  }
  return {
    target: {
      servers: profile.servers.map((each) => addressFor(each, profile)),
      protocol: profile.protocol,
      user,
      password,
      tls: profile.tls === null ? null : readTls(profile.tls, terminal),
      deadline_ms: line.get(CONNECTION.timeout),
    },
    profile,
    named,
  };
}

/** A damaged profile is no obstacle to saving another. */
function savedProfile(terminal: Terminal, named: boolean): Profile | null {
  try {
    return readProfile(terminal);
  } catch (error) {
    if (named && error instanceof Failure) return null;
    throw error;
  }
}

function namesServer(line: CommandLine): boolean {
  return [CONNECTION.server, CONNECTION.serverIp, CONNECTION.port].some((flag) => line.source(flag) !== "default");
}

function serversOf(line: CommandLine, saved: Profile | null): readonly ServerAddress[] {
  const list = line.get(CONNECTION.server);
  const host = line.get(CONNECTION.serverIp);
  const port = line.get(CONNECTION.port);
  const single = [CONNECTION.serverIp, CONNECTION.port].some((flag) => line.source(flag) === "argument");
  if (list !== undefined && !(single && line.source(CONNECTION.server) === "environment")) {
    if (single) {
      throw new UsageError("--server lists whole servers; leave out --server-ip and --port, or --server");
    }
    return list.split(",").map(parseServer);
  }
  if (host === undefined && port === undefined && saved !== null) return saved.servers;
  const only = saved?.servers.length === 1 ? saved.servers[0] : undefined;
  return [{ host: unbracket(host ?? only?.host ?? "127.0.0.1"), port: port ?? only?.port ?? DEFAULT_PORT }];
}

function unbracket(host: string): string {
  return /^\[(.+)\]$/.exec(host)?.[1] ?? host;
}

/** Where the protocol is spoken: HTTP has a port of its own. */
export function addressFor(server: ServerAddress, { protocol, httpPort }: Profile): ServerAddress {
  if (protocol === "tcp" || protocol === "udp") return server;
  const port = httpPort ?? server.port + HTTP_PORT_OFFSET;
  if (port > 65_535) {
    throw new UsageError(`port ${server.port} puts HTTP on port ${port}, past 65535; give --http-port`);
  }
  return { host: server.host, port };
}
