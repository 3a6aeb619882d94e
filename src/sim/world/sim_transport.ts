/**
 * The replicas' own transport over the simulated network: every frame travels alone, and may be lost, repeated,
 * overtaken and late, more than a real connection would do to it.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import type { ReplicaId, Transport, TransportListener } from "../../ports/transport.ts";
import type { Network } from "./network.ts";
import type { ProcessClock } from "./virtual_time.ts";

/** Finds the transport of the present life of a replica; null while it is down. */
export type FindTransport = (id: ReplicaId) => SimTransport | null;

/** The transport of one life of a replica. */
export class SimTransport implements Transport {
  #id: ReplicaId;
  #network: Network;
  #clock: ProcessClock;
  #find: FindTransport;
  /** A place where the machine may die. */
  #onFrame: () => void;
  #listener: TransportListener | null = null;
  #isClosed = false;

  constructor(id: ReplicaId, network: Network, clock: ProcessClock, find: FindTransport, onFrame: () => void) {
    this.#id = id;
    this.#network = network;
    this.#clock = clock;
    this.#find = find;
    this.#onFrame = onFrame;
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
    if (this.#isClosed || !this.#clock.isAlive) return;
    const copy = body.slice();
    this.#network.sendLoose(this.#id, to, "frame", crc32(copy), () => this.#find(to)?.receive(this.#id, copy));
  }

  /** Takes a frame off the network. */
  receive(from: ReplicaId, body: Uint8Array): void {
    this.#clock.run(() => {
      this.#onFrame();
      if (this.#clock.isAlive && !this.#isClosed) this.#listener?.onMessage(from, body);
    });
  }

  close(): void {
    this.#isClosed = true;
  }
}
