/**
 * Messages between replicas, as a replication protocol sees them: fire-and-forget frames that may be lost,
 * repeated, reordered and delayed. A transport never throws for a peer that is away.
 *
 * @module
 */

/** The number of a replica: its place in the list of peers, counted from 0. */
export type ReplicaId = number;

/** What a transport tells its owner. */
export interface TransportListener {
  /** A frame arrived. `body` is valid until the call returns; copy what is to be kept. */
  onMessage(from: ReplicaId, body: Uint8Array): void;
}

/** Moves frames between replicas. */
export interface Transport {
  /** Names the owner and starts to take frames. Called once. */
  listen(listener: TransportListener): void;

  /**
   * Sends a frame, or drops it when the peer is away or its queue is full. All frames of one turn to one peer
   * leave in one write. The body is copied before the call returns.
   */
  send(to: ReplicaId, body: Uint8Array): void;

  /** Closes every connection. */
  close(): void;
}
