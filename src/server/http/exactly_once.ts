/**
 * Exactly-once over HTTP: which headers make a write safe to repeat. `Idempotency-Key` is a session of one write;
 * `KV-Session`, `KV-Incarnation`, `KV-Sequence` and `KV-Acknowledged` are for client libraries that keep a session open.
 *
 * @module
 */
import { fromBase64Url } from "../../codec/base64.ts";
import { CodecError } from "../../codec/byte_reader.ts";
import { type Key, keyFromBytes } from "../../codec/bytes.ts";
import type { Once, Operation } from "../../core/kv/command.ts";
import { malformed } from "./problem.ts";
import { parseWholeNumber } from "./request_target.ts";

/** Sets the sessions of idempotency keys apart from those that clients open. */
const IDEMPOTENCY_PREFIX = "http:";
/** The longest idempotency key. */
const MAX_IDEMPOTENCY_KEY = 200;

/** The parts of {@link Once} that headers carry. */
export type OnceHeaders = Omit<Once, "type" | "operation">;

/**
 * The session id that base64url text stands for.
 *
 * @throws {HttpProblem} 400 for anything else, and for no bytes at all
 */
export function parseSession(text: string): Key {
  try {
    const session = keyFromBytes(fromBase64Url(text));
    if (session.length > 0) return session;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw malformed(`the session id: ${error.message}`);
  }
  throw malformed("the session id is empty; draw at least 16 random bytes and write them in base64url");
}

/**
 * How the request asks to be done exactly once, or null when it does not.
 *
 * @throws {HttpProblem} 400 for headers that are malformed or do not go together
 */
export function onceHeaders(headers: Headers): OnceHeaders | null {
  const idempotencyKey = headers.get("idempotency-key");
  const session = headers.get("kv-session");
  if (idempotencyKey === null && session === null) return null;
  if (session === null) return idempotent(idempotencyKey ?? "");
  if (idempotencyKey !== null) throw malformed("both Idempotency-Key and KV-Session; one write has one session");
  const incarnation = headers.get("kv-incarnation");
  if (incarnation === null) throw malformed("KV-Session without KV-Incarnation, which opening the session gave");
  const sequence = headers.get("kv-sequence");
  if (sequence === null) throw malformed("KV-Session without KV-Sequence, the number of the write in its session");
  return {
    session: parseSession(session),
    incarnation: parseWholeNumber("KV-Incarnation", incarnation, 1),
    sequence: parseWholeNumber("KV-Sequence", sequence, 1),
    acknowledged: parseWholeNumber("KV-Acknowledged", headers.get("kv-acknowledged") ?? "0", 0),
  };
}

function idempotent(key: string): OnceHeaders {
  if (key.length < 1 || key.length > MAX_IDEMPOTENCY_KEY || /[^\x21-\x7e]/.test(key)) {
    throw malformed(
      `Idempotency-Key of ${key.length} characters; it has 1 to ${MAX_IDEMPOTENCY_KEY} visible ASCII characters`,
    );
  }
  return { session: (IDEMPOTENCY_PREFIX + key) as Key, incarnation: null, sequence: 1, acknowledged: 1 };
}

/** The operation, done exactly once where that was asked for. */
export function withOnce(once: OnceHeaders | null, operation: Operation): Operation | Once {
  return once === null ? operation : { type: "once", ...once, operation };
}
