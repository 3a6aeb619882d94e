/**
 * Which of the others can be reached: the transport's word where it gives one, and otherwise whether they answer. It is
 * a guess, for refusing soon what would fail late and for people; no promise rests on it.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";

/** What {@link Peers} are made of. */
export interface PeersOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  /** Who does not answer for so long is missing. */
  readonly silence_ms: number;
  /** Says something to a replica that it answers. */
  readonly probe: (to: ReplicaId) => void;
  /** A replica is missing, or not any more. */
  readonly onMissing: (replica: ReplicaId, isMissing: boolean) => void;
}

interface Peer {
  readonly id: ReplicaId;
  heardAt: number;
  /** When it was asked first without an answer; null when nothing is open. */
  askedAt: number | null;
  probedAt: number;
  /** Since when the transport has no way to it; null while it has one. */
  cutAt: number | null;
  isMissing: boolean;
}

/** The other replicas, as far as they can be reached. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers: readonly (Peer | null)[];
  #deadline: number;

  /** All of them are there until they do not answer. */
  constructor(now: number, options: PeersOptions) {
    this.#options = options;
    const { id, replicas } = options;
    this.#peers = Array.from(
      { length: replicas },
      (_, peer) =>
        peer === id ? null : { id: peer, heardAt: now, askedAt: now, probedAt: now, cutAt: null, isMissing: false },
    );
    this.#deadline = replicas === 1 ? Number.POSITIVE_INFINITY : now;
  }

  /** Those that cannot be reached. */
  get missing(): ReplicaId[] {
    return this.#peers.flatMap((peer) => peer?.isMissing === true ? [peer.id] : []);
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    return this.#deadline;
  }

  /** A replica said something. */
  heard(from: ReplicaId, now: number): void {
    const peer = this.#peers[from];
    if (peer == null) return;
    peer.heardAt = now;
    peer.askedAt = null;
    this.#judge(peer, now);
  }

  /** The transport has found a way to a replica, or lost it. */
  onPeer(id: ReplicaId, isConnected: boolean, now: number): void {
    const peer = this.#peers[id];
    if (peer == null) return;
    if (!isConnected) peer.cutAt ??= now;
    else {
      peer.cutAt = null;
      // What was asked before had no way to it.
      peer.askedAt = null;
    }
    this.#judge(peer, now);
    this.#deadline = Math.min(this.#deadline, now + this.#grace_ms);
  }

  /** A way that is lost for less is as good as none lost: connections come back. */
  get #grace_ms(): number {
    return this.#options.silence_ms / 4;
  }

  /** Asks those that were silent, and finds out who is missing. */
  onTick(now: number): void {
    if (now < this.#deadline) return;
    const { silence_ms } = this.#options;
    // Who is missing holds up every write: its return is wanted soon.
    this.#deadline = now + (this.missing.length > 0 ? silence_ms / 10 : this.#grace_ms);
    for (const peer of this.#peers) {
      if (peer === null) continue;
      const probe_ms = peer.isMissing ? silence_ms / 10 : silence_ms / 2;
      if (now - peer.heardAt >= probe_ms && now - peer.probedAt >= probe_ms) {
        peer.probedAt = now;
        peer.askedAt ??= now;
        this.#options.probe(peer.id);
      }
      this.#judge(peer, now);
    }
  }

  #judge(peer: Peer, now: number): void {
    const isCut = peer.cutAt !== null && now - peer.cutAt >= this.#grace_ms;
    const isSilent = peer.askedAt !== null && now - peer.askedAt >= this.#options.silence_ms;
    if (peer.isMissing === (isCut || isSilent)) return;
    peer.isMissing = isCut || isSilent;
    this.#options.onMissing(peer.id, peer.isMissing);
  }
}
