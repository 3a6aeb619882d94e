/**
 * The server that `kvclient` talks to unless told otherwise, kept in the user's configuration directory.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { ServerAddress } from "../../src/client/connection.ts";
import { bytesToText } from "../../src/codec/bytes.ts";
import { Failure, UsageError } from "../exit_code.ts";
import { port } from "../flags.ts";
import type { Terminal } from "../terminal.ts";
import { type Protocol, PROTOCOLS } from "./store.ts";
import type { TlsFiles } from "./tls.ts";

/** What is saved. Ports are the servers' main ports. Never a password. */
export interface Profile {
  readonly servers: readonly ServerAddress[];
  readonly protocol: Protocol;
  /** Null for the main port + 1000. */
  readonly httpPort: number | null;
  /** Null for no TLS. Paths of files, never what is in them. */
  readonly tls: TlsFiles | null;
}

/** The file of the profile, by the XDG base directory specification; null without a home. */
export function profilePath(env: Terminal["env"]): string | null {
  return inDirectory(env, "XDG_CONFIG_HOME", ".config", "client.json");
}

/** The file of the prompt's history; null without a home. */
export function historyPath(env: Terminal["env"]): string | null {
  return inDirectory(env, "XDG_STATE_HOME", join(".local", "state"), "history");
}

function inDirectory(env: Terminal["env"], variable: string, usual: string, file: string): string | null {
  const home = env["HOME"] ?? env["USERPROFILE"] ?? "";
  const directory = env[variable] ?? "";
  // The specification has relative paths ignored.
  if (/^([/\\]|[A-Za-z]:)/.test(directory)) return join(directory, "kvpaxos", file);
  return home === "" ? null : join(home, usual, "kvpaxos", file);
}

/**
 * The saved profile, or null when there is none.
 *
 * @throws {Failure} when the file is there and cannot be understood
 */
export function readProfile(terminal: Terminal): Profile | null {
  const path = profilePath(terminal.env);
  if (path === null) return null;
  let text: string;
  try {
    text = bytesToText(terminal.readFile(path));
  } catch (error) {
    if (isNotFound(error)) return null;
    throw new Failure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const profile = parseProfile(text);
  if (profile === null) {
    throw new Failure(`${path} is not a profile; remove it, or save another: kvclient --server_ip ADDRESS --port PORT`);
  }
  return profile;
}

function isNotFound(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}

function parseProfile(text: string): Profile | null {
  try {
    const { servers, protocol, httpPort, tls } = JSON.parse(text);
    if (!Array.isArray(servers) || servers.length === 0 || !PROTOCOLS.includes(protocol)) return null;
    return {
      servers: servers.map((server) => parseServer(String(server))),
      protocol,
      httpPort: httpPort === undefined ? null : port(1)(String(httpPort)),
      tls: tls === undefined ? null : parseTls(tls),
    };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof UsageError) return null;
    throw error;
  }
}

function parseTls(saved: unknown): TlsFiles {
  const { ca = null, cert = null, key = null, serverName = null } = saved as Partial<TlsFiles>;
  const texts = [ca, cert, key, serverName];
  if (texts.some((text) => text !== null && typeof text !== "string")) throw new TypeError("a path that is no text");
  return { ca, cert, key, serverName };
}

/** The paths, wherever the next run is started. */
function formatTls({ ca, cert, key, serverName }: TlsFiles): Partial<TlsFiles> {
  return {
    ...(ca === null ? {} : { ca: resolve(ca) }),
    ...(cert === null ? {} : { cert: resolve(cert) }),
    ...(key === null ? {} : { key: resolve(key) }),
    ...(serverName === null ? {} : { serverName }),
  };
}

/** Saves the profile, replacing the one before as a whole. Returns where; null without a home. Throws when it cannot. */
export function writeProfile(terminal: Terminal, profile: Profile): string | null {
  const path = profilePath(terminal.env);
  if (path === null) return null;
  const saved = {
    servers: profile.servers.map(formatServer),
    protocol: profile.protocol,
    ...(profile.httpPort === null ? {} : { httpPort: profile.httpPort }),
    ...(profile.tls === null ? {} : { tls: formatTls(profile.tls) }),
  };
  terminal.replaceFile(path, JSON.stringify(saved, null, 2) + "\n");
  return path;
}

/** A server as it is written: `127.0.0.1:32000`, `[::1]:32000`. */
export function formatServer({ host, port }: ServerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reads `host:port`, `[ipv6]:port`, or a host alone, whose port is 32000.
 *
 * @throws {UsageError} for anything else
 */
export function parseServer(server: string): ServerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d+))?$/.exec(server.trim());
  if (match === null) throw new UsageError(`"${server}" is not HOST:PORT; write 127.0.0.1:32000 or [::1]:32000`);
  return { host: match[1] ?? match[2]!, port: match[3] === undefined ? DEFAULT_PORT : portOf(server, match[3]) };
}

/** The main port unless another is given. */
export const DEFAULT_PORT = 32_000;

function portOf(server: string, digits: string): number {
  try {
    return port(1)(digits);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`"${server}": ${digits} ${error.message}`);
    throw error;
  }
}
