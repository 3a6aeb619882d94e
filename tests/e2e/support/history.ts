/**
 * Writes down what clients of real replicas asked and were told, and has the checker decide whether there is an order
 * in which one store would have given these answers.
 *
 * Invariant: a process has one operation open at a time. One whose end is unknown stays open for ever, so its actor
 * goes on under a process number that nobody had before.
 *
 * @module
 */
import { checkHistory, DEFAULT_LIMITS } from "../../../src/sim/checker/check.ts";
import { describeViolation } from "../../../src/sim/checker/describe.ts";
import { type EventType, type HistoryEvent, pairEvents, type Value } from "../../../src/sim/checker/history.ts";
import type { Model } from "../../../src/sim/checker/model.ts";
import { classifyError } from "../../../src/sim/run/outcome.ts";
import type { Attempt, Recorded } from "../../../src/sim/run/recorder.ts";

/** What was asked of one kind of object. */
export class History {
  /** Everything so far, in order. */
  readonly events: HistoryEvent[] = [];
  readonly #processes = new Map<number, number>();
  readonly #since_ms = performance.now();
  #nextProcess = 0;

  /**
   * Does an operation for an actor and writes down its beginning and its end. `told` gives what the history says of
   * the answer: null when the operation was refused by what it found, which is a `fail`. Rejects only with what no
   * client may meet.
   */
  async perform<Answer>(
    actor: number,
    what: Recorded,
    action: () => Promise<Answer>,
    told: (answer: Answer) => { readonly value: Value } | null,
  ): Promise<Attempt<Answer>> {
    const process = this.#processes.get(actor) ?? this.#fresh(actor);
    this.#note(process, "invoke", what, what.value);
    try {
      const answer = await action();
      const seen = told(answer);
      this.#note(process, seen === null ? "fail" : "ok", what, seen === null ? what.value : seen.value);
      return { type: "ok", value: answer };
    } catch (error) {
      const type = classifyError(error, what.isWrite);
      // Not the argument: a cas that fails with that was refused for what it found.
      this.#note(process, type, what, String(error));
      if (type === "info") this.#fresh(actor);
      return { type };
    }
  }

  /** What the checker says of it: "linearizable", or what is wrong, for people. */
  judge(model: Model): string {
    const clock = { monotonic: (): number => performance.now() };
    const result = checkHistory(pairEvents(this.events), model, { ...DEFAULT_LIMITS, clock });
    if (result.verdict === "not linearizable") return describeViolation(result.violation).join("\n");
    return result.verdict === "linearizable" ? result.verdict : `not decided: the limit of ${result.limit} was reached`;
  }

  #fresh(actor: number): number {
    const process = this.#nextProcess++;
    this.#processes.set(actor, process);
    return process;
  }

  #note(process: number, type: EventType, { f, key }: Recorded, value: Value): void {
    this.events.push({ process, type, f, key, value, time: Math.round((performance.now() - this.#since_ms) * 1e6) });
  }
}
