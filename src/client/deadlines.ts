/**
 * Deadlines of many operations with few timers. Operations with the same deadline expire in the order in which
 * they were issued, so each distinct duration needs one list and one timer for the head of it; an operation
 * that ends early just leaves its list.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { PendingOperation } from "./pending.ts";

/** How many durations keep their timer while nothing waits: setting one per operation would cost more. */
const MAX_IDLE_LANES = 8;

interface Lane {
  readonly operations: Set<PendingOperation>;
  timer: Timer;
}

/** Calls back once for each operation that is still there when its deadline passes. */
export class Deadlines {
  #clock: Clock;
  #onExpired: (operation: PendingOperation) => void;
  #lanes = new Map<number, Lane>();

  constructor(clock: Clock, onExpired: (operation: PendingOperation) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  add(operation: PendingOperation): void {
    const { deadline_ms } = operation;
    const lane = this.#lanes.get(deadline_ms);
    if (lane !== undefined) lane.operations.add(operation);
    else {
      const timer = this.#clock.after(deadline_ms, () => this.#sweep(deadline_ms));
      this.#lanes.set(deadline_ms, { operations: new Set([operation]), timer });
    }
  }

  remove(operation: PendingOperation): void {
    const lane = this.#lanes.get(operation.deadline_ms);
    if (lane === undefined) return;
    lane.operations.delete(operation);
    if (lane.operations.size > 0 || this.#lanes.size <= MAX_IDLE_LANES) return;
    lane.timer.cancel();
    this.#lanes.delete(operation.deadline_ms);
  }

  /** Every operation that is still there. */
  list(): PendingOperation[] {
    return [...this.#lanes.values()].flatMap(({ operations }) => [...operations]);
  }

  /** Cancels every timer. */
  close(): void {
    for (const lane of this.#lanes.values()) lane.timer.cancel();
    this.#lanes.clear();
  }

  #sweep(deadline_ms: number): void {
    const lane = this.#lanes.get(deadline_ms);
    if (lane === undefined) return;
    const now = this.#clock.monotonic();
    const expired: PendingOperation[] = [];
    let wait_ms = -1;
    for (const operation of lane.operations) {
      const left_ms = operation.since_ms + deadline_ms - now;
      if (left_ms > 0) {
        wait_ms = left_ms;
        break;
      }
      lane.operations.delete(operation);
      expired.push(operation);
    }
    if (wait_ms < 0) this.#lanes.delete(deadline_ms);
    else lane.timer = this.#clock.after(wait_ms, () => this.#sweep(deadline_ms));
    for (const operation of expired) this.#onExpired(operation);
  }
}
