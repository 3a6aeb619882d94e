/**
 * Times small pieces of work: each for some milliseconds at a time, several times, and the median counts. Beside the
 * time that passes stands the processor time that the process uses, which other work on the machine disturbs little.
 *
 * @module
 */
import { median } from "../support/table.ts";

/** A piece of work. */
export interface Case {
  readonly name: string;
  /** How many operations one call of {@link run} is, for figures for each of them. */
  readonly operations: number;
  /** Does it once. */
  readonly run: () => void | Promise<void>;
  /** Called before every sample, untimed. */
  readonly prepare?: () => void;
}

/** What an operation takes, in nanoseconds. */
export interface Timed {
  readonly name: string;
  /** Of the processor, threads of the runtime included: the median. */
  readonly processor_ns: number;
  /** By the clock: the median and the fastest sample. */
  readonly each_ns: number;
  readonly fastest_ns: number;
}

/** How many samples there are, and how long each is at least. */
export interface Effort {
  readonly samples: number;
  readonly sample_ms: number;
}

/** A sample that mostly waits takes so many times its length. */
const MOST_LENGTHS = 10;

/** Times a piece of work. */
export async function timed({ name, operations, run, prepare }: Case, { samples, sample_ms }: Effort): Promise<Timed> {
  // Twice as often as before until it is enough, which also warms it up.
  let calls = 1;
  for (;; calls *= 2) {
    prepare?.();
    const { processor_ms, clock_ms } = await sampleOf(run, calls);
    if (processor_ms >= sample_ms || clock_ms >= MOST_LENGTHS * sample_ms) break;
  }
  const taken: Sample[] = [];
  for (let sample = 0; sample < samples; sample++) {
    prepare?.();
    taken.push(await sampleOf(run, calls));
  }
  const each_ns = (total_ms: number): number => total_ms * 1e6 / calls / operations;
  return {
    name,
    processor_ns: each_ns(median(taken.map(({ processor_ms }) => processor_ms))),
    each_ns: each_ns(median(taken.map(({ clock_ms }) => clock_ms))),
    fastest_ns: each_ns(Math.min(...taken.map(({ clock_ms }) => clock_ms))),
  };
}

interface Sample {
  readonly clock_ms: number;
  readonly processor_ms: number;
}

async function sampleOf(run: () => void | Promise<void>, calls: number): Promise<Sample> {
  const before = process.cpuUsage();
  const since_ms = performance.now();
  for (let call = 0; call < calls; call++) {
    const promise = run();
    // An await costs more than much of what is measured here.
    if (promise !== undefined) await promise;
  }
  const clock_ms = performance.now() - since_ms;
  const { user, system } = process.cpuUsage(before);
  return { clock_ms, processor_ms: (user + system) / 1000 };
}
