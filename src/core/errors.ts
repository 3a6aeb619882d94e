/**
 * The errors that callers meet. Each has a stable `code` (one heading each in docs/errors.md) and says whether
 * the operation surely did not happen, so that a caller never has to guess.
 *
 * @module
 */

/** Every code that a {@link KvError} can carry. */
export type KvErrorCode =
  /** The request breaks a documented limit; the message names the limit and the actual size. */
  | "LIMIT_EXCEEDED"
  /** The request is malformed; the message names what and how to mend it. */
  | "INVALID_ARGUMENT"
  /** The value at the key is not an integer in the signed 64-bit range. */
  | "NOT_AN_INTEGER"
  /** The value at the key, or the increment, is not a finite decimal number. */
  | "NOT_A_FLOAT"
  /** The increment would leave the range of the number. */
  | "OUT_OF_RANGE"
  /** The revision asked for is older than the history that is kept. */
  | "COMPACTED"
  /** A watcher did not read fast enough and was ended. */
  | "WATCH_OVERFLOW"
  /** The session is not known: never opened, or expired. */
  | "SESSION_UNKNOWN"
  /** The session has already acknowledged the result of this sequence number. */
  | "SESSION_STALE"
  /** The sequence number (or idempotency key) was used before with a different command. */
  | "SESSION_CONFLICT"
  /** The session has too many results that its client has not acknowledged. */
  | "SESSION_FULL"
  /** No server can take the request now; it was not executed. */
  | "UNAVAILABLE"
  /** The server's disk failed or is full; it has stopped taking writes. This one was not executed. */
  | "STORAGE_FAILED"
  /** The write was sent, and whether it took effect is not known: retry with the same session and sequence. */
  | "OUTCOME_UNKNOWN"
  /** The deadline passed; nothing was changed. */
  | "DEADLINE_EXCEEDED"
  /** The caller's signal aborted the operation before it was sent; nothing was changed. */
  | "ABORTED"
  /** Others held the lock for as long as the caller was ready to wait. */
  | "LOCK_HELD"
  /** The lock or leadership is not held any more: another may hold it. */
  | "LOCK_LOST"
  /** The request or reply does not fit the protocol's largest message. */
  | "MESSAGE_TOO_LARGE"
  /** The server asks for a password, or refused the one given. */
  | "UNAUTHENTICATED"
  /** The user may not do this; the message names the key and what the user may do. Nothing was changed. */
  | "PERMISSION_DENIED"
  /** No TLS connection: the server's certificate is not trusted, or one of the two does not speak TLS. Nothing was sent. */
  | "TLS_FAILED"
  /** The peer speaks another protocol, or answered what cannot be understood. */
  | "PROTOCOL_ERROR"
  /** The client, server or store was closed; nothing was changed. */
  | "CLOSED";

/** The codes of operations that surely did not take effect and may succeed when tried again as they are. */
const RETRYABLE: ReadonlySet<KvErrorCode> = new Set<KvErrorCode>([
  "UNAVAILABLE",
  "STORAGE_FAILED",
  "DEADLINE_EXCEEDED",
  "WATCH_OVERFLOW",
  "LOCK_HELD",
]);

/**
 * An operation that did not succeed.
 *
 * @example
 * ```ts
 * import { KvError } from "@x/kvpaxos";
 *
 * const error = new KvError("UNAVAILABLE", "no server at 127.0.0.1:32000");
 * console.assert(error.retryable);
 * ```
 */
export class KvError extends Error {
  /** The class of the error. */
  override readonly name: string = "KvError";
  /** What went wrong, for programs. Stable across versions. */
  readonly code: KvErrorCode;

  /** An error with a code and a message for people. */
  constructor(code: KvErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Whether the operation surely did not take effect and may be tried again as it is. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/**
 * A write that was sent and may or may not have taken effect. Retrying it with the same session and sequence
 * gives the one true result; as a new operation it might be applied twice.
 */
export class OutcomeUnknown extends KvError {
  /** The class of the error. */
  override readonly name = "OutcomeUnknown";

  /** An error with a message that says what happened to the write. */
  constructor(message: string, options?: ErrorOptions) {
    super("OUTCOME_UNKNOWN", message, options);
  }
}

/** A revision that is older than the history that is kept. */
export class Compacted extends KvError {
  /** The class of the error. */
  override readonly name = "Compacted";
  /** The oldest revision from which events can still be had. */
  readonly oldestRevision: number;

  /** An error that says what is kept. */
  constructor(message: string, oldestRevision: number, options?: ErrorOptions) {
    super("COMPACTED", message, options);
    this.oldestRevision = oldestRevision;
  }
}
