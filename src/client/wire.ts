/**
 * The operations that were sent and wait for their replies, and the sending itself: under which id, with which
 * session fields, and again after a while where messages may get lost.
 *
 * @module
 */
import { ByteWriter } from "../codec/byte_writer.ts";
import { writeOnce } from "../core/kv/command_codec.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Connection } from "./connection.ts";
import type { PendingOperation } from "./pending.ts";

/** Buffers that grew past this are not kept. */
const LARGEST_KEPT_BUFFER = 1024 * 1024;

/** What waits for its reply on the present connection. */
export class Wire {
  #clock: Clock;
  #random: Random;
  #resend_ms: number;
  #resendMax_ms: number;
  #byId = new Map<number, PendingOperation>();
  #nextId = 1;
  #writer = new ByteWriter();

  constructor(clock: Clock, random: Random, resend_ms: number, resendMax_ms: number) {
    this.#clock = clock;
    this.#random = random;
    this.#resend_ms = resend_ms;
    this.#resendMax_ms = resendMax_ms;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** An id for a request or a watch. None is used twice. */
  newId(): number {
    return this.#nextId++;
  }

  /** The operation that waits under `id`. */
  get(id: number): PendingOperation | undefined {
    return this.#byId.get(id);
  }

  /** Sends an operation under a fresh id. */
  send(operation: PendingOperation, connection: Connection): void {
    operation.id = this.newId();
    operation.resends = 0;
    this.#byId.set(operation.id, operation);
    this.#transmit(operation, connection);
  }

  /** Takes an operation off: its reply came, or is not waited for any more. */
  land(operation: PendingOperation): void {
    this.#byId.delete(operation.id);
    operation.id = 0;
    operation.timer?.cancel();
    operation.timer = null;
  }

  /** Takes everything off, in the order in which it was issued: the connection is gone. */
  landAll(): PendingOperation[] {
    const all = [...this.#byId.values()].sort((a, b) => a.number - b.number);
    for (const operation of all) this.land(operation);
    return all;
  }

  #transmit(operation: PendingOperation, connection: Connection): void {
    connection.request(operation.id, this.#bytesOf(operation));
    if (connection.reliable) return;
    const wait_ms = Math.min(this.#resend_ms * 2 ** operation.resends, this.#resendMax_ms);
    operation.timer = this.#clock.after(wait_ms * (0.75 + this.#random.next() / 2), () => {
      operation.timer = null;
      // The copy sent before is on its way still, for all we know.
      operation.inDoubt = true;
      operation.resends++;
      this.#transmit(operation, connection);
    });
  }

  /** What to send, valid until the next call. The session's fields are those of now, the operation is as it was. */
  #bytesOf({ session, sequence, body }: PendingOperation): Uint8Array {
    if (session === null) return body;
    if (this.#writer.bytes.length > LARGEST_KEPT_BUFFER) this.#writer = new ByteWriter();
    this.#writer.reset();
    const { id, incarnation, acknowledged } = session;
    writeOnce(this.#writer, { session: id, incarnation, sequence, acknowledged }, body);
    return this.#writer.view();
  }
}
