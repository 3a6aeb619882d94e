/**
 * How an error of the store, or of the way there, reads in RESP: the one place where codes become prefixes.
 * The words are Redis's where Redis has the case, so that clients which look at them work.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { KvError, type KvErrorCode } from "../../core/errors.ts";
import type { ErrorResult } from "../../core/kv/result.ts";

/** An error, or a result that is one. */
export interface Fault {
  readonly code: KvErrorCode;
  readonly message: string;
}

/** Prefixes of codes whose replies carry the error's own message. Every other code is an `ERR`. */
const PREFIXES: ReadonlyMap<KvErrorCode, string> = new Map<KvErrorCode, string>([
  ["UNAVAILABLE", "TRYAGAIN"],
  ["STORAGE_FAILED", "MISCONF"],
  ["OUTCOME_UNKNOWN", "UNKNOWN"],
  ["COMPACTED", "COMPACTED"],
  ["WATCH_OVERFLOW", "WATCHOVERFLOW"],
  ["SESSION_UNKNOWN", "SESSIONUNKNOWN"],
  ["SESSION_STALE", "SESSIONSTALE"],
  ["SESSION_CONFLICT", "SESSIONCONFLICT"],
  ["SESSION_FULL", "SESSIONFULL"],
  ["MESSAGE_TOO_LARGE", "TOOLARGE"],
  ["UNAUTHENTICATED", "NOAUTH"],
  ["PERMISSION_DENIED", "NOPERM"],
]);

/** How the store begins its refusal of a value that would be too long. */
const STRING_TOO_LONG = "string exceeds maximum allowed size";

/** The whole error line, without the leading `-`. */
export function errorLine(fault: Fault): string {
  switch (fault.code) {
    case "NOT_AN_INTEGER":
      return "ERR value is not an integer or out of range";
    case "NOT_A_FLOAT":
      return "ERR value is not a valid float";
    case "LIMIT_EXCEEDED":
      // APPEND learns only from the store that the value would be too long; Redis has words for that.
      if (fault.message.startsWith(STRING_TOO_LONG)) return `ERR ${STRING_TOO_LONG} (proto-max-bulk-len)`;
      return `ERR ${fault.message}`;
    default:
      return `${PREFIXES.get(fault.code) ?? "ERR"} ${fault.message}`;
  }
}

/** The result that stands for a failure, where failures travel as results: revision 0, for nothing was applied. */
export function errorResult(error: unknown): ErrorResult {
  if (error instanceof KvError) return { type: "error", revision: 0, code: error.code, message: error.message };
  if (error instanceof CodecError) {
    const message = `the bytes are not a command: ${error.message}`;
    return { type: "error", revision: 0, code: "INVALID_ARGUMENT", message };
  }
  throw error;
}
