/**
 * Virtual time: one queue of events for the whole world, and a clock on it for every process.
 *
 * Invariant: an event runs to its end, with everything that it defers, before the next one and before time passes.
 *
 * @module
 */
import type { Clock, Timer } from "../../ports/clock.ts";
import { EventQueue, type QueuedEvent } from "./event_queue.ts";

/** Wall time at the start of every run, in milliseconds since the Unix epoch. */
const WALL_START_MS = 1_700_000_000_000;
/** What is deferred in one turn and defers again is a loop in the code under test after this many. */
const MAX_DEFERRED = 1_000_000;

/** The queue of events and the time of the latest. */
export class VirtualTime {
  #queue = new EventQueue();
  #now_us = 0;
  #deferred: (() => void)[] = [];
  #activity = 0;
  #touched = false;
  #events = 0;

  /** Microseconds since the start of the run. */
  get now_us(): number {
    return this.#now_us;
  }

  /** Grows with everything that is scheduled or deferred. */
  get activity(): number {
    return this.#activity;
  }

  /** How many events have run. */
  get events(): number {
    return this.#events;
  }

  /** Whether something has happened after which promises have callbacks to run. */
  get isTouched(): boolean {
    return this.#touched;
  }

  /** Says that promises may have callbacks to run. */
  touch(): void {
    this.#touched = true;
  }

  /** Says that they have run. */
  untouch(): void {
    this.#touched = false;
  }

  /** Runs `run` at a time, or as soon as possible when that is past. */
  at(at_us: number, run: () => void): QueuedEvent {
    this.#activity++;
    return this.#queue.add(Math.max(at_us, this.#now_us), run);
  }

  /** Runs `run` after so many microseconds. */
  after(delay_us: number, run: () => void): QueuedEvent {
    return this.at(this.#now_us + Math.max(0, Math.round(delay_us)), run);
  }

  /** Runs `run` at the end of the present turn. */
  defer(run: () => void): void {
    this.#activity++;
    this.#deferred.push(run);
  }

  /** Runs what was deferred, also by what was deferred. */
  drain(): void {
    const deferred = this.#deferred;
    for (let at = 0; at < deferred.length; at++) {
      if (at > MAX_DEFERRED) throw new Error("deferred calls never end");
      deferred[at]!();
    }
    deferred.length = 0;
  }

  /** Runs the next event, and what it defers, if its time is not after `until_us`; whether there was one. */
  step(until_us: number): boolean {
    const next_us = this.#queue.next_us;
    if (next_us > until_us || next_us === Number.POSITIVE_INFINITY) return false;
    const { run } = this.#queue.pop()!;
    this.#now_us = next_us;
    this.#events++;
    run?.();
    this.drain();
    return true;
  }

  /** Lets time pass up to a moment before which nothing happens. */
  advanceTo(now_us: number): void {
    this.#now_us = Math.max(this.#now_us, now_us);
  }
}

/**
 * The clock of one life of a process; it dies with it, stands still with it, its wall time may jump, and its monotonic
 * time may go faster or slower than it should.
 */
export class ProcessClock implements Clock {
  #time: VirtualTime;
  #entered: (() => void) | null;
  #wallOffset_ms: number;
  readonly #rate: number;
  #isAlive = true;
  /** Turns that wait for the end of a pause, in order; null when the process is not paused. */
  #waiting: (() => void)[] | null = null;
  #resumes_us = 0;

  /**
   * A clock whose process calls `entered` whenever it runs. `wallOffset_ms` is how far its wall clock is off, and `rate` how
   * many milliseconds its monotonic clock and its timers count in one.
   */
  constructor(time: VirtualTime, entered: (() => void) | null = null, wallOffset_ms = 0, rate = 1) {
    this.#time = time;
    this.#rate = rate;
    this.#entered = entered;
    this.#wallOffset_ms = wallOffset_ms;
  }

  now(): number {
    return WALL_START_MS + this.#wallOffset_ms + Math.floor(this.#time.now_us / 1000);
  }

  monotonic(): number {
    return this.#time.now_us * this.#rate / 1000;
  }

  after(delay_ms: number, callback: () => void): Timer {
    // A timer may be late and is never early: whole microseconds, rounded up.
    const event = this.#time.at(
      this.#time.now_us + Math.max(0, Math.ceil(delay_ms * 1000 / this.#rate)),
      () => this.run(callback),
    );
    return { cancel: () => void (event.run = null) };
  }

  defer(callback: () => void): void {
    this.#time.defer(() => this.run(callback));
  }

  /** Runs `callback` as a turn of this process: later if it stands still, never if it is dead. */
  run(callback: () => void): void {
    if (!this.#isAlive) return;
    if (this.#waiting === null) this.#enter(callback);
    else this.#waiting.push(callback);
  }

  #enter(callback: () => void): void {
    if (!this.#isAlive) return;
    this.#entered?.();
    try {
      callback();
    } catch (error) {
      // A process that has died in the middle of a call has nobody left to tell.
      if (this.#isAlive) throw error;
    }
  }

  /** Whether the process lives. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** How far the wall clock is off, in milliseconds. */
  get wallOffset_ms(): number {
    return this.#wallOffset_ms;
  }

  /** Ends the process: nothing that waits is called. */
  kill(): void {
    this.#isAlive = false;
  }

  /** Stands still until a time, which may be earlier or later than that of a pause under way. */
  pause(until_us: number): void {
    this.#waiting ??= [];
    this.#resumes_us = until_us;
    this.#time.at(until_us, () => {
      if (this.#waiting !== null && this.#resumes_us === until_us) this.#resume();
    });
  }

  /** Runs one of the turns that wait, and has the next one follow. */
  #resume(): void {
    const next = this.#waiting?.shift();
    if (next === undefined) {
      this.#waiting = null;
      return;
    }
    this.#enter(next);
    this.#time.after(0, () => this.#resume());
  }

  /** Whether the process stands still. */
  get isPaused(): boolean {
    return this.#waiting !== null;
  }

  /** Moves the wall clock. */
  jump(by_ms: number): void {
    this.#wallOffset_ms += by_ms;
  }
}
