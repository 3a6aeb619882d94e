/**
 * Proposes what falls due in the state machine, such as the end of keys whose time has come: through the log, so that
 * it happens on every replica at the same place, and never by a replica's own clock.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";
import type { StateMachine } from "./replication.ts";

/** The least time between two housekeeping commands, so that many near expiries share one. */
const LEAST_MS = 2;
/** Timers of real clocks are no longer than this. */
const MOST_MS = 2 ** 30;
/** A timer that is this late waits for a wall clock that was set forward meanwhile. */
const LATE_MS = 1000;

/** Keeps house while it is on. */
export class Housekeeping {
  readonly #clock: Clock;
  readonly #machine: StateMachine;
  readonly #propose: (command: Uint8Array, done: () => void) => void;
  #timer: Timer | null = null;
  /** The wall time at which the timer should fire. */
  #at = 0;
  #isOn = false;
  #isProposed = false;

  /** `propose` calls back when the command has been applied or has failed. */
  constructor(clock: Clock, machine: StateMachine, propose: (command: Uint8Array, done: () => void) => void) {
    this.#clock = clock;
    this.#machine = machine;
    this.#propose = propose;
  }

  /** Begins or ends to propose: of several replicas only the leader does. */
  turn(isOn: boolean): void {
    this.#isOn = isOn;
    this.schedule();
  }

  /** Looks at what is due next; called when the machine has changed. */
  schedule(): void {
    const due = this.#isOn && !this.#isProposed ? this.#machine.nextDue?.() ?? null : null;
    if (due === null) {
      this.#timer?.cancel();
      this.#timer = null;
      return;
    }
    const now = this.#clock.now();
    const delay_ms = Math.min(Math.max(due - now, LEAST_MS), MOST_MS);
    // One timer serves many batches: one that fires too early finds nothing due and looks again.
    if (this.#timer !== null && this.#at <= now + delay_ms && now < this.#at + LATE_MS) return;
    this.#timer?.cancel();
    this.#at = now + delay_ms;
    this.#timer = this.#clock.after(delay_ms, () => this.#keep());
  }

  #keep(): void {
    this.#timer = null;
    const due = this.#machine.nextDue?.() ?? null;
    // What was due is gone, or the wall clock was set back, or the time is further away than a timer reaches.
    if (due === null || this.#clock.now() < due) return this.schedule();
    const command = this.#machine.dueCommand?.();
    if (command === undefined) return;
    this.#isProposed = true;
    this.#propose(command, () => {
      this.#isProposed = false;
      this.schedule();
    });
  }
}
