/**
 * What an object does, as the checker wants it: states and operations are small integers, so that the search
 * compares and remembers numbers only.
 *
 * @module
 */
import type { Operation } from "./history.ts";

/** The answer of {@link Machine.step} when the operation cannot have had its outcome in that state. */
export const IMPOSSIBLE: number = -1;

/** An operation of unknown outcome, as a {@link Machine} takes it. */
export interface UnknownClass {
  /** The code for {@link Machine.step}. Operations with the same code are interchangeable. */
  readonly code: number;
  /**
   * The code of operations that can stand in for this one in every state where it has an effect, or null. (An
   * unknown write of 2 can stand in for an unknown compare-and-set from 1 to 2.)
   */
  readonly standIn: number | null;
  /** Whether the state after it is the same whatever the state before. */
  readonly overwrites: boolean;
}

/** One object, made for the operations of one part of a history. */
export interface Machine {
  /** The state before the first operation. */
  readonly initial: number;
  /** The code of an operation whose outcome is known, or null when it constrains nothing and changes nothing. */
  known(operation: Operation): number | null;
  /** What an operation of unknown outcome may do, or null when it can do nothing that matters. */
  unknown(operation: Operation): UnknownClass | null;
  /** Whether operations of this code leave every state as it is. */
  observes(code: number): boolean;
  /** The state after the operation of this code, or {@link IMPOSSIBLE}. */
  step(state: number, code: number): number;
  /** The state for operations that end with this event or later: what they cannot tell apart is one. */
  from(state: number, event: number): number;
  /** Whether all that can follow the other state can follow this one. False where that is not known. */
  covers(state: number, other: number): boolean;
  /**
   * Whether operations of unknown outcome that depend on the state before may lead from this state to one in which
   * the operation of this code is possible, or has another effect. True where that is not known.
   */
  mayLeadTo(state: number, code: number): boolean;
  /** The state, for people. */
  describe(state: number): string;
}

/** A kind of object. */
export interface Model {
  /** For people. */
  readonly name: string;
  /**
   * The keys that an operation touches. Operations without a common key (also by way of others) are checked apart.
   *
   * @throws {HistoryError} when the model does not know such an operation
   */
  keysOf(operation: Operation): readonly string[];
  /** An object that has seen all the operations it will be asked about. */
  machine(operations: readonly Operation[]): Machine;
}
