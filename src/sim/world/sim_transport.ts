/**
 * The replicas' own transport over the simulated network: every frame travels alone, and may be lost, repeated,
 * overtaken and late, more than a real connection would do to it.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import type { PeerStatus, ReplicaId, Transport, TransportListener } from "../../ports/transport.ts";
import type { Network } from "./network.ts";
import type { ProcessClock } from "./virtual_time.ts";

/** Finds the transport of the present life of a replica; null while it is down. */
export type FindTransport = (id: ReplicaId) => SimTransport | null;

/** What a transport is made of. */
export interface SimTransportOptions {
  /** Whose it is. */
  readonly id: ReplicaId;
  readonly network: Network;
  /** Of the life that it serves. */
  readonly clock: ProcessClock;
  readonly find: FindTransport;
  /** Called for every frame that arrives: a place where the machine may die. */
  readonly onFrame: () => void;
  /** Says in a few words what a frame is. */
  readonly describe?: ((frame: Uint8Array) => string) | undefined;
}

/** The transport of one life of a replica. */
export class SimTransport implements Transport {
  #id: ReplicaId;
  #network: Network;
  #clock: ProcessClock;
  #find: FindTransport;
  #onFrame: () => void;
  #describe: ((frame: Uint8Array) => string) | null;
  #listener: TransportListener | null = null;
  #isClosed = false;
  #sent: number[] = [];
  #dropped: number[] = [];
  #received: number[] = [];

  constructor(options: SimTransportOptions) {
    this.#id = options.id;
    this.#network = options.network;
    this.#clock = options.clock;
    this.#find = options.find;
    this.#onFrame = options.onFrame;
    this.#describe = options.describe ?? null;
  }

  listen(listener: TransportListener): void {
    if (this.#listener !== null) throw new RangeError("the transport has a listener already");
    this.#listener = listener;
  }

  send(to: ReplicaId, body: Uint8Array): void {
    if (!Number.isInteger(to) || to < 0 || to >= this.#network.replicas || to === this.#id) {
      throw new RangeError(
        `replica ${this.#id} cannot send to ${to}: the others of ${this.#network.replicas} can be sent to`,
      );
    }
    if (this.#isClosed || !this.#clock.isAlive) {
      this.#dropped[to] = (this.#dropped[to] ?? 0) + 1;
      return;
    }
    this.#sent[to] = (this.#sent[to] ?? 0) + 1;
    const copy = body.slice();
    const network = this.#network;
    // Words cost time: they are made only where somebody reads them.
    const describe = this.#describe;
    const words = describe !== null && network.isWatched ? describe(copy) : undefined;
    network.sendLoose(this.#id, to, "frame", crc32(copy), () => this.#find(to)?.receive(this.#id, copy), words);
  }

  /** Takes a frame off the network. */
  receive(from: ReplicaId, body: Uint8Array): void {
    this.#clock.run(() => {
      this.#onFrame();
      if (!this.#clock.isAlive || this.#isClosed) return;
      this.#received[from] = (this.#received[from] ?? 0) + 1;
      this.#listener?.onMessage(from, body);
    });
  }

  status(): PeerStatus[] {
    const peers: PeerStatus[] = [];
    for (let id = 0; id < this.#network.replicas; id++) {
      if (id === this.#id) continue;
      const sentFrames = this.#sent[id] ?? 0;
      const peer = this.#find(id);
      peers.push({
        id,
        isConnected: !this.#isClosed && peer !== null && !peer.#isClosed,
        refusal: null,
        queued_bytes: 0,
        sentFrames,
        droppedFrames: this.#dropped[id] ?? 0,
        receivedFrames: this.#received[id] ?? 0,
        writes: sentFrames,
      });
    }
    return peers;
  }

  close(): void {
    this.#isClosed = true;
  }
}
