/**
 * What a replica has to say at the end of a turn: all messages for one replica leave in one frame. What it says to itself
 * is kept apart, and heard before the turn ends.
 *
 * @module
 */
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import { beginFrame, encodeMessage } from "./message_codec.ts";
import type { Message } from "./messages.ts";

/** A frame is closed, and another begun, once it has so many bytes. */
const FRAME_BYTES = 256 * 1024;

/** A frame of so many bytes has its tag and nothing else. */
const EMPTY_BYTES = 4;

/** Messages on their way out. */
export class Outbox {
  readonly #id: ReplicaId;
  readonly #tag: number;
  readonly #transport: Transport;
  readonly #frames = new Map<ReplicaId, ByteWriter>();
  #local: Message[] = [];

  /** Of the replica `id`, whose log's identity has this tag. */
  constructor(id: ReplicaId, tag: number, transport: Transport) {
    this.#id = id;
    this.#tag = tag;
    this.#transport = transport;
  }

  /** Whether something waits to be sent to others. */
  get hasMessages(): boolean {
    for (const frame of this.#frames.values()) if (frame.length > EMPTY_BYTES) return true;
    return false;
  }

  /** Takes a message. */
  send(to: ReplicaId, message: Message): void {
    if (to === this.#id) {
      this.#local.push(message);
      return;
    }
    let frame = this.#frames.get(to);
    if (frame === undefined) {
      frame = new ByteWriter(1024);
      beginFrame(frame, this.#tag);
      this.#frames.set(to, frame);
    }
    frame.blob(encodeMessage(message));
    if (frame.length >= FRAME_BYTES) this.#flush(to, frame);
  }

  /** The messages of the replica to itself since the last call. */
  takeLocal(): readonly Message[] {
    const local = this.#local;
    this.#local = [];
    return local;
  }

  /** Sends what has gathered. */
  flush(): void {
    for (const [to, frame] of this.#frames) if (frame.length > EMPTY_BYTES) this.#flush(to, frame);
  }

  #flush(to: ReplicaId, frame: ByteWriter): void {
    this.#transport.send(to, frame.view());
    frame.reset();
    beginFrame(frame, this.#tag);
  }
}
