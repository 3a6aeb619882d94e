/**
 * What an error says about the operation that met it. Everything that is checked rests on this: an operation that
 * may have happened is never taken for one that did not.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";

/** Whether an operation that failed surely did not happen (`fail`), or may have or may yet (`info`). */
export type FailureKind = "fail" | "info";

/** Reads the fate of an operation from its error. Errors that no client may meet are thrown on. */
export type Classify = (error: unknown, isWrite: boolean) => FailureKind;

/** What the client's errors promise: only `OUTCOME_UNKNOWN` leaves a write open. */
export const classifyError: Classify = (error, isWrite) => {
  if (!(error instanceof KvError)) throw error;
  return isWrite && error.code === "OUTCOME_UNKNOWN" ? "info" : "fail";
};
