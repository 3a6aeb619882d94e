/**
 * An operation that a caller waits for, and the queues it waits in.
 *
 * @module
 */
import { CodecError } from "../codec/byte_reader.ts";
import { type Key, keyToText } from "../codec/bytes.ts";
import type { KvError } from "../core/errors.ts";
import { isRead, type Operation } from "../core/kv/command.ts";
import { decodeResult } from "../core/kv/result_codec.ts";
import type { Result } from "../core/kv/result.ts";
import type { Timer } from "../ports/clock.ts";
import type { Backoff } from "./backoff.ts";
import type { Session } from "./session.ts";

/** What an operation is to the client: how it may be repeated follows from it. */
export type PendingKind =
  /** Changes nothing: sent as it is, as often as needed. */
  | "read"
  /** Sent under the session, always with the same sequence. */
  | "write"
  /** Opens the session: harmless to repeat. */
  | "session";

/** Whether applying the operation may change something. */
export function mutates(operation: Operation): boolean {
  if (operation.type === "txn") return operation.then.some(mutates) || operation.else.some(mutates);
  return !isRead(operation);
}

/** An operation under way. Owned by the dispatcher: nobody else changes it. */
export class PendingOperation {
  readonly kind: PendingKind;
  /** Counts the operations of a client: they are sent in this order. */
  readonly number: number;
  /** The bytes of the operation, without session. */
  readonly body: Uint8Array;
  /** What it is, for messages. */
  readonly type: string;
  readonly key: Key | null;
  /** How long the caller waits at most. */
  readonly deadline_ms: number;
  /** When it was issued, on the monotonic clock. */
  readonly since_ms: number;
  readonly settle: (error: KvError | null, result: Result | null) => void;

  /** The id it was last sent under; 0 while it is not on its way. */
  id = 0;
  session: Session | null = null;
  sequence = 0;
  /** Whether some copy of it was sent whose fate is not known: it may have taken effect, or yet do so. */
  inDoubt = false;
  /** How many servers in a row answered that their disk failed. */
  storageFailures = 0;
  /** The latest refusal, for the message at the deadline. */
  lastError: KvError | null = null;
  settled = false;
  /** Sends it again: over a connection that loses messages, or after a refusal that may pass. */
  timer: Timer | null = null;
  /** How often it was sent again under the present id. */
  resends = 0;
  /** The waits between its refusals. */
  backoff: Backoff | null = null;
  /** Stops listening to the caller's signal. */
  unlisten: (() => void) | null = null;

  queue: PendingQueue | null = null;
  previous: PendingOperation | null = null;
  next: PendingOperation | null = null;

  constructor(
    options: Pick<
      PendingOperation,
      "kind" | "number" | "body" | "type" | "key" | "deadline_ms" | "since_ms" | "settle"
    >,
  ) {
    this.kind = options.kind;
    this.number = options.number;
    this.body = options.body;
    this.type = options.type;
    this.key = options.key;
    this.deadline_ms = options.deadline_ms;
    this.since_ms = options.since_ms;
    this.settle = options.settle;
  }

  /**
   * The result in the bytes of a reply.
   *
   * @throws {CodecError} when there is none, or one that no server gives to this operation
   */
  read(bytes: Uint8Array): Result {
    const result = decodeResult(bytes);
    if (this.kind === "session" && result.type !== "error") {
      // Without an incarnation the session cannot be used: taken for an answer, it would be asked for without end.
      if (result.type !== "session" || result.incarnation < 1) {
        throw new CodecError("an opening without an incarnation");
      }
    }
    return result;
  }

  /** What it is, for people: `put "a"`. */
  describe(): string {
    return this.key === null ? this.type : `${this.type} ${JSON.stringify(keyToText(this.key))}`;
  }
}

/**
 * Operations in the order in which they were issued. One can leave from the middle at no cost, and one that
 * comes back finds its old place again; each is in at most one queue.
 */
export class PendingQueue {
  #first: PendingOperation | null = null;
  #last: PendingOperation | null = null;

  get first(): PendingOperation | null {
    return this.#first;
  }

  /** What is in it, in order, as it is now. */
  list(): PendingOperation[] {
    const all: PendingOperation[] = [];
    for (let operation = this.#first; operation !== null; operation = operation.next) all.push(operation);
    return all;
  }

  /** Adds the operation that was issued last. */
  push(operation: PendingOperation): void {
    this.#insert(operation, this.#last);
  }

  /** Brings operations back, which are in order: each to its place among those that wait. */
  restore(operations: readonly PendingOperation[]): void {
    // From the last to the first: then each finds its place near the front.
    for (let i = operations.length - 1; i >= 0; i--) {
      const operation = operations[i]!;
      let after: PendingOperation | null = null;
      for (let at = this.#first; at !== null && at.number < operation.number; at = at.next) after = at;
      this.#insert(operation, after);
    }
  }

  remove(operation: PendingOperation): void {
    if (operation.queue !== this) throw new Error("the operation is not in this queue");
    if (operation.previous === null) this.#first = operation.next;
    else operation.previous.next = operation.next;
    if (operation.next === null) this.#last = operation.previous;
    else operation.next.previous = operation.previous;
    operation.queue = operation.previous = operation.next = null;
  }

  #insert(operation: PendingOperation, after: PendingOperation | null): void {
    if (operation.queue !== null) throw new Error("the operation is in a queue already");
    operation.queue = this;
    operation.previous = after;
    operation.next = after === null ? this.#first : after.next;
    if (operation.previous === null) this.#first = operation;
    else operation.previous.next = operation;
    if (operation.next === null) this.#last = operation;
    else operation.next.previous = operation;
  }
}
