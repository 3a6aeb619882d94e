/**
 * The history of a test that says itself what its clients do, and whether it has an order.
 *
 * @module
 */
import { checkHistory, DEFAULT_LIMITS } from "../../../src/sim/checker/check.ts";
import { describeViolation } from "../../../src/sim/checker/describe.ts";
import { type HistoryEvent, pairEvents, type Value } from "../../../src/sim/checker/history.ts";
import type { Model } from "../../../src/sim/checker/model.ts";
import { classifyLive } from "../../../src/sim/live/live_client.ts";
import { type Attempt, Attempts, type Recorded } from "../../../src/sim/run/attempts.ts";

/** What was asked of one kind of object. */
export class History {
  /** Everything so far, in order. */
  readonly events: HistoryEvent[] = [];
  readonly #attempts: Attempts;

  constructor() {
    const since_ms = performance.now();
    this.#attempts = new Attempts({ monotonic: () => performance.now() - since_ms }, classifyLive);
  }

  /**
   * Does an operation for an actor and writes down its beginning and its end. `told` gives what the history says of
   * the answer: null when the operation was refused by what it found, which is a `fail`. Rejects only with what no
   * client may meet.
   */
  perform<Answer>(
    actor: number,
    what: Recorded,
    action: () => Promise<Answer>,
    told: (answer: Answer) => { readonly value: Value } | null,
  ): Promise<Attempt<Answer>> {
    return this.#attempts.perform(actor, { what, action, told, onEvent: (event) => this.events.push(event) });
  }

  /** What the checker says of it: "linearizable", or what is wrong, for people. */
  judge(model: Model): string {
    const clock = { monotonic: (): number => performance.now() };
    const result = checkHistory(pairEvents(this.events), model, { ...DEFAULT_LIMITS, clock });
    if (result.verdict === "not linearizable") return describeViolation(result.violation).join("\n");
    return result.verdict === "linearizable" ? result.verdict : `not decided: the limit of ${result.limit} was reached`;
  }
}
