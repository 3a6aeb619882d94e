/**
 * Every operation of a client that is under way, from its making to its end.
 *
 * Invariants: each is settled exactly once: with its result, with an error that says that nothing was changed, or with
 * `OutcomeUnknown` when some copy of it may have been applied; each has a deadline, so no caller waits for ever.
 *
 * @module
 */
import { ByteWriter } from "../codec/byte_writer.ts";
import type { Key } from "../codec/bytes.ts";
import { type KvError, OutcomeUnknown } from "../core/errors.ts";
import type { Operation } from "../core/kv/command.ts";
import { writeCommand } from "../core/kv/command_codec.ts";
import type { Result } from "../core/kv/result.ts";
import { STALE_READ } from "../core/kv/stale_read.ts";
import type { Clock } from "../ports/clock.ts";
import { Deadlines } from "./deadlines.ts";
import { type PendingKind, PendingOperation } from "./pending.ts";
import type { Wire } from "./wire.ts";

/** Buffers that grew past this are not kept. */
const LARGEST_KEPT_BUFFER = 1024 * 1024;

/** What is asked of a server. */
export interface Request {
  readonly kind: PendingKind;
  readonly command: Operation | { readonly type: "openSession"; readonly session: Key };
  readonly deadline_ms: number;
  /** Whether a read may be answered from a state that is not the latest. */
  readonly isStale: boolean;
  /** Called once, with an error or with a result. */
  readonly settle: PendingOperation["settle"];
}

/** The operations under way. */
export class Ledger {
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #deadlines: Deadlines;
  /** How many operations callers wait for: the opening of a session is none. */
  #size = 0;
  #nextNumber = 1;
  #writer = new ByteWriter();
  #idle: (() => void)[] = [];

  /** `onDeadline` has to settle the operation that it is given. */
  constructor(clock: Clock, wire: Wire, onDeadline: (operation: PendingOperation) => void) {
    this.#clock = clock;
    this.#wire = wire;
    this.#deadlines = new Deadlines(clock, onDeadline);
  }

  /** How many operations callers wait for. */
  get size(): number {
    return this.#size;
  }

  /** Those operations, as they are now, in the order in which they were issued. */
  list(): PendingOperation[] {
    return this.#deadlines.list().filter(({ kind }) => kind !== "session").sort((a, b) => a.number - b.number);
  }

  /** Resolves when no caller waits. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#size === 0) resolve();
      else this.#idle.push(resolve);
    });
  }

  /** Begins an operation. The bytes in its command are copied before this returns. */
  begin({ kind, command, deadline_ms, isStale, settle }: Request): PendingOperation {
    const writer = this.#writer;
    if (writer.bytes.length > LARGEST_KEPT_BUFFER) this.#writer = new ByteWriter();
    writer.reset();
    if (isStale) writer.u8(STALE_READ);
    writeCommand(writer, command);
    const operation = new PendingOperation({
      kind,
      number: this.#nextNumber++,
      body: writer.take(),
      type: command.type,
      key: "key" in command ? command.key : null,
      deadline_ms,
      since_ms: this.#clock.monotonic(),
      settle,
    });
    this.#deadlines.add(operation);
    if (kind !== "session") this.#size++;
    return operation;
  }

  /** Settles with `error`, or with what is true of a write of which some copy may have been applied. */
  fail(operation: PendingOperation, error: KvError): void {
    if (operation.kind !== "write" || !operation.inDoubt || error.code === "OUTCOME_UNKNOWN") {
      this.settle(operation, error, null);
      return;
    }
    const message = `${operation.describe()} was sent, and whether it took effect is not known: ${error.message}`;
    const cause = error.code === "ABORTED" ? error.cause : error;
    this.settle(operation, new OutcomeUnknown(message, { cause }), null);
  }

  /** Ends an operation, wherever it waits. */
  settle(operation: PendingOperation, error: KvError | null, result: Result | null): void {
    if (operation.settled) throw new Error("an operation was settled twice");
    operation.settled = true;
    operation.queue?.remove(operation);
    if (operation.id !== 0) this.#wire.land(operation);
    operation.timer?.cancel();
    operation.unlisten?.();
    operation.session?.finish(operation.sequence);
    this.#deadlines.remove(operation);
    if (operation.kind !== "session") this.#size--;
    operation.settle(error, result);
    if (this.#size === 0 && this.#idle.length > 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** No deadline passes any more. */
  close(): void {
    this.#deadlines.close();
  }
}
