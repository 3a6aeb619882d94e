/**
 * What goes wrong, as `application/problem+json` (RFC 9457). Every refusal of the HTTP front door is made
 * here, so that a code has one status and one title wherever it comes up.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { Compacted, KvError, type KvErrorCode } from "../../core/errors.ts";
import type { ErrorResult } from "../../core/kv/result.ts";

/** The codes of refusals that only HTTP knows, beside those of {@link KvError}. */
export type HttpOnlyCode =
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "PRECONDITION_FAILED"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "REQUEST_TIMEOUT"
  | "INTERNAL";

/** Every code that a problem can carry. */
export type ProblemCode = KvErrorCode | HttpOnlyCode;

/** Every status that a problem can have. */
export type ProblemStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 409
  | 410
  | 412
  | 413
  | 415
  | 422
  | 429
  | 500
  | 503
  | 504;

/** The body of a problem. */
export interface Problem {
  /** `about:blank#CODE`: a name, not an address; docs/errors.md has one heading per code. */
  readonly type: string;
  readonly title: string;
  readonly status: ProblemStatus;
  /** What was wrong with this request, and how to mend it. */
  readonly detail: string;
  readonly code: ProblemCode;
  /** Whether the request surely changed nothing and may succeed when sent again as it is. */
  readonly retryable: boolean;
  /** The store's revision, where the store itself refused. */
  readonly revision?: number;
  /** The oldest revision from which events can still be had, for `COMPACTED`. */
  readonly oldestRevision?: number;
}

const KINDS: Readonly<Record<ProblemCode, readonly [ProblemStatus, string]>> = {
  INVALID_ARGUMENT: [400, "The request is malformed"],
  PROTOCOL_ERROR: [400, "The request cannot be understood"],
  UNAUTHENTICATED: [401, "A password is needed"],
  PERMISSION_DENIED: [403, "The user may not do this"],
  NOT_FOUND: [404, "Not found"],
  METHOD_NOT_ALLOWED: [405, "The method is not allowed here"],
  REQUEST_TIMEOUT: [408, "The request took too long to arrive"],
  LOCK_HELD: [409, "The lock is held by others"],
  LOCK_LOST: [409, "The lock was lost"],
  NOT_AN_INTEGER: [409, "The value is not an integer"],
  NOT_A_FLOAT: [409, "The value is not a number"],
  OUT_OF_RANGE: [409, "The result is out of range"],
  SESSION_UNKNOWN: [409, "The session is not known"],
  SESSION_STALE: [409, "The result was acknowledged before"],
  COMPACTED: [410, "The revision is no longer kept"],
  PRECONDITION_FAILED: [412, "The precondition does not hold"],
  LIMIT_EXCEEDED: [413, "A limit is exceeded"],
  MESSAGE_TOO_LARGE: [413, "The message is too large"],
  UNSUPPORTED_MEDIA_TYPE: [415, "The media type is not supported"],
  SESSION_CONFLICT: [422, "The key was used for another request"],
  SESSION_FULL: [429, "Too many unacknowledged results"],
  INTERNAL: [500, "Internal error"],
  TLS_FAILED: [503, "No TLS connection"],
  UNAVAILABLE: [503, "The server cannot take requests now"],
  STORAGE_FAILED: [503, "The server's storage has failed"],
  WATCH_OVERFLOW: [503, "The watcher was too slow"],
  CLOSED: [503, "The server is closing"],
  ABORTED: [503, "The request was given up"],
  DEADLINE_EXCEEDED: [504, "The deadline has passed"],
  OUTCOME_UNKNOWN: [504, "Whether the write took effect is not known"],
};

/** A refusal on its way to becoming a response: thrown by what parses, caught by the app. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly code: ProblemCode;
  /** Headers that go with the response. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.code = code;
    this.headers = headers;
  }
}

/** A request that is malformed: 400. */
export function malformed(detail: string): HttpProblem {
  return new HttpProblem("INVALID_ARGUMENT", detail);
}

/** What some problems say beside the usual. */
export type ProblemExtra = Pick<Problem, "revision" | "oldestRevision">;

/** The body of a problem. An unknown code, which a newer store may use, counts as internal. */
export function problemBody(
  code: ProblemCode,
  detail: string,
  extra: ProblemExtra = {},
): Problem {
  const [status, title] = KINDS[code] ?? KINDS.INTERNAL;
  const retryable = isKvCode(code) && new KvError(code, "").retryable;
  return { type: `about:blank#${code}`, title, status, detail, code, retryable, ...extra };
}

function isKvCode(code: ProblemCode): code is KvErrorCode {
  switch (code) {
    case "NOT_FOUND":
    case "METHOD_NOT_ALLOWED":
    case "PRECONDITION_FAILED":
    case "UNSUPPORTED_MEDIA_TYPE":
    case "REQUEST_TIMEOUT":
    case "INTERNAL":
      return false;
    default:
      return true;
  }
}

/** The response that carries `problem`. */
export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      ...(problem.status === 503 ? { "Retry-After": "1" } : {}),
      ...(problem.status === 401
        ? { "WWW-Authenticate": 'Bearer realm="kvpaxos", Basic realm="kvpaxos", charset="UTF-8"' }
        : {}),
      ...headers,
    },
  });
}

/** The problem that an error stands for. What nobody foresaw says nothing of the server's insides. */
export function problemOf(error: unknown): Response {
  if (error instanceof HttpProblem) {
    return problemResponse(problemBody(error.code, error.message), error.headers);
  }
  if (error instanceof Compacted) {
    const { oldestRevision } = error;
    return problemResponse(problemBody("COMPACTED", error.message, { oldestRevision }));
  }
  if (error instanceof KvError) return problemResponse(problemBody(error.code, error.message));
  if (error instanceof CodecError) return problemResponse(problemBody("INVALID_ARGUMENT", error.message));
  return problemResponse(
    problemBody("INTERNAL", "the server failed to answer; whether a write took effect is not known"),
  );
}

/** The problem that the store's own refusal stands for. */
export function problemOfResult(result: ErrorResult): Response {
  return problemResponse(problemBody(result.code, result.message, { revision: result.revision }));
}
