/**
 * Histories: what clients did and saw, as events in the order in which they happened, and as operations. The
 * order of the events is the order of the array; times are for people only. What is not known is never guessed:
 * an operation without an answer, or with the answer `info`, has the outcome "unknown" and may take effect at any
 * time after its invocation, or never.
 *
 * @module
 */

/** What JSON can say. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

/** `invoke` starts an operation of its process; `ok`, `fail` (it had no effect) and `info` (nobody knows) end it. */
export type EventType = "invoke" | "ok" | "fail" | "info";

/** A line of a history. */
export interface HistoryEvent {
  /** The client, which does one thing at a time. */
  readonly process: number;
  /** Whether it starts an operation, or how it ends one. */
  readonly type: EventType;
  /** The operation: `get`, `put`, `delete`, `cas`, `append`, `read`, `write`, `add`, `txn`, … */
  readonly f: string;
  /** Null for the one register or counter of a history without keys, and for transactions. */
  readonly key: string | null;
  /** The argument in an `invoke`, the result in an `ok`. */
  readonly value: Value;
  /** Nanoseconds since the start of the history. */
  readonly time: number;
}

/** How an operation ended. "fail": it had no effect. */
export type Outcome = "ok" | "fail" | "unknown";

/** An operation: an `invoke` and what ended it. */
export interface Operation {
  /** The client. */
  readonly process: number;
  /** What it did. */
  readonly f: string;
  /** To what, null in a history without keys and for transactions. */
  readonly key: string | null;
  /** The value of the `invoke`. */
  readonly input: Value;
  /** The value of the `ok` or `fail`; null while the outcome is unknown. */
  readonly output: Value;
  /** The index of the `invoke` among the events. */
  readonly invoke: number;
  /** The index of the event that ended it, null when none did. An `info` tells nothing about when it took effect. */
  readonly complete: number | null;
  /** How it ended: unknown also when it has not. */
  readonly outcome: Outcome;
  /** The time of the `invoke` in nanoseconds. */
  readonly invoke_ns: number;
  /** The time of the event that ended it. */
  readonly complete_ns: number | null;
}

/** A history that contradicts itself, or holds what the model does not know. */
export class HistoryError extends Error {
  /** Tells it from other errors. */
  override readonly name = "HistoryError";
  /** The index of the event at fault. */
  readonly event: number;

  /** An error in an event, counted from 0. */
  constructor(event: number, message: string) {
    super(message);
    this.event = event;
  }
}

/**
 * Joins each `invoke` with what ended it. The operations stand in the order of their invocation.
 *
 * @throws {HistoryError} when an operation ends that had not begun, or a process begins one before its last ended
 */
export function pairEvents(events: readonly HistoryEvent[]): Operation[] {
  const operations: Operation[] = [];
  const open = new Map<number, number>();
  events.forEach((event, at) => {
    const running = open.get(event.process);
    if (event.type === "invoke") {
      if (running !== undefined) {
        throw new HistoryError(
          at,
          `process ${event.process} invokes ${event.f} while its ${operations[running]!.f} is under way; ` +
            "a process does one thing at a time",
        );
      }
      open.set(event.process, operations.length);
      operations.push({
        process: event.process,
        f: event.f,
        key: event.key,
        input: event.value,
        output: null,
        invoke: at,
        complete: null,
        outcome: "unknown",
        invoke_ns: event.time,
        complete_ns: null,
      });
      return;
    }
    const begun = running === undefined ? undefined : operations[running]!;
    if (begun === undefined) {
      throw new HistoryError(at, `process ${event.process} ends a ${event.f} (${event.type}) that it did not invoke`);
    }
    if (begun.f !== event.f || begun.key !== event.key) {
      throw new HistoryError(
        at,
        `process ${event.process} invoked ${named(begun)} but ends ${named(event)} (${event.type})`,
      );
    }
    open.delete(event.process);
    operations[running!] = {
      ...begun,
      output: event.type === "info" ? null : event.value,
      complete: at,
      outcome: event.type === "info" ? "unknown" : event.type,
      complete_ns: event.time,
    };
  });
  return operations;
}

function named({ f, key }: Pick<HistoryEvent, "f" | "key">): string {
  return key === null ? f : `${f} ${JSON.stringify(key)}`;
}
