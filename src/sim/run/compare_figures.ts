/**
 * From what happened under a protocol to the figures of a comparison. Times are virtual milliseconds.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";

/** An operation that has ended. */
export interface EndedOperation {
  readonly isWrite: boolean;
  readonly begun_ms: number;
  readonly ended_ms: number;
  /** `fail`: it surely changed nothing. `info`: nobody can say. */
  readonly type: "ok" | "fail" | "info";
}

/** A transaction in whose outcome some replica had to wait for long. */
export interface Doubt {
  /** When it was first in doubt somewhere, and when last. */
  readonly from_ms: number;
  to_ms: number;
  /** Who decides it, counted from 0. */
  readonly coordinator: ReplicaId;
  /** The keys that it kept locked; null for all. */
  readonly keys: readonly string[] | null;
}

/** What replicas have done so far. */
export interface Effort {
  /** Frames between replicas. */
  readonly messages: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Syncs of files, on all replicas together. */
  readonly syncs: number;
}

/** What writes cost that have the cluster to themselves. */
export interface Price {
  /** How many were measured. */
  readonly writes: number;
  /** From the request to the reply: half of the writes took no longer. */
  readonly latency_ms: number;
  /** For each write, signs of life between replicas included. */
  readonly messages: number;
  readonly bytes: number;
  readonly syncs: number;
}

/** What became of operations. */
export interface Counts {
  readonly begun: number;
  readonly ok: number;
  /** Ended with an error that says that nothing was changed. */
  readonly refused: number;
  /** Ended with an error that leaves open whether it took effect. Reads never do. */
  readonly unknown: number;
}

/** What transactions in doubt came to. */
export interface DoubtFigures {
  readonly transactions: number;
  readonly longest_ms: number;
  /** How many keys they kept locked; null for all there are. */
  readonly keys: number | null;
}

/** How a protocol did under the load. */
export interface LoadFigures {
  readonly writes: Counts;
  readonly reads: Counts;
  /** The share of the windows of {@link WINDOW_MS} in which an operation ended well. */
  readonly windowsAnswered: number;
  /** The same for writes. */
  readonly windowsWritten: number;
  /** The longest time without an acknowledged write. */
  readonly longestStall_ms: number;
  /** All times without an acknowledged write that were longer than a window, together. */
  readonly stalled_ms: number;
  /** The transactions that were in doubt for longer than a window. */
  readonly inDoubt: DoubtFigures;
  /** Those of them that a replica had to decide that was away. */
  readonly orphaned: DoubtFigures;
  /** Of acknowledged writes, from the request to the reply. */
  readonly median_ms: number;
  readonly p99_ms: number;
}

/** The width of the windows by which availability is measured, in milliseconds. */
export const WINDOW_MS = 100;

/** The figures of a load that began at `start_ms` and took `load_ms`, in which these replicas were away. */
export function figuresOf(
  operations: readonly EndedOperation[],
  doubts: readonly Doubt[],
  away: readonly ReplicaId[],
  { start_ms, load_ms }: { readonly start_ms: number; readonly load_ms: number },
): LoadFigures {
  const writes = operations.filter(({ isWrite }) => isWrite);
  const acknowledged = writes.filter(({ type }) => type === "ok");
  const latencies = acknowledged.map(({ begun_ms, ended_ms }) => ended_ms - begun_ms);
  const stalls = stallsBetween(acknowledged, start_ms, start_ms + load_ms);
  return {
    writes: count(writes),
    reads: count(operations.filter(({ isWrite }) => !isWrite)),
    windowsAnswered: windowsWith(operations.filter(({ type }) => type === "ok"), start_ms, load_ms),
    windowsWritten: windowsWith(acknowledged, start_ms, load_ms),
    longestStall_ms: rounded(Math.max(0, ...stalls)),
    stalled_ms: rounded(stalls.filter((stall) => stall > WINDOW_MS).reduce((sum, stall) => sum + stall, 0)),
    inDoubt: sumOf(doubts),
    orphaned: sumOf(doubts.filter(({ coordinator }) => away.includes(coordinator))),
    median_ms: quantile(latencies, 0.5),
    p99_ms: quantile(latencies, 0.99),
  };
}

/** What so many writes cost, of which each took so long, when the replicas did this meanwhile. */
export function priceOf(latencies_ms: readonly number[], before: Effort, after: Effort): Price {
  const writes = latencies_ms.length;
  const each = (amount: number): number => writes === 0 ? 0 : rounded(amount / writes);
  return {
    writes,
    latency_ms: quantile(latencies_ms, 0.5),
    messages: each(after.messages - before.messages),
    bytes: each(after.bytes - before.bytes),
    syncs: each(after.syncs - before.syncs),
  };
}

function sumOf(doubts: readonly Doubt[]): DoubtFigures {
  return {
    transactions: doubts.length,
    longest_ms: rounded(Math.max(0, ...doubts.map(({ from_ms, to_ms }) => to_ms - from_ms))),
    keys: doubts.some(({ keys }) => keys === null) ? null : new Set(doubts.flatMap(({ keys }) => keys ?? [])).size,
  };
}

function count(operations: readonly EndedOperation[]): Counts {
  const of = (type: EndedOperation["type"]): number => operations.filter((each) => each.type === type).length;
  return { begun: operations.length, ok: of("ok"), refused: of("fail"), unknown: of("info") };
}

function windowsWith(operations: readonly EndedOperation[], start_ms: number, load_ms: number): number {
  const windows = Math.floor(load_ms / WINDOW_MS);
  const at = operations.map(({ ended_ms }) => Math.floor((ended_ms - start_ms) / WINDOW_MS));
  return new Set(at.filter((window) => window < windows)).size / windows;
}

/** The times between acknowledgements, and before the first and after the last. */
function stallsBetween(acknowledged: readonly EndedOperation[], start_ms: number, end_ms: number): number[] {
  const ends = acknowledged.map(({ ended_ms }) => ended_ms).filter((ended_ms) => ended_ms < end_ms);
  const marks = [start_ms, ...ends.toSorted((a, b) => a - b), end_ms];
  return marks.slice(1).map((mark, index) => mark - marks[index]!);
}

/** The value that this share of all does not exceed, 0 without any. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
}

/** To thousandths: virtual time is counted in microseconds. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
