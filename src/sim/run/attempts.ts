/**
 * Operations of clients as a history has them: what was asked, and how it ended.
 *
 * Invariant: a process has one operation open at a time. One whose end is unknown stays open for ever, so its
 * actor goes on under a process number that nobody had before.
 *
 * @module
 */
import type { EventType, HistoryEvent, Value } from "../checker/history.ts";
import type { Classify } from "./outcome.ts";

/** What an operation is called in the history. */
export interface Recorded {
  /** What is done: `get`, `put`, `cas`, … */
  readonly f: string;
  /** The key concerned. */
  readonly key: string;
  /** What goes in; for a read null. */
  readonly value: Value;
  /** Whether it may change something, so that an error may leave its end open. */
  readonly isWrite: boolean;
}

/** How an operation ended: with what it gave, or not. */
export type Attempt<Answer> =
  | { readonly type: "ok"; readonly value: Answer }
  | { readonly type: "fail" | "info"; readonly error: unknown };

/** An operation to be done and written down. */
export interface Deed<Answer> {
  readonly what: Recorded;
  readonly action: () => Promise<Answer>;
  /** What the history says of the answer: null when the operation was refused by what it found, which is a `fail`. */
  readonly told: (answer: Answer) => { readonly value: Value } | null;
  /** Takes the beginning and the end. */
  readonly onEvent: (event: HistoryEvent) => void;
  /** Told of an error, after the event. */
  readonly onError?: (error: unknown) => void;
}

/** The processes under which actors do their operations. */
export class Attempts {
  readonly #clock: { monotonic(): number };
  readonly #classify: Classify;
  readonly #processes = new Map<number, number>();
  #nextProcess = 0;

  /** `clock` in milliseconds, 0 at the start of the history. `classify` throws what no client may meet. */
  constructor(clock: { monotonic(): number }, classify: Classify) {
    this.#clock = clock;
    this.#classify = classify;
  }

  /** Does an operation for an actor, which has no other under way. Rejects only with what no client may meet. */
  async perform<Answer>(actor: number, deed: Deed<Answer>): Promise<Attempt<Answer>> {
    const { what, action, told, onEvent, onError } = deed;
    const process = this.#processes.get(actor) ?? this.#fresh(actor);
    const note = (type: EventType, value: Value): void => {
      const time = Math.round(this.#clock.monotonic() * 1e6);
      onEvent({ process, type, f: what.f, key: what.key, value, time });
    };
    note("invoke", what.value);
    try {
      const value = await action();
      const seen = told(value);
      if (seen === null) note("fail", what.value);
      else note("ok", seen.value);
      return { type: "ok", value };
    } catch (error) {
      const type = this.#classify(error, what.isWrite);
      // Not the argument: a cas that fails with that was refused for what it found.
      note(type, String(error));
      if (type === "info") this.#fresh(actor);
      onError?.(error);
      return { type, error };
    }
  }

  #fresh(actor: number): number {
    const process = this.#nextProcess++;
    this.#processes.set(actor, process);
    return process;
  }
}
