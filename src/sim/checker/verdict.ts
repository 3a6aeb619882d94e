/**
 * What a check comes to.
 *
 * @module
 */
import type { Operation } from "./history.ts";

/** How much a check may use before it gives up. */
export interface Limits {
  /** Milliseconds, null for no limit. */
  readonly timeout_ms: number | null;
  /** The most configurations that may be remembered, which is what takes memory (about 150 bytes each). */
  readonly configurations: number;
  /** Measures the time. */
  readonly clock: { monotonic(): number };
}

/** A step of an order: an operation, and what the object was afterwards. */
export interface OrderStep {
  /** What was done. */
  readonly operation: Operation;
  /** The state after it, for people. */
  readonly state: string;
}

/** Why there is no order. */
export interface Violation {
  /** The keys concerned; empty for a history without keys. */
  readonly keys: readonly string[];
  /** The shortest prefix of the history without an order ends with this event (its index). */
  readonly lastEvent: number;
  /** The operation that this event ends: the others of the prefix have an order, with it they have none. */
  readonly culprit: Operation;
  /** Operations of these keys in the prefix. What ends only after the prefix has an unknown outcome here. */
  readonly operations: readonly Operation[];
  /**
   * Completed operations that cannot all be right, the culprit among them: with any one of them of unknown outcome
   * there would be an order.
   */
  readonly conflict: readonly Operation[];
  /** The longest order that was found of a part of the operations. */
  readonly order: readonly OrderStep[];
  /** The state before the first step. */
  readonly initial: string;
  /** Whether `lastEvent` is proved to be the first possible one; a limit may keep that from being found out. */
  readonly isShortest: boolean;
  /** Whether each operation of `conflict` is proved to be needed there. */
  readonly isSmallest: boolean;
}

/** What a check comes to. */
export type Verdict =
  | { readonly verdict: "linearizable"; readonly configurations: number }
  | { readonly verdict: "not linearizable"; readonly violation: Violation; readonly configurations: number }
  | { readonly verdict: "undecided"; readonly limit: "time" | "memory"; readonly configurations: number };
