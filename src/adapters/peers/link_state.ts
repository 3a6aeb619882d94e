/**
 * The state of the way to one peer: connected or not and why not, what waits, and how often to call.
 *
 * Invariants: the queue is bounded, and empty while the peer is away; the operator hears of each change once.
 *
 * @module
 */
import { Backoff } from "../../client/backoff.ts";
import type { PeerStatus, ReplicaId } from "../../ports/transport.ts";
import { type Batch, FrameQueue } from "./frame_queue.ts";
import { FRAME_HEADER_BYTES, TYPE_MESSAGE } from "./frame.ts";
import type { PeerRegistry } from "./registry.ts";

/** A connection that lasted this long was a good one: the next call need not wait longer than the first. */
const STABLE_MS = 1000;

/** Sends to one peer. */
export interface PeerLink {
  readonly state: LinkState;
  /** Begins to call the peer. */
  start(): void;
  /** Lets leave what waits. Called once in a turn in which something was added. */
  flush(): void;
  /** The peer is up: do not wait with the next call. */
  hurry(): void;
  /** Ends everything. */
  close(): void;
}

/** The state of the way to one peer. */
export class LinkState {
  readonly to: ReplicaId;
  readonly queue: FrameQueue;
  /** What the link holds beyond the queue, in bytes. Set by the link. */
  pending_bytes: () => number = () => 0;
  #registry: PeerRegistry;
  #backoff: Backoff;
  #isConnected = false;
  #connected_ms = 0;
  #refusal: string | null = null;
  /** The trouble that the operator was told of; null after a success. */
  #trouble: string | null = null;
  #sent = 0;
  #dropped = 0;
  #writes = 0;

  /** Not connected. */
  constructor(registry: PeerRegistry, to: ReplicaId) {
    this.#registry = registry;
    this.to = to;
    this.queue = new FrameQueue(registry.copies);
    this.#backoff = new Backoff(registry.settings.random, registry.settings.backoff);
  }

  /** Whether frames have a way to leave. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Why the peer does not hear this replica, if it said so. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Puts a frame into the queue, or drops it; whether it waits now. */
  offer(body: Uint8Array): boolean {
    const waiting_bytes = this.queue.bytes + this.pending_bytes() + FRAME_HEADER_BYTES + body.length;
    if (!this.#isConnected || waiting_bytes > this.#registry.settings.maxQueue_bytes) {
      this.#dropped++;
      return false;
    }
    this.queue.add(TYPE_MESSAGE, body);
    return true;
  }

  /** Counts what has left in one write. */
  left(batch: Batch): void {
    this.#sent += batch.frames;
    this.#writes++;
  }

  /** The peer answered, and hears this replica. */
  connected(): void {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#connected_ms = this.#registry.settings.clock.monotonic();
    this.#refusal = null;
    this.#trouble = null;
    this.#registry.say("info", `connected to ${this.#registry.nameOf(this.to)}`);
    this.#registry.hint(this.to, true);
  }

  /**
   * A call failed, or a connection: `why`, in words. With `isRefusal` whoever answered will not hear this replica.
   * Returns how long to wait before the next call, in milliseconds.
   */
  failed(why: string, isRefusal: boolean): number {
    const registry = this.#registry;
    const name = registry.nameOf(this.to);
    const wasConnected = this.#isConnected;
    if (wasConnected && registry.settings.clock.monotonic() - this.#connected_ms >= STABLE_MS) this.#backoff.reset();
    this.#isConnected = false;
    this.#dropped += this.queue.clear();
    // A peer that refused and is away now has not changed its mind yet.
    if (isRefusal) this.#refusal = why;
    if (why !== this.#trouble) {
      this.#trouble = why;
      if (isRefusal) registry.say("warning", `${name} does not hear this replica: ${why}`);
      else if (wasConnected) registry.say("warning", `lost the connection to ${name}: ${why}`);
      else registry.say("info", `cannot reach ${name}: ${why}`);
    }
    if (wasConnected) registry.hint(this.to, false);
    return this.#backoff.fail();
  }

  /** The transport is closed. */
  close(): void {
    this.#isConnected = false;
    this.#dropped += this.queue.clear();
  }

  /** Figures. */
  status(): PeerStatus {
    return {
      id: this.to,
      isConnected: this.#isConnected,
      refusal: this.#refusal,
      queued_bytes: this.queue.bytes + this.pending_bytes(),
      sentFrames: this.#sent,
      droppedFrames: this.#dropped,
      receivedFrames: this.#registry.receivedFrom(this.to),
      writes: this.#writes,
    };
  }
}
