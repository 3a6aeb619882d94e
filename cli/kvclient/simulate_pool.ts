/**
 * Runs seeds in several threads at once and gives what comes of them in the order of the seeds.
 *
 * Invariant: what is given, and in which order, depends on the seeds alone, not on how many threads there are or how
 * long each takes; only an interruption or a thread's death leaves gaps.
 *
 * @module
 */
import type { RunOptions, RunReport, ShrinkResult } from "../../src/sim/sim.ts";
import type { Seeds } from "./simulate_flags.ts";
import type { Ran, SimulationThread, StartThread } from "./simulate_thread.ts";

/** How far threads may run ahead of the seed that is given next, for each thread. It bounds what waits in memory. */
const AHEAD = 16;

/** A number of threads. */
export class SimulationPool {
  readonly #threads: readonly SimulationThread[];
  readonly #signal: AbortSignal;

  /** Starts the threads; an aborted signal ends all that is under way. */
  constructor(jobs: number, start: StartThread, signal: AbortSignal) {
    this.#threads = Array.from({ length: jobs }, () => start());
    this.#signal = signal;
  }

  /**
   * Runs seeds. Ends early, after all that has finished, when the signal aborts.
   *
   * @throws {Failure} after all that has finished, when a thread died
   * @throws {UsageError} when the simulator refuses the options
   */
  async *runs({ first, last }: Seeds, base: Omit<RunOptions, "seed">): AsyncIterable<Ran> {
    const signal = this.#signal;
    const finished = new Map<number, Ran>();
    const changes = new Changes();
    let begun = first;
    let given = first;
    const problems: unknown[] = [];
    const isOver = (): boolean => problems.length > 0 || signal.aborted;
    const lane = async (thread: SimulationThread): Promise<void> => {
      for (;;) {
        while (begun <= last && begun >= given + AHEAD * this.#threads.length && !isOver()) await changes.next();
        if (begun > last || isOver()) return;
        const seed = begun++;
        finished.set(seed, await thread.run({ ...base, seed }));
        changes.tell();
      }
    };
    const onAbort = (): void => changes.tell();
    signal.addEventListener("abort", onAbort);
    for (const thread of this.#threads) {
      lane(thread).catch((error: unknown) => {
        problems.push(error);
        changes.tell();
      });
    }
    try {
      while (given <= last) {
        const ran = finished.get(given);
        if (ran !== undefined) {
          finished.delete(given++);
          changes.tell();
          yield ran;
        } else if (isOver()) {
          break;
        } else {
          await changes.next();
        }
      }
      for (const [, ran] of [...finished].toSorted(([a], [b]) => a - b)) yield ran;
      if (problems.length > 0) throw problems[0];
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Makes a failing run small; null when the signal aborts. */
  async shrink(failed: RunOptions, report: RunReport, onTry: (runs: number) => void): Promise<ShrinkResult | null> {
    const [thread] = this.#threads;
    const signal = this.#signal;
    if (thread === undefined || signal.aborted) return null;
    const { promise, resolve } = withResolver();
    signal.addEventListener("abort", resolve);
    try {
      return await Promise.race([thread.shrink(failed, report, onTry), promise]);
    } finally {
      signal.removeEventListener("abort", resolve);
    }
  }

  /** Ends the threads, whatever they are doing. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}

/** Wakes everyone who waits for something to have changed. */
class Changes {
  #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function withResolver(): { readonly promise: Promise<null>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<null>((settle) => {
    resolve = () => settle(null);
  });
  return { promise, resolve };
}
