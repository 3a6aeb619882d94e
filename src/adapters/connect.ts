/**
 * A client on the system's clock, randomness and network, in one call.
 *
 * @module
 */
import type { ValueCodec } from "../client/codecs.ts";
import type { Connector, ServerAddress } from "../client/connection.ts";
import { KVClient } from "../client/kv_client.ts";
import type { ClientTuning } from "../client/options.ts";
import { KvError } from "../core/errors.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { httpConnector } from "./http_connection.ts";
import { rpcConnector } from "./rpc_connection.ts";
import { systemClock } from "./system_clock.ts";
import { systemRandom } from "./system_random.ts";
import { tcpConnector } from "./tcp_connection.ts";
import { type TlsCaller, tlsCallerOf } from "./tls/caller.ts";
import type { TlsOptions } from "./tls/options.ts";
import { udpConnector } from "./udp_connection.ts";

/** How a client speaks to its servers: over sockets, through the REST routes, or through the typed RPC stub. */
export type Protocol = "tcp" | "udp" | "http" | "rpc";

/** What {@link connect} takes. */
export interface ConnectOptions extends ClientTuning {
  /**
   * The servers: `"host:port"`, several with commas between, or a list of these or of addresses. For `http` and
   * `rpc` the port is the HTTP port, by convention the other one plus 1000. @default "127.0.0.1:32000", or 33000
   */
  readonly servers?: string | readonly (string | ServerAddress)[];
  /** How to speak to the servers. @default "tcp" */
  readonly protocol?: Protocol;
  /** The user whose password it is. @default the server's own password needs none */
  readonly user?: string;
  /** The servers' password; with a user, that user's password or token; over HTTP, a token alone will do. @default none */
  readonly password?: string;
  /**
   * Speak TLS, over all protocols but UDP: `true` trusts the authorities that the runtime and the system trust. A server
   * that cannot be trusted is passed over; when none is left, what was asked rejects with `TLS_FAILED`. @default false
   */
  readonly tls?: boolean | TlsOptions;
}

/** The ports that servers listen on unless told otherwise. */
const DEFAULT_PORT: Readonly<Record<Protocol, number>> = { tcp: 32000, udp: 32000, http: 33000, rpc: 33000 };

/**
 * The system's clock with timers that keep the process alive: an operation that waits for a server to come back
 * has nothing else that would.
 */
const clientClock: Clock = {
  ...systemClock,
  after(delay_ms: number, callback: () => void): Timer {
    const timer = setTimeout(callback, delay_ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * A client. Nothing is connected before its first operation.
 *
 * @example
 * ```ts
 * import { connect, stringCodec } from "@x/kvpaxos";
 *
 * async function example(): Promise<void> {
 *   await using client = connect({ servers: "10.0.0.1:32000,10.0.0.2:32000", codec: stringCodec });
 *   await client.put("k", "v");
 * }
 * void example;
 * ```
 *
 * @example Over TLS
 * ```ts
 * import { connect } from "@x/kvpaxos";
 * import { readFileSync } from "node:fs";
 *
 * async function example(): Promise<void> {
 *   const tls = { ca: readFileSync("ca.pem", "utf8") };
 *   await using client = connect({ servers: "kv-0.example:32000,kv-1.example:32000", tls });
 *   await client.ping();
 * }
 * void example;
 * ```
 *
 * @throws {KvError} `INVALID_ARGUMENT` for what makes no sense
 */
export function connect(options?: ConnectOptions): KVClient;
/** A client whose values are of another type than bytes. */
export function connect<Value>(options: ConnectOptions & { readonly codec: ValueCodec<Value> }): KVClient<Value>;
export function connect<Value>(
  options: ConnectOptions & { readonly codec?: ValueCodec<Value> } = {},
): KVClient<Value> {
  const { protocol = "tcp", servers: given = [], password: _password, user: _user, tls: _tls, ...rest } = options;
  const fallback = DEFAULT_PORT[protocol];
  if (fallback === undefined) {
    throw new KvError("INVALID_ARGUMENT", `protocol "${String(protocol)}"; it is tcp, udp, http or rpc`);
  }
  const listed = (typeof given === "string" ? given.split(",") : given).map((server) => addressOf(server, fallback));
  const servers = listed.length === 0 ? [{ host: "127.0.0.1", port: fallback }] : listed;
  const connector = connectorOf(protocol, options);
  return new KVClient<Value>({ ...rest, servers, connector, clock: clientClock, random: systemRandom });
}

function connectorOf(protocol: Protocol, { user, password, tls }: ConnectOptions): Connector {
  if (user !== undefined && password === undefined) {
    throw new KvError("INVALID_ARGUMENT", `user "${user}" without a password; give one, or neither`);
  }
  const secret = { ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) };
  const caller = callerOf(tls ?? false);
  const https = caller === null ? {} : { secure: true, fetch: caller.fetch };
  switch (protocol) {
    case "tcp":
      return tcpConnector({ ...secret, ...(caller === null ? {} : { caller }) });
    case "udp":
      if (caller !== null) throw new KvError("INVALID_ARGUMENT", "there is no TLS over UDP; use tcp, http or rpc");
      if (password !== undefined) {
        throw new KvError(
          "INVALID_ARGUMENT",
          "a password over UDP, which would carry it in every datagram; use tcp or http",
        );
      }
      return udpConnector();
    case "http":
      return httpConnector({ ...secret, ...https });
    case "rpc":
      return rpcConnector({ ...secret, ...https });
  }
}

/** What `tls: true` stands for. */
const DEFAULT_TLS: TlsOptions = {};

function callerOf(tls: boolean | TlsOptions): TlsCaller | null {
  if (typeof tls === "object") return tlsCallerOf(tls);
  return tls ? tlsCallerOf(DEFAULT_TLS) : null;
}

/** An address as people write it: `host`, `host:port`, `[v6]:port`. */
function addressOf(server: string | ServerAddress, fallback: number): ServerAddress {
  const { host, port } = typeof server === "string" ? parseAddress(server.trim(), fallback) : server;
  if (host === "" || !Number.isInteger(port) || port < 1 || port > 65535) {
    const text = typeof server === "string" ? server : `${host}:${port}`;
    throw new KvError("INVALID_ARGUMENT", `server "${text}"; write host:port, with a port from 1 to 65535`);
  }
  return { host, port };
}

function parseAddress(text: string, fallback: number): ServerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return { host: "", port: 0 };
  return { host: match[1] ?? match[2]!, port: match[3] === undefined ? fallback : Number(match[3]) };
}
