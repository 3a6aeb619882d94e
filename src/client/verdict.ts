/**
 * What a refusal means for an operation: whether it surely did not happen, surely did, or may have; and whether
 * to try again. A pure function, because the promise "no answer is ever a guess" hangs on it.
 *
 * @module
 */
import type { KvErrorCode } from "../core/errors.ts";
import type { ErrorResult } from "../core/kv/result.ts";
import { isTransient } from "./errors.ts";

/** A refusal, and what is known of the operation that met it. */
export interface Refusal {
  readonly code: KvErrorCode;
  /** The reply, when the refusal came in one; null when the connection refused. */
  readonly reply: ErrorResult | null;
  readonly write: boolean;
  /** Whether another copy of the operation, sent earlier, may have been executed or may yet be. */
  readonly inDoubt: boolean;
  /** Whether the connection delivers each message once. */
  readonly reliable: boolean;
  /** Whether every server in turn has said that its disk failed. */
  readonly storageFailedEverywhere: boolean;
}

/** What follows. */
export interface Verdict {
  /**
   * `resession`: it did not happen, send it under a new session; `retry`: send it again, as it is, later; `final`:
   * the error is the one true answer; `refused`: it was not executed, as far as this copy goes.
   */
  readonly action: "resession" | "retry" | "final" | "refused";
  /** Whether some copy of the operation may have been executed, or may yet be. */
  readonly inDoubt: boolean;
}

/** Decides what a refusal means. */
export function judge(refusal: Refusal): Verdict {
  const { code, reply, write, inDoubt, reliable } = refusal;
  if (!write) return { action: isTransient(code) && !refusal.storageFailedEverywhere ? "retry" : "refused", inDoubt };
  if (code === "SESSION_UNKNOWN") {
    // An earlier copy may have been executed before the session was forgotten, and its result with it. A datagram that
    // was sent once may have been repeated on its way, so that over datagrams no copy is surely the first.
    const doubt = inDoubt || !reliable;
    return { action: doubt ? "refused" : "resession", inDoubt: doubt };
  }
  if (isTransient(code)) {
    // A datagram may have been repeated on its way: another copy may fare better than the one refused.
    const doubt = inDoubt || code === "OUTCOME_UNKNOWN" || !reliable;
    return { action: refusal.storageFailedEverywhere ? "refused" : "retry", inDoubt: doubt };
  }
  // The answer is there but cannot be read, was forgotten, or did not fit: the write may well have been done.
  const lost = code === "PROTOCOL_ERROR" || code === "SESSION_STALE" ||
    (code === "MESSAGE_TOO_LARGE" && reply !== null);
  if (lost) return { action: "refused", inDoubt: true };
  // The store's own answer is kept under the sequence and is the same for every copy.
  if (reply !== null && reply.revision > 0) return { action: "final", inDoubt: false };
  return { action: "refused", inDoubt };
}
