/**
 * How sockets to servers are opened: plainly or over TLS. Whoever speaks over the socket does not care which, but for when
 * it may begin and what a failure means.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { ServerAddress } from "../client/connection.ts";
import { KvError } from "../core/errors.ts";
import { runtimeModule } from "./runtime_modules.ts";
import { addressText, MAYBE_TLS, socketError } from "./socket_errors.ts";

/** Opens sockets to servers. */
export interface Caller {
  /** The event of a socket from which on it can be written to. */
  readonly ready: "connect" | "secureConnect";
  /** Begins to open a socket. */
  call(address: ServerAddress): Socket;
  /** Why a socket failed. */
  errorOf(address: ServerAddress, cause: unknown): KvError;
  /** What it may mean that a server closed the socket before it had answered anything. */
  endedEarly(address: ServerAddress): KvError;
}

/** Opens plain sockets. */
export const plainCaller: Caller = {
  ready: "connect",
  call: ({ host, port }) => runtimeModule("node:net").connect({ host, port, noDelay: true, keepAlive: true }),
  errorOf: socketError,
  endedEarly: (address) =>
    new KvError("UNAVAILABLE", `${addressText(address)} closed the connection before it answered${MAYBE_TLS}`),
};
