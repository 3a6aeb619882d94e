/**
 * What a comparison of protocols asks of each of them: the same operations at the same times, and the same failure.
 *
 * Operations begin when the plan says so, whatever became of those before (an open loop): a protocol that stands still
 * is asked as often as one that goes on, and what it kept waiting counts in full.
 *
 * @module
 */
import { SimRandom } from "../world/sim_random.ts";

/** What can be made to fail. */
export const FAILURES = ["coordinator", "leader", "replica", "partition", "slow", "none"] as const;

/** The name of a failure. */
export type FailureName = typeof FAILURES[number];

/** What to compare. With equal options the comparison is the same, on every runtime. */
export interface CompareOptions {
  /** Decides everything that is left to chance. */
  readonly seed: number;
  /** How many servers: 3 or 5. @default 5 */
  readonly replicas?: number;
  /** How many operations clients begin in the {@link LOAD_MS}. @default 4000 */
  readonly ops?: number;
  /** What fails. @default "coordinator" */
  readonly failure?: FailureName;
  /** Awaited now and then, so that the caller's other work goes on; what it throws ends the comparison. */
  readonly breathe?: () => Promise<void>;
}

/** One operation of the plan. */
export interface PlannedOperation {
  /** When it begins, in milliseconds since the load began. */
  readonly at_ms: number;
  /** Which client does it, counted from 0. */
  readonly client: number;
  readonly key: string;
  /** A put, or else a get. */
  readonly isWrite: boolean;
}

/** How long clients begin operations, in virtual milliseconds. */
export const LOAD_MS = 10_000;
/** When the failure begins at the earliest, and how long it lasts. */
export const FAILURE_AT_MS = 4000;
export const FAILURE_MS = 3000;
/** How many operations there are unless somebody says otherwise. */
export const DEFAULT_COMPARED_OPS = 4000;
/** How many clients there are, and on how many keys they work. */
export const CLIENTS = 20;
export const KEYS = 100;

const COMPARED_REPLICAS: readonly number[] = [3, 5];

/** Options with nothing left out. */
export type ResolvedCompareOptions = Required<CompareOptions>;

/**
 * Fills in what is left out.
 *
 * @throws {RangeError} when there is no such comparison
 */
export function resolveCompareOptions(options: CompareOptions): ResolvedCompareOptions {
  const { seed, replicas = 5, ops = DEFAULT_COMPARED_OPS, failure = "coordinator" } = options;
  if (!COMPARED_REPLICAS.includes(replicas)) {
    throw new RangeError(`a comparison has 3 or 5 replicas, not ${replicas}: one has to fail and a majority to stay`);
  }
  if (!Number.isSafeInteger(ops) || ops < 0) throw new RangeError(`ops is ${ops}; it is a whole number from 0 on`);
  return { seed, replicas, ops, failure, breathe: options.breathe ?? (() => Promise.resolve()) };
}

/** The key of this number. */
export function keyOf(index: number): string {
  return `key/${index}`;
}

/** Draws the operations of a seed, half of them writes, in the order in which they begin. */
export function planOperations(seed: number, ops: number): readonly PlannedOperation[] {
  const random = new SimRandom(seed).fork("load");
  const plan = Array.from({ length: ops }, () => ({
    at_ms: Math.floor(random.next() * LOAD_MS * 1000) / 1000,
    client: random.below(CLIENTS),
    key: keyOf(random.below(KEYS)),
    isWrite: random.chance(0.5),
  }));
  return plan.toSorted((a, b) => a.at_ms - b.at_ms);
}
