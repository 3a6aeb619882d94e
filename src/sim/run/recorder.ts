/**
 * Writes down what clients asked and what they were told, in the form that checkers read.
 *
 * Invariant: a process has one operation open at a time. One whose end is unknown stays open for ever, so its
 * actor goes on under a process number that nobody had before.
 *
 * @module
 */
import type { HistoryEvent } from "../checker/history.ts";
import type { Arena } from "./workload.ts";

/** What an operation is called in the history. */
export interface Recorded {
  /** What is done: `get`, `put`, `cas`, … */
  readonly f: string;
  /** The key concerned. */
  readonly key: string;
  /** What goes in; for a read null. */
  readonly value: HistoryEvent["value"];
  /** Whether it may change something, so that an error may leave its end open. */
  readonly isWrite: boolean;
}

/** How an operation ended: with what it gave, or not. */
export type Attempt<Value> =
  | { readonly type: "ok"; readonly value: Value }
  | { readonly type: "fail" }
  | { readonly type: "info" };

/** The history of one workload. */
export class Recorder {
  /** Everything so far, in order. */
  readonly events: HistoryEvent[] = [];
  readonly #arena: Arena;
  readonly #processes = new Map<number, number>();
  #nextProcess = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /**
   * Does an operation for an actor and writes down its beginning and its end. `told` gives what the history says of
   * the value: null when the operation was refused by what it found, which is a `fail`.
   */
  async perform<Value>(
    actor: number,
    what: Recorded,
    action: () => Promise<Value>,
    told: (value: Value) => { readonly value: HistoryEvent["value"] } | null,
  ): Promise<Attempt<Value>> {
    const process = this.#processes.get(actor) ?? this.#fresh(actor);
    const { f, key } = what;
    const { isCalm } = this.#arena;
    this.#note(process, "invoke", f, key, what.value);
    try {
      const value = await action();
      const seen = told(value);
      if (seen === null) this.#note(process, "fail", f, key, what.value);
      else this.#note(process, "ok", f, key, seen.value);
      return { type: "ok", value };
    } catch (error) {
      const type = this.#arena.classify(error, what.isWrite);
      // Not the argument: a cas that fails with that was refused for what it found.
      this.#note(process, type, f, key, String(error));
      if (type === "info") this.#fresh(actor);
      if (isCalm) {
        this.#arena.violations.report("liveness", `${f} ${key} failed after the last fault: ${String(error)}`);
      }
      return { type };
    }
  }

  #fresh(actor: number): number {
    const process = this.#nextProcess++;
    this.#processes.set(actor, process);
    return process;
  }

  #note(process: number, type: HistoryEvent["type"], f: string, key: string, value: HistoryEvent["value"]): void {
    const event: HistoryEvent = { process, type, f, key, value, time: Math.round(this.#arena.clock.monotonic() * 1e6) };
    this.events.push(event);
    this.#arena.onEvent(event);
  }
}
