/**
 * From what a server says to the errors that callers meet, and what the client does about each: which refusals
 * mean that another attempt, perhaps elsewhere, may succeed.
 *
 * @module
 */
import { Compacted, KvError, type KvErrorCode, OutcomeUnknown } from "../core/errors.ts";

/** The error of the class that belongs to `code`. */
export function errorOfCode(code: KvErrorCode, message: string, options?: ErrorOptions): KvError {
  switch (code) {
    case "OUTCOME_UNKNOWN":
      return new OutcomeUnknown(message, options);
    case "COMPACTED":
      return new Compacted(message, oldestRevisionIn(message), options);
    default:
      return new KvError(code, message, options);
  }
}

/** The server's message ends with the oldest revision that it still has; 0 when it names none. */
function oldestRevisionIn(message: string): number {
  const numbers = message.match(/\d+/g);
  return numbers === null ? 0 : Number(numbers[numbers.length - 1]);
}

const TRANSIENT: ReadonlySet<KvErrorCode> = new Set<KvErrorCode>([
  "UNAVAILABLE",
  "STORAGE_FAILED",
  "CLOSED",
  "OUTCOME_UNKNOWN",
  "SESSION_FULL",
  "DEADLINE_EXCEEDED",
]);

/** Whether a server's refusal may pass, so that the client tries again while the deadline allows. */
export function isTransient(code: KvErrorCode): boolean {
  return TRANSIENT.has(code);
}

/** Whether a refusal speaks against the server rather than the request, so that another server should be tried. */
export function blamesServer(code: KvErrorCode): boolean {
  return code === "UNAVAILABLE" || code === "STORAGE_FAILED" || code === "CLOSED";
}
