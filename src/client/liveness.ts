/**
 * Notices a server that has gone silent: one that answers nothing while requests wait, and, where only watches
 * are open, one that does not answer a read sent now and then. One timer, and no cost per request.
 *
 * @module
 */
import type { Clock, Timer } from "../ports/clock.ts";

/** What the check asks of its owner, and tells it. */
export interface LivenessOwner {
  /** Whether requests wait for their replies. */
  isWaiting(): boolean;
  /** Whether watches are open. */
  isWatching(): boolean;
  /** Send something that the server has to answer. */
  probe(): void;
  /** The server has said nothing for `silence_ms`. */
  onSilent(silence_ms: number): void;
}

/** Watches over one connection at a time. */
export class Liveness {
  #clock: Clock;
  #silence_ms: number;
  #keepalive_ms: number;
  #owner: LivenessOwner;
  #timer: Timer | null = null;
  /** Since when nothing was heard, or nothing was asked. */
  #quietSince_ms = 0;

  constructor(clock: Clock, silence_ms: number, keepalive_ms: number, owner: LivenessOwner) {
    this.#clock = clock;
    this.#silence_ms = silence_ms;
    this.#keepalive_ms = keepalive_ms;
    this.#owner = owner;
  }

  /** The server said something, or is asked something while nothing else waits. */
  touch(): void {
    this.#quietSince_ms = this.#clock.monotonic();
    if (this.#timer === null) this.#arm(this.#silence_ms);
  }

  /** Stops until the next {@link touch}. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(wait_ms: number): void {
    this.#timer = this.#clock.after(wait_ms, () => {
      this.#timer = null;
      this.#check();
    });
  }

  #check(): void {
    const owner = this.#owner;
    const quiet_ms = this.#clock.monotonic() - this.#quietSince_ms;
    if (owner.isWaiting()) {
      if (quiet_ms >= this.#silence_ms) owner.onSilent(this.#silence_ms);
      else this.#arm(this.#silence_ms - quiet_ms);
    } else if (owner.isWatching()) {
      if (quiet_ms >= this.#keepalive_ms) owner.probe();
      else this.#arm(this.#keepalive_ms - quiet_ms);
    }
  }
}
