/**
 * The learner of "Paxos Made Simple", section 2.3, with the leader as the distinguished learner that tells the others
 * what was chosen; and section 3: values are executed in the order of their slots.
 *
 * Invariants:
 * - The watermark passes a slot only when this replica has verified that the value it holds is the chosen one: it was
 *   accepted in the ballot of the very leader that says so (a leader proposes one value in a slot, and speaks only for
 *   slots in which that one is chosen: see `proposer.ts`), or it was told as chosen.
 * - Slots are applied in order, each once, and only below the watermark.
 *
 * @module
 */
import { applyFrom, readBatch } from "../batch.ts";
import { type KvError, OutcomeUnknown } from "../errors.ts";
import type { Completion, StateMachine } from "../replication.ts";
import { type Ballot, CHOSEN_BALLOT, NO_BALLOT } from "./ballot.ts";
import type { Origins } from "./origins.ts";
import type { SlotLog } from "./slot_log.ts";
import { type BatchName, readValue } from "./value.ts";

/** What a learner is made of. */
export interface LearnerOptions {
  /** Where values are found. */
  readonly slots: SlotLog;
  /** What commands are applied to. */
  readonly machine: StateMachine;
  /** Who waits for the results of a batch that is about to be applied: one for each command, or null for nobody. */
  readonly waiting: (batch: BatchName) => readonly Completion[] | null;
  /** Takes what a caller's own completion has thrown: it must not keep the rest from being applied. */
  readonly onCallerError: (error: unknown) => void;
  /** Called after a slot was applied. */
  readonly onApplied: (slot: number, value: Uint8Array) => void;
}

/** Where a learner begins: after what a snapshot stands for. */
export interface LearnerStart {
  readonly slot: number;
  readonly origins: Origins;
}

/** How many bytes of values are applied in one go. */
const STEP_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** Knows what was chosen, and applies it. */
export class Learner {
  readonly #options: LearnerOptions;
  #origins: Origins;
  #chosen: number;
  #applied: number;
  #commands = 0;
  /** What the latest leader has said itself: all slots up to `slot` are chosen. */
  #told: { readonly ballot: Ballot; readonly slot: number };
  /** The most that any leader has said. */
  #most: number;

  /** A learner of a machine that is in the state of `start`. */
  constructor(start: LearnerStart, options: LearnerOptions) {
    this.#options = options;
    this.#origins = start.origins;
    this.#chosen = start.slot;
    this.#applied = start.slot;
    this.#told = { ballot: NO_BALLOT, slot: start.slot };
    this.#most = start.slot;
    // What was learned before is chosen, whoever leads.
    this.onAccepted();
  }

  /** The watermark: every value up to here is known to be chosen, and is here. */
  get chosen(): number {
    return this.#chosen;
  }

  /** The slot up to which the machine has executed. */
  get applied(): number {
    return this.#applied;
  }

  /** Commands that were executed. */
  get commands(): number {
    return this.#commands;
  }

  /** The slot up to which values are known to be chosen somewhere. */
  get told(): number {
    return Math.max(this.#most, this.#chosen);
  }

  /** What the latest leader has said. */
  get lastTold(): { readonly ballot: Ballot; readonly slot: number } {
    return this.#told;
  }

  /** Which batches were applied. */
  get origins(): Origins {
    return this.#origins;
  }

  /** Takes the word of the leader of `ballot` that every slot up to `slot` is chosen. */
  onChosen(ballot: Ballot, slot: number): void {
    this.#most = Math.max(this.#most, slot);
    if (ballot < this.#told.ballot || ballot === this.#told.ballot && slot <= this.#told.slot) return;
    // Only the slots that this leader has spoken for can be verified by its ballot, not those of the one before.
    this.#told = { ballot, slot };
    this.#verify(ballot, slot);
  }

  /** Looks again, after the acceptor has accepted something, whether the watermark can move. */
  onAccepted(): void {
    this.#verify(this.#told.ballot, this.#told.slot);
  }

  /** Takes a value that another replica knows to be chosen. */
  onLearned(slot: number, value: Uint8Array): void {
    if (slot !== this.#chosen + 1) return;
    // What the acceptor has in this slot may be another value, of a ballot in which nothing was chosen.
    this.#options.slots.appendLearned(slot, value);
    this.#chosen = slot;
    this.onAccepted();
  }

  #verify(ballot: Ballot, slot: number): void {
    const { slots } = this.#options;
    for (let next = this.#chosen + 1; slots.has(next); next++) {
      const held = slots.ballot(next);
      if (held !== CHOSEN_BALLOT && (next > slot || held !== ballot)) return;
      this.#chosen = next;
    }
  }

  /** Applies chosen values, so many at a time that others get their turn; returns whether there are more. */
  step(): boolean {
    let bytes = 0;
    while (this.#applied < this.#chosen && bytes < STEP_BYTES) {
      const slot = this.#applied + 1;
      const value = this.#options.slots.value(slot);
      if (value === null) throw new Error(`slot ${slot} is chosen, and its value is not in the log`);
      this.#apply(slot, value);
      bytes += value.length;
    }
    return this.#applied < this.#chosen;
  }

  #apply(slot: number, value: Uint8Array): void {
    const { machine } = this.#options;
    readValue(value, (batch, start, end) => {
      if (!this.#origins.admit(batch)) return;
      const waiting = this.#options.waiting(batch);
      let answered = 0;
      try {
        readBatch(value, start, end, (start, end, time, index) => {
          const done = waiting?.[index];
          const result = applyFrom(machine, value, start, end, time, done !== undefined);
          this.#commands++;
          answered = index + 1;
          if (done !== undefined) this.#call(done, null, result);
        });
      } catch (error) {
        // A machine that throws ends the replica; whoever waits for its results must hear of it all the same.
        const unknown = new OutcomeUnknown(`the write could not be applied here: ${String(error)}`);
        for (const done of waiting?.slice(answered) ?? []) this.#call(done, unknown, NOTHING);
        throw error;
      }
    });
    this.#applied = slot;
    this.#options.onApplied(slot, value);
  }

  #call(done: Completion, error: KvError | null, result: Uint8Array): void {
    try {
      done(error, result);
    } catch (thrown) {
      this.#options.onCallerError(thrown);
    }
  }
}
