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

  /**
   * A hint: from now on frames to `peer` have a way to leave, or have none and are dropped. It says nothing of the
   * peer's health, and a transport that knows nothing of the kind never calls it.
   */
  onPeer?(peer: ReplicaId, isConnected: boolean): void;
}

/** What a transport knows of one peer. Counts are since the transport was made. */
export interface PeerStatus {
  /** Which peer. */
  readonly id: ReplicaId;
  /** Whether frames to it have a way to leave. */
  readonly isConnected: boolean;
  /** Why the peer, or what answers at its address, will not talk to this replica; null when nothing of the kind is known. */
  readonly refusal: string | null;
  /** What waits to leave, in bytes: in the transport's queue and in the socket's. */
  readonly queued_bytes: number;
  /** Frames handed to the network. */
  readonly sentFrames: number;
  /** Frames dropped because the peer was away or its queue full. */
  readonly droppedFrames: number;
  /** Frames that came from it. */
  readonly receivedFrames: number;
  /** In how many writes, or requests, the frames were handed to the network. */
  readonly writes: number;
}

/** Moves frames between replicas. */
export interface Transport {
  /** Names the owner and starts to take frames. Called once. */
  listen(listener: TransportListener): void;

  /**
   * Sends a frame, or drops it when the peer is away or its queue is full. All frames of one turn to one peer
   * leave in one write. The body is copied before the call returns.
   *
   * @throws {RangeError} when there is no such peer, or the body is larger than the transport carries
   */
  send(to: ReplicaId, body: Uint8Array): void;

  /** What is known of each peer, in the order of their numbers; this replica itself is left out. */
  status(): PeerStatus[];

  /** Closes every connection. Nothing is delivered, and no hint given, once it has returned. */
  close(): void;
}
