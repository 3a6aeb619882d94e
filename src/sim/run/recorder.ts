/**
 * Writes down what the clients of a simulated run asked and what they were told, in the form that checkers read.
 *
 * @module
 */
import type { HistoryEvent } from "../checker/history.ts";
import { type Attempt, Attempts, type Recorded } from "./attempts.ts";
import type { Arena } from "./workload.ts";

export type { Attempt, Recorded } from "./attempts.ts";

/** The history of one workload. */
export class Recorder {
  /** Everything so far, in order. */
  readonly events: HistoryEvent[] = [];
  readonly #arena: Arena;
  readonly #attempts: Attempts;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#attempts = new Attempts(arena.clock, arena.classify);
  }

  /**
   * Does an operation for an actor and writes down its beginning and its end. `told` gives what the history says of
   * the value: null when the operation was refused by what it found, which is a `fail`.
   */
  perform<Value>(
    actor: number,
    what: Recorded,
    action: () => Promise<Value>,
    told: (value: Value) => { readonly value: HistoryEvent["value"] } | null,
  ): Promise<Attempt<Value>> {
    const { isCalm, violations } = this.#arena;
    return this.#attempts.perform(actor, {
      what,
      action,
      told,
      onEvent: (event) => {
        this.events.push(event);
        this.#arena.onEvent(event);
      },
      onError: (error) => {
        if (!isCalm) return;
        violations.report("liveness", `${what.f} ${what.key} failed after the last fault: ${String(error)}`);
      },
    });
  }
}
