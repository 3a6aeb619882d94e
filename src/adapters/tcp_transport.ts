/**
 * The transport between replicas over TCP: one connection from each replica to each other, which carries frames one
 * way, so that no two replicas have to agree on whose connection stays. Connections come in at the port of the
 * clients; the first byte tells them apart ({@link PEER_FIRST_BYTE}). The bytes are in docs/protocol.md.
 *
 * @module
 */
import type { Transport } from "../ports/transport.ts";
import { peerSettings, type PeerTransportOptions } from "./peers/options.ts";
import type { PeerSocket } from "./peers/peer_socket.ts";
import type { CallerCertificate } from "./tls/caller_certificate.ts";
import { PeerTransport } from "./peers/peer_transport.ts";
import { PeerRegistry } from "./peers/registry.ts";
import { TcpDoor } from "./peers/tcp_door.ts";
import { TcpPeerLink } from "./peers/tcp_link.ts";

export type { ServerAddress } from "../client/connection.ts";
export { PEER_FIRST_BYTE } from "./peers/frame.ts";
export type { NoticeLevel, PeerTransportOptions } from "./peers/options.ts";
export type { PeerSocket } from "./peers/peer_socket.ts";
export type { PeerTls } from "./peers/peer_tls.ts";
export type { CallerCertificate } from "./tls/caller_certificate.ts";
export type { BackoffOptions } from "../client/backoff.ts";
export * from "../ports/clock.ts";
export * from "../ports/random.ts";
export * from "../ports/transport.ts";

/** A transport over TCP. */
export interface TcpTransport extends Transport {
  /**
   * Takes over a connection whose first byte is {@link PEER_FIRST_BYTE}: `head` is what was read from it. Whoever hands
   * it over listens to none of its events any more. `certificate` is who is at its other end, where it speaks TLS.
   */
  accept(socket: PeerSocket, head: Uint8Array, certificate?: CallerCertificate): void;
}

class TcpPeerTransport extends PeerTransport implements TcpTransport {
  readonly #door: TcpDoor;

  constructor(registry: PeerRegistry) {
    super(registry, (to) => new TcpPeerLink(registry, to));
    this.#door = new TcpDoor(registry);
  }

  accept(socket: PeerSocket, head: Uint8Array, certificate?: CallerCertificate): void {
    this.#door.accept(socket, head, certificate);
  }

  override close(): void {
    this.#door.close();
    super.close();
  }
}

/**
 * Makes a transport over TCP. It calls the other replicas from `listen` on, and hears them when their connections are
 * handed to `accept`.
 *
 * @throws {RangeError} for options that cannot be meant
 */
export function createTcpTransport(options: PeerTransportOptions): TcpTransport {
  return new TcpPeerTransport(new PeerRegistry(peerSettings(options)));
}
