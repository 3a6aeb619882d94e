/**
 * The way between replicas that live in one process: for tests, for demonstrations, and to try a state machine of one's
 * own on several replicas before there is a network.
 *
 * Invariant: a frame is delivered in a later turn than it was sent in, from memory that the sender does not have, as
 * from a network; so what works here does not lean on a transport that answers at once.
 *
 * @module
 */
import type { PeerStatus, ReplicaId, Transport, TransportListener } from "../ports/transport.ts";

interface Counts {
  sent: number;
  dropped: number;
  received: number;
  queued_bytes: number;
}

class MemoryTransport implements Transport {
  readonly #id: ReplicaId;
  readonly #all: readonly MemoryTransport[];
  readonly #counts: Counts[];
  #listener: TransportListener | null = null;
  #isClosed = false;

  constructor(id: ReplicaId, all: readonly MemoryTransport[], replicas: number) {
    this.#id = id;
    this.#all = all;
    this.#counts = Array.from({ length: replicas }, () => ({ sent: 0, dropped: 0, received: 0, queued_bytes: 0 }));
  }

  get #isOpen(): boolean {
    return this.#listener !== null && !this.#isClosed;
  }

  listen(listener: TransportListener): void {
    if (this.#listener !== null) throw new RangeError("the transport has a listener already");
    this.#listener = listener;
  }

  send(to: ReplicaId, body: Uint8Array): void {
    const peer = this.#all[to];
    if (peer === undefined || peer === this) {
      throw new RangeError(
        `replica ${this.#id} cannot send to ${to}: the others of ${this.#all.length} can be sent to`,
      );
    }
    const counts = this.#counts[to]!;
    if (this.#isClosed || !peer.#isOpen) {
      counts.dropped++;
      return;
    }
    const copy = new Uint8Array(body);
    counts.sent++;
    counts.queued_bytes += copy.length;
    queueMicrotask(() => {
      counts.queued_bytes -= copy.length;
      if (!this.#isClosed) peer.#receive(this.#id, copy);
    });
  }

  #receive(from: ReplicaId, body: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#counts[from]!.received++;
    this.#listener!.onMessage(from, body);
  }

  status(): PeerStatus[] {
    const peers: PeerStatus[] = [];
    for (const [id, peer] of this.#all.entries()) {
      if (peer === this) continue;
      const { sent, dropped, received, queued_bytes } = this.#counts[id]!;
      peers.push({
        id,
        isConnected: this.#isOpen && peer.#isOpen,
        refusal: null,
        queued_bytes,
        sentFrames: sent,
        droppedFrames: dropped,
        receivedFrames: received,
        writes: sent,
      });
    }
    return peers;
  }

  close(): void {
    this.#isClosed = true;
  }
}

/**
 * Makes the transports of `replicas` replicas in this process; the one at place `i` is replica `i`'s. Frames to a
 * replica that does not listen yet, or has closed its transport, are dropped.
 *
 * @throws {RangeError} unless `replicas` is a whole number from 1 on
 *
 * @example
 * ```ts
 * import { createMemoryTransports } from "./memory_transport.ts";
 *
 * const [here, there] = createMemoryTransports(2);
 * there!.listen({ onMessage: (from, body) => console.log(from, body) });
 * here!.send(1, new Uint8Array([1, 2, 3]));
 * ```
 */
export function createMemoryTransports(replicas: number): Transport[] {
  if (!Number.isInteger(replicas) || replicas < 1) {
    throw new RangeError(`replicas is ${replicas}; it is a whole number from 1 on`);
  }
  const all: MemoryTransport[] = [];
  for (let id = 0; id < replicas; id++) all.push(new MemoryTransport(id, all, replicas));
  return all;
}
