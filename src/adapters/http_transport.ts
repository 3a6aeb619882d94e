/**
 * The transport between replicas over HTTP, for networks in which nothing else passes: frames in the bodies of POST
 * requests, at most one request in flight from each replica to each other. What it costs is the time of an exchange
 * before the frames of the next turn can leave. The requests are in docs/protocol.md.
 *
 * @module
 */
import type { Transport } from "../ports/transport.ts";
import type { CallerCertificate } from "./tls/caller_certificate.ts";
import { HttpDoor } from "./peers/http_door.ts";
import { HttpPeerLink } from "./peers/http_link.ts";
import { peerSettings, type PeerTransportOptions } from "./peers/options.ts";
import { PeerTransport } from "./peers/peer_transport.ts";
import { PeerRegistry } from "./peers/registry.ts";

export { PEER_PATH } from "./peers/http_hello.ts";
export type { ServerAddress } from "../client/connection.ts";
export type { NoticeLevel, PeerTransportOptions } from "./peers/options.ts";
export type { PeerTls } from "./peers/peer_tls.ts";
export type { CallerCertificate } from "./tls/caller_certificate.ts";
export type { BackoffOptions } from "../client/backoff.ts";
export * from "../ports/clock.ts";
export * from "../ports/random.ts";
export * from "../ports/transport.ts";

/** A transport over HTTP. */
export interface HttpTransport extends Transport {
  /**
   * Takes the frames of other replicas: answers `POST` requests of {@link PEER_PATH}, and 404 to all others. Whatever
   * serves it must take bodies of the largest frame and 8 MiB. `certificate` is who calls, over HTTPS.
   */
  fetch(request: Request, certificate?: CallerCertificate): Promise<Response>;
}

class HttpPeerTransport extends PeerTransport implements HttpTransport {
  readonly #door: HttpDoor;

  constructor(registry: PeerRegistry) {
    super(registry, (to) => new HttpPeerLink(registry, to));
    this.#door = new HttpDoor(registry);
  }

  fetch(request: Request, certificate?: CallerCertificate): Promise<Response> {
    return this.#door.fetch(request, certificate);
  }
}

/**
 * Makes a transport over HTTP. `peers` are the addresses of the replicas' HTTP servers. It calls the other replicas
 * from `listen` on, and hears them when its `fetch` is served.
 *
 * @throws {RangeError} for options that cannot be meant
 */
export function createHttpTransport(options: PeerTransportOptions): HttpTransport {
  return new HttpPeerTransport(new PeerRegistry(peerSettings(options)));
}
