/**
 * The transport between replicas over HTTP, for networks in which nothing else passes: frames in the bodies of POST
 * requests, at most one request in flight from each replica to each other. What it costs is the time of an exchange
 * before the frames of the next turn can leave. The requests are in docs/protocol.md.
 *
 * @module
 */
import type { Hono } from "hono";
import type { Transport } from "../ports/transport.ts";
import { HttpDoor } from "./peers/http_door.ts";
import { HttpPeerLink } from "./peers/http_link.ts";
import { peerSettings, type PeerTransportOptions } from "./peers/options.ts";
import { PeerTransport } from "./peers/peer_transport.ts";
import { PeerRegistry } from "./peers/registry.ts";

export type { NoticeLevel, PeerTransportOptions } from "./peers/options.ts";

/** A transport over HTTP. */
export interface HttpTransport extends Transport {
  /**
   * The route at which other replicas' frames are taken, to be mounted at the root of the server's app. The server
   * must take bodies of the largest frame and 8 MiB.
   */
  routes(): Hono;
}

class HttpPeerTransport extends PeerTransport implements HttpTransport {
  readonly #door: HttpDoor;

  constructor(registry: PeerRegistry) {
    super(registry, (to) => new HttpPeerLink(registry, to));
    this.#door = new HttpDoor(registry);
  }

  routes(): Hono {
    return this.#door.routes();
  }
}

/**
 * Makes a transport over HTTP. `peers` are the addresses of the replicas' HTTP servers. It calls the other replicas
 * from `listen` on, and hears them when its routes are mounted.
 *
 * @throws {RangeError} for options that cannot be meant
 */
export function createHttpTransport(options: PeerTransportOptions): HttpTransport {
  return new HttpPeerTransport(new PeerRegistry(peerSettings(options)));
}
