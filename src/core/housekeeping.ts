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

/** Keeps house while it is on. */
export class Housekeeping {
  readonly #clock: Clock;
  readonly #machine: StateMachine;
  readonly #propose: (command: Uint8Array, done: () => void) => void;
  #timer: Timer | null = null;
  /** What the timer waits for. */
  #due = 0;
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
    if (this.#timer !== null && this.#due === due) return;
    this.#timer?.cancel();
    this.#due = due;
    const delay_ms = Math.max(due - this.#clock.now(), LEAST_MS);
    this.#timer = this.#clock.after(Math.min(delay_ms, MOST_MS), () => this.#keep());
  }

  #keep(): void {
    this.#timer = null;
    // A wall clock that was set back, or a time further away than a timer reaches.
    if (this.#clock.now() < this.#due) return this.schedule();
    const command = this.#machine.dueCommand?.();
    if (command === undefined) return;
    this.#isProposed = true;
    this.#propose(command, () => {
      this.#isProposed = false;
      this.schedule();
    });
  }
}
