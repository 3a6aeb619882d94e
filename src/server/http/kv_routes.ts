/**
 * `/v1/kv/{key}`: one entry, its value as the raw body. These are the routes that load falls on, so they do
 * without middleware and validators, and a read whose barrier is free makes no promise.
 *
 * @module
 */
import type { Context } from "hono";
import type { Key } from "../../codec/bytes.ts";
import { type Compare, type Expiry, type Get, NO_EXPIRY, type Operation } from "../../core/kv/command.ts";
import type { PutResult, Result } from "../../core/kv/result.ts";
import type { Consistency } from "../../core/kv/stale_read.ts";
import type { CommandService, EntryFigures } from "./command_service.ts";
import { onceHeaders, withOnce } from "./exactly_once.ts";
import type { HttpGate } from "./gate.ts";
import { entityTag, noneMatchNames, type Precondition, preconditionOf } from "./preconditions.ts";
import { malformed, problemBody, problemOfResult, problemResponse } from "./problem.ts";
import type { Bodies } from "./request_body.ts";
import { keyInPath, Query } from "./request_target.ts";
import { settle, settleRead } from "./settle.ts";

/** A handler of Hono's, with a response that may be there at once. */
export type Handler = (c: Context) => Response | Promise<Response>;

const PUT_PARAMETERS: readonly string[] = ["ttl_ms", "expires_at_ms", "keep_ttl"];
const GET_PARAMETERS: readonly string[] = ["consistency"];
const NO_PARAMETERS: readonly string[] = [];

/** Serves `GET` and `HEAD`. */
export function getEntry(service: CommandService, gate: HttpGate): Handler {
  return (c) => {
    const request = c.req.raw;
    const key = keyInPath(request.url);
    const consistency = request.url.includes("?")
      ? consistencyOf(new Query(request.url, GET_PARAMETERS))
      : "linearizable";
    const get: Get = { type: "get", key };
    gate.permit(request, get);
    const result = settleRead(service, get, consistency);
    return result instanceof Promise ? result.then((result) => answerGet(request, result)) : answerGet(request, result);
  };
}

/**
 * Whether a read may be stale.
 *
 * @throws {HttpProblem} 400 for a consistency that there is not
 */
export function consistencyOf(query: Query): Consistency {
  return query.oneOf("consistency", ["linearizable", "stale"]);
}

function answerGet(request: Request, result: Result): Response {
  if (result.type === "error") return problemOfResult(result);
  const entry = result.type === "get" ? result.entry : null;
  if (entry === null) {
    return problemResponse(problemBody("NOT_FOUND", "there is no such key", { revision: result.revision }), {
      "KV-Revision": String(result.revision),
    });
  }
  const headers = entryHeaders(entry, result.revision);
  headers["Cache-Control"] = "no-cache";
  const noneMatch = request.headers.get("if-none-match");
  if (noneMatch !== null && noneMatchNames(noneMatch, entry.modRevision)) {
    return new Response(null, { status: 304, headers });
  }
  headers["Content-Type"] = "application/octet-stream";
  headers["X-Content-Type-Options"] = "nosniff";
  if (request.method === "HEAD") headers["Content-Length"] = String(entry.value.length);
  return new Response(entry.value as Uint8Array<ArrayBuffer>, { headers });
}

/** What every answer about an entry says of it. */
function entryHeaders(entry: EntryFigures, revision: number): Record<string, string> {
  const headers: Record<string, string> = {
    "ETag": entityTag(entry.modRevision),
    "KV-Revision": String(revision),
    "KV-Version": String(entry.version),
    "KV-Create-Revision": String(entry.createRevision),
  };
  if (entry.expiry !== 0) headers["KV-Expires-At"] = String(entry.expiry);
  return headers;
}

function expiryOf(url: string): Expiry {
  if (!url.includes("?")) return NO_EXPIRY;
  const query = new Query(url, PUT_PARAMETERS);
  const duration_ms = query.wholeNumber("ttl_ms", 1);
  const time_ms = query.wholeNumber("expires_at_ms", 1);
  const keep = query.flag("keep_ttl");
  if ((duration_ms === null ? 0 : 1) + (time_ms === null ? 0 : 1) + (keep ? 1 : 0) > 1) {
    throw malformed("more than one of ttl_ms, expires_at_ms and keep_ttl; a key goes at one time");
  }
  if (duration_ms !== null) return { type: "after", duration_ms };
  if (time_ms !== null) return { type: "at", time_ms };
  return keep ? { type: "keep" } : NO_EXPIRY;
}

/** The operation that does `operation` where a compare of the key's modRevision holds. */
function guarded(key: Key, precondition: Precondition, operation: Operation): Operation {
  if (precondition.type !== "is" && precondition.type !== "isNot") return operation;
  const compare: Compare = {
    key,
    target: "modRevision",
    operator: precondition.type === "is" ? "=" : "!=",
    operand: precondition.modRevision,
  };
  return { type: "txn", compare: [compare], then: [operation], else: [] };
}

/** The result of the guarded operation itself: null where its compare did not hold. */
function unguarded(result: Result): Result | null {
  if (result.type !== "txn") return result;
  return result.results[0] ?? null;
}

function preconditionFailed(entry: EntryFigures | undefined, detail: string): Response {
  return problemResponse(
    problemBody("PRECONDITION_FAILED", detail),
    entry === undefined ? {} : { "ETag": entityTag(entry.modRevision) },
  );
}

const NEVER_MATCHES = "the entity tag is not one of this server's, so it names no entry";

/** Serves `PUT`. */
export function putEntry(service: CommandService, gate: HttpGate, bodies: Bodies): Handler {
  const { store } = service;
  return (c) => {
    const request = c.req.raw;
    const { url, headers } = request;
    const key = keyInPath(url);
    const expiry = expiryOf(url);
    const precondition = preconditionOf(headers);
    const once = onceHeaders(headers);
    if (precondition.type === "never") return preconditionFailed(undefined, NEVER_MATCHES);
    const condition = precondition.type === "present" || precondition.type === "absent" ? precondition.type : "always";
    // A repetition must tell what the first one told, which the store no longer shows: it keeps the entry before.
    const returnPrevious = once !== null;
    const answer = (whole: Result): Response => {
      if (whole.type === "error") return problemOfResult(whole);
      const result = unguarded(whole);
      if (result?.type === "error") return problemOfResult(result);
      if (result?.type !== "put" || !result.written) {
        return preconditionFailed(store.entry(key), explain(precondition));
      }
      return answerPut(result, once === null ? store.entry(key) : writtenEntry(result));
    };
    return bodies.read(request, store.limits.maxValueBytes).then((value) => {
      const put: Operation = { type: "put", key, value, expiry, condition, returnPrevious };
      const command = withOnce(once, guarded(key, precondition, put));
      gate.permit(request, command);
      return settle(service, command, answer);
    });
  };
}

/** The entry as the put left it, from the one before; its expiry is not known. */
function writtenEntry({ revision, previous }: PutResult): EntryFigures {
  return {
    version: (previous?.version ?? 0) + 1,
    createRevision: previous?.createRevision ?? revision,
    modRevision: revision,
    expiry: 0,
  };
}

function answerPut(result: PutResult, entry: EntryFigures | undefined): Response {
  // A time in the past has removed the key at once.
  if (entry === undefined) {
    return new Response(null, { status: 204, headers: { "KV-Revision": String(result.revision) } });
  }
  const headers = entryHeaders(entry, result.revision);
  if (entry.version > 1) return new Response(null, { status: 204, headers });
  headers["Content-Length"] = "0";
  return new Response(null, { status: 201, headers });
}

function explain(precondition: Precondition): string {
  switch (precondition.type) {
    case "absent":
      return "the key is there already";
    case "present":
      return "the key is not there";
    default:
      return "the entry's revision is another; its ETag, if it is there, goes with this answer";
  }
}

/** Serves `DELETE`. */
export function deleteEntry(service: CommandService, gate: HttpGate): Handler {
  const { store } = service;
  return (c) => {
    const { url, headers } = c.req.raw;
    const key = keyInPath(url);
    if (url.includes("?")) new Query(url, NO_PARAMETERS);
    const precondition = preconditionOf(headers);
    const once = onceHeaders(headers);
    if (precondition.type === "never") return preconditionFailed(undefined, NEVER_MATCHES);
    if (precondition.type === "absent") {
      throw malformed("If-None-Match: * on a DELETE; there would be nothing to delete");
    }
    const operation = guarded(key, precondition, { type: "delete", key, returnPrevious: false });
    const command = withOnce(once, operation);
    gate.permit(c.req.raw, command);
    return settle(service, command, (whole) => {
      if (whole.type === "error") return problemOfResult(whole);
      const result = unguarded(whole);
      if (result?.type === "error") return problemOfResult(result);
      if (result?.type !== "delete" || (precondition.type === "present" && result.deleted === 0)) {
        return preconditionFailed(store.entry(key), explain(precondition));
      }
      return c.json({ deleted: result.deleted, revision: result.revision });
    });
  };
}
