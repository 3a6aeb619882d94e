/**
 * A TCP server that speaks TLS, for who would otherwise have one that does not: what it hands on are sockets.
 *
 * @module
 */
import { createServer, type TLSSocket } from "node:tls";
import type { Server, ServerOpts } from "node:net";
import { guardHandshakes, HANDSHAKE_MS, type HandshakeGuard, type Handshakes } from "./handshakes.ts";

/** What a server is made of. */
export interface SecureServerOptions extends HandshakeGuard {
  /** Whether some of those who come are replicas. */
  readonly hearsReplicas: boolean;
  /** As for a server without TLS. */
  readonly socket: ServerOpts;
  /** How long a handshake may take, in milliseconds. @default 10000 */
  readonly handshakeTimeout_ms?: number;
  /** Takes a connection whose handshake is over. */
  readonly onConnection: (socket: TLSSocket) => void;
}

/** Makes a server, which does not listen yet. */
export function createSecureServer(options: SecureServerOptions): { readonly server: Server } & Handshakes {
  const { identity, hearsReplicas, socket, onConnection } = options;
  const server = createServer({
    ...identity.settings(hearsReplicas),
    ...socket,
    handshakeTimeout: options.handshakeTimeout_ms ?? HANDSHAKE_MS,
  }, (secure) => {
    if (!secure.destroyed) onConnection(secure);
  });
  identity.attach(server, hearsReplicas);
  return { server, cut: guardHandshakes(server, options).cut };
}
