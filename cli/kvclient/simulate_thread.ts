/**
 * A worker thread that runs seeds, seen from both of its ends. The main thread only waits and prints, so a signal
 * is met at once however long a run is, and a run that takes its thread down does not take the program with it. (But
 * for memory: Node ends the thread that has used up its own; Bun and Deno end the process.)
 *
 * This module is its own entry: the thread loads the file that this module is in, which may be this one, the bundle
 * for Node or the executable made by Bun, and finds out by {@link isSimulationThread} what it is there for. So
 * there is no second file that a bundler would have to know of.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type RunOptions, type RunReport, runSeed, shrink, type ShrinkResult } from "../../src/sim/sim.ts";
import { Failure, UsageError } from "../exit_code.ts";

/** What a thread is asked to do. */
export type Task =
  | { readonly type: "run"; readonly options: RunOptions }
  | { readonly type: "shrink"; readonly options: RunOptions; readonly report: RunReport };

/** What a thread answers. */
export type Answer =
  | { readonly type: "ran"; readonly report: RunReport; readonly busy_ms: number }
  | { readonly type: "tried"; readonly runs: number }
  | { readonly type: "shrunk"; readonly result: ShrinkResult }
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "failed"; readonly message: string };

/** A run's report, and how long its thread was busy with it. */
export interface Ran {
  readonly report: RunReport;
  readonly busy_ms: number;
}

/**
 * A thread, seen from the main one: it does one thing at a time. What it is asked rejects with a {@link UsageError}
 * when the simulator refuses the options, and with a {@link Failure} that names the seed when the thread died.
 */
export interface SimulationThread {
  run(options: RunOptions): Promise<Ran>;
  /** `onTry` is told how many runs shrinking has taken so far. */
  shrink(options: RunOptions, report: RunReport, onTry: (runs: number) => void): Promise<ShrinkResult>;
  /** Ends it at once, whatever it is doing: what it was asked is never answered. */
  end(): Promise<void>;
}

/** Starts a thread. */
export type StartThread = () => SimulationThread;

const ROLE = "kvclient simulate";

/** Whether this is a thread that {@link startThread} has started, where no program must run. */
export const isSimulationThread: boolean = !isMainThread && workerData === ROLE;

/** How many runs at once suit this machine. */
export function defaultJobs(): number {
  return availableParallelism();
}

/** Starts a thread. */
export function startThread(): SimulationThread {
  return threadOf(new Worker(new URL(import.meta.url), { workerData: ROLE }));
}

/** The near end of a thread whose far end speaks {@link Task} and {@link Answer}. */
export function threadOf(worker: Worker): SimulationThread {
  let waiting: { readonly onAnswer: (answer: Answer) => void; readonly onDeath: (reason: string) => void } | null =
    null;
  let death: string | null = null;
  let isEnding = false;
  const onDeath = (reason: string): void => {
    death ??= reason;
    if (!isEnding) waiting?.onDeath(death);
  };
  worker.on("message", (answer: Answer) => waiting?.onAnswer(answer));
  worker.on("error", (error: Error & { readonly code?: string }) => {
    onDeath(
      error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it ran out of memory; fewer --ops need less" : error.message,
    );
  });
  worker.on("exit", (code: number) => onDeath(`it ended with code ${code}`));
  const ask = (task: Task, onTry?: (runs: number) => void): Promise<Answer> => {
    const { seed } = task.options;
    return new Promise((resolve, reject) => {
      const dead = (reason: string): void => {
        reject(new Failure(`seed ${seed}: the worker thread that ran it died: ${reason}`));
      };
      if (death !== null) return dead(death);
      waiting = {
        onDeath: dead,
        onAnswer: (answer) => {
          if (answer.type === "tried") return onTry?.(answer.runs);
          waiting = null;
          if (answer.type === "refused") reject(new UsageError(answer.message));
          else if (answer.type === "failed") reject(new Failure(`seed ${seed}: ${answer.message}`));
          else resolve(answer);
        },
      };
      worker.postMessage(task);
    });
  };
  return {
    run: async (options) => expectType(await ask({ type: "run", options }), "ran"),
    shrink: async (options, report, onTry) =>
      expectType(await ask({ type: "shrink", options, report }, onTry), "shrunk").result,
    end: async () => {
      isEnding = true;
      await worker.terminate();
    },
  };
}

function expectType<const Type extends Answer["type"]>(
  answer: Answer,
  type: Type,
): Extract<Answer, { readonly type: Type }> {
  if (answer.type !== type) throw new Error(`a worker thread answered "${answer.type}" where "${type}" was due`);
  return answer as Extract<Answer, { readonly type: Type }>;
}

/** The far end: does what comes in. */
function serve(port: NonNullable<typeof parentPort>): void {
  const answer = (message: Answer): void => port.postMessage(message);
  const work = async (task: Task): Promise<Answer> => {
    const since_ms = performance.now();
    if (task.type === "run") {
      const report = await runSeed(task.options);
      return { type: "ran", report, busy_ms: performance.now() - since_ms };
    }
    let runs = 0;
    const onRun = (): Promise<void> => {
      answer({ type: "tried", runs: ++runs });
      return Promise.resolve();
    };
    return { type: "shrunk", result: await shrink(task.options, task.report, onRun) };
  };
  port.on("message", (task: Task) => {
    work(task).then(answer, (error: unknown) => {
      // The simulator refuses options that make no sense with a RangeError, and reports everything else itself.
      if (error instanceof RangeError) answer({ type: "refused", message: error.message });
      else {answer({
          type: "failed",
          message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        });}
    });
  });
}

if (isSimulationThread && parentPort !== null) serve(parentPort);
