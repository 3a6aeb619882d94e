/**
 * The part of a transport that does not depend on what it runs over: one link to each peer, and the end of a turn, when
 * what was sent in it leaves.
 *
 * @module
 */
import type { PeerStatus, ReplicaId, Transport, TransportListener } from "../../ports/transport.ts";
import type { PeerLink } from "./link_state.ts";
import type { PeerRegistry } from "./registry.ts";

/** A transport made of links. */
export class PeerTransport implements Transport {
  readonly #registry: PeerRegistry;
  /** By the peer's number; none to this replica itself. */
  readonly #links = new Map<ReplicaId, PeerLink>();
  /** The links with frames of this turn. */
  #touched: PeerLink[] = [];
  #isClosed = false;

  /** Calls nobody before {@link listen}. */
  constructor(registry: PeerRegistry, makeLink: (to: ReplicaId) => PeerLink) {
    this.#registry = registry;
    for (const id of registry.others) this.#links.set(id, makeLink(id));
    registry.onCalled = (peer) => this.#links.get(peer)?.hurry();
  }

  listen(listener: TransportListener): void {
    this.#registry.listen(listener);
    if (this.#isClosed) return;
    for (const link of this.#links.values()) link.start();
  }

  send(to: ReplicaId, body: Uint8Array): void {
    const { id, peers, maxFrame_bytes, clock } = this.#registry.settings;
    const link = this.#links.get(to);
    if (link === undefined) {
      throw new RangeError(`replica ${id} cannot send to ${to}: the others of ${peers.length} can be sent to`);
    }
    if (body.length > maxFrame_bytes) {
      throw new RangeError(
        `a frame of ${body.length} bytes to ${this.#registry.nameOf(to)}: the limit is ${maxFrame_bytes}; ` +
          `send it in parts, or raise maxFrame_bytes on every replica`,
      );
    }
    const wasEmpty = link.state.queue.bytes === 0;
    if (!link.state.offer(body) || !wasEmpty) return;
    if (this.#touched.length === 0) clock.defer(() => this.#flush());
    this.#touched.push(link);
  }

  #flush(): void {
    const touched = this.#touched;
    this.#touched = [];
    this.#registry.copies.forget();
    for (const link of touched) link.flush();
  }

  status(): PeerStatus[] {
    return [...this.#links.values()].map((link) => link.state.status());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#registry.close();
    for (const link of this.#links.values()) link.close();
  }
}
