/**
 * Which HTTP request a command is, and which result an answer stands for. Pure: no I/O, so that it can be read
 * beside docs/protocol.md.
 *
 * @module
 */
import { toBase64Url } from "../codec/base64.ts";
import { CodecError } from "../codec/byte_reader.ts";
import { bytesToText, type Key, keyToBytes } from "../codec/bytes.ts";
import { errorOfCode } from "../client/errors.ts";
import { Compacted, KvError, type KvErrorCode } from "../core/errors.ts";
import type { Command, Expiry, Operation, Put, Range, ReadOperation } from "../core/kv/command.ts";
import { keyedEntryFromJson, operationToJson, resultFromJson } from "../core/kv/json/json_form.ts";
import { staleReadOf } from "../core/kv/stale_read.ts";
import type { ErrorResult, Result } from "../core/kv/result.ts";

/** What to send. */
export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | null;
  /** The result that a successful answer stands for. Throws {@link CodecError} when it stands for none. */
  read(answer: HttpAnswer): Result;
}

/** What came back, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

const STALE = "consistency=stale";

type Fields = Readonly<Record<string, unknown>>;

/** The request that does `command`; `isStale` for a read that any replica may answer from what it knows. */
export function requestOf(command: Command, isStale = false): HttpRequest {
  if (isStale) return staleRequest(staleReadOf(command));
  switch (command.type) {
    case "openSession":
      return request("PUT", sessionPath(command.session), null, (answer) => {
        const incarnation = header(answer, "kv-incarnation");
        return { type: "session", revision: header(answer, "kv-revision"), incarnation };
      });
    case "closeSession":
      return request("DELETE", sessionPath(command.session), null, (answer) => {
        return { type: "done", revision: header(answer, "kv-revision") };
      });
    case "once": {
      if (command.incarnation === null) {
        throw new KvError(
          "INVALID_ARGUMENT",
          "a once without an incarnation is an Idempotency-Key over HTTP; open one",
        );
      }
      const inner = operationRequest(command.operation);
      const headers = {
        ...inner.headers,
        "KV-Session": toBase64Url(keyToBytes(command.session)),
        "KV-Incarnation": String(command.incarnation),
        "KV-Sequence": String(command.sequence),
        "KV-Acknowledged": String(command.acknowledged),
      };
      return { ...inner, headers };
    }
    case "expireDue":
      throw new KvError("INVALID_ARGUMENT", "expireDue is the servers' own");
    default:
      return operationRequest(command);
  }
}

function staleRequest(read: ReadOperation): HttpRequest {
  const isResource = read.type === "range" || (read.type === "get" && fitsPath(read.key));
  if (!isResource) {
    // A transaction is never stale: what is no resource goes the way of the typed calls.
    return request("POST", `/v1/rpc?${STALE}`, JSON.stringify(operationToJson(read)), (answer) => {
      return resultFromJson(json(answer));
    });
  }
  const linearizable = operationRequest(read);
  const { path } = linearizable;
  return { ...linearizable, path: `${path}${path.includes("?") ? "&" : "?"}${STALE}` };
}

function sessionPath(session: Key): string {
  return `/v1/sessions/${toBase64Url(keyToBytes(session))}`;
}

function operationRequest(operation: Operation): HttpRequest {
  switch (operation.type) {
    case "get":
      if (!fitsPath(operation.key)) break;
      return { ...request("GET", keyPath(operation.key), null, readEntry), headers: { "Accept": "*/*" } };
    case "put":
      if (operation.condition !== "always" || operation.returnPrevious || !fitsPath(operation.key)) break;
      return putRequest(operation);
    case "delete":
      if (operation.returnPrevious || !fitsPath(operation.key)) break;
      return request("DELETE", keyPath(operation.key), null, (answer) => {
        const { deleted, revision } = json(answer) as Fields;
        return { type: "delete", revision: whole(revision), deleted: whole(deleted), previous: null };
      });
    case "range":
      return rangeRequest(operation);
    case "txn": {
      const { type: _, ...body } = operationToJson(operation) as Fields & { readonly type: "txn" };
      return request("POST", "/v1/txn", JSON.stringify(body), (answer) => resultFromJson(json(answer)));
    }
  }
  // Everything else is a transaction of one operation.
  return request("POST", "/v1/txn", JSON.stringify({ then: [operationToJson(operation)] }), (answer) => {
    const result = resultFromJson(json(answer));
    const inner = result.type === "txn" ? result.results[0] : undefined;
    if (inner === undefined) throw new CodecError("a transaction of one operation gave no result");
    return inner;
  });
}

function request(
  method: HttpRequest["method"],
  path: string,
  body: string | Uint8Array | null,
  read: HttpRequest["read"],
): HttpRequest {
  const type = typeof body === "string" ? "application/json" : "application/octet-stream";
  return { method, path, headers: body === null ? {} : { "Content-Type": type }, body, read };
}

function putRequest(put: Put): HttpRequest {
  const query = expiryQuery(put.expiry);
  return request("PUT", keyPath(put.key) + query, put.value, (answer) => {
    return { type: "put", revision: header(answer, "kv-revision"), written: true, previous: null };
  });
}

function expiryQuery(expiry: Expiry): string {
  switch (expiry.type) {
    case "none":
      return "";
    case "keep":
      return "?keep_ttl=true";
    case "at":
      return `?expires_at_ms=${expiry.time_ms}`;
    case "after":
      return `?ttl_ms=${expiry.duration_ms}`;
  }
}

function readEntry(answer: HttpAnswer): Result {
  const revision = header(answer, "kv-revision");
  if (answer.status === 404) return { type: "get", revision, entry: null };
  const tag = /^"([0-9]+)"$/.exec(answer.headers.get("etag") ?? "");
  if (tag === null) throw new CodecError("an entry without an ETag");
  const expiry = answer.headers.has("kv-expires-at") ? header(answer, "kv-expires-at") : 0;
  return {
    type: "get",
    revision,
    entry: {
      value: answer.body,
      version: header(answer, "kv-version"),
      createRevision: header(answer, "kv-create-revision"),
      modRevision: Number(tag[1]),
      expiry,
    },
  };
}

/** The query that names the keys in [start, end). */
export function boundsQuery(start: Key, end: Key | null): string[] {
  const query: string[] = [];
  if (start.length > 0) query.push(`start=${percentEncode(start)}`);
  if (end !== null) query.push(`end=${percentEncode(end)}`);
  return query;
}

function rangeRequest(range: Range): HttpRequest {
  const query = boundsQuery(range.start, range.end);
  if (range.projection === "count") query.push("count_only=true");
  else {
    if (range.limit > 0) query.push(`limit=${range.limit}`);
    if (range.reverse) query.push("reverse=true");
    if (range.projection === "keys") query.push("keys_only=true");
  }
  const path = query.length === 0 ? "/v1/kv" : `/v1/kv?${query.join("&")}`;
  return request("GET", path, null, (answer) => {
    const fields = json(answer) as Fields;
    const revision = whole(fields["revision"]);
    const count = whole(fields["count"]);
    if (range.projection === "count") return { type: "range", revision, entries: [], count, more: false };
    const listed = fields["entries"];
    if (!Array.isArray(listed)) throw new CodecError(`"entries" is not a list`);
    const entries = listed.map((entry: Fields) =>
      keyedEntryFromJson(range.projection === "keys" ? { ...entry, value: "" } : entry)
    );
    return { type: "range", revision, entries, count, more: fields["more"] === true };
  });
}

/** Whether a key can stand in a path: URL parsers take the dots for directories, however they are written. */
function fitsPath(key: Key): boolean {
  return key !== "." && key !== "..";
}

function keyPath(key: Key): string {
  return `/v1/kv/${percentEncode(key)}`;
}

/** The bytes of `key`, percent-encoded but for the characters that never need it (RFC 3986, section 2.3). */
export function percentEncode(key: Key): string {
  return key.replace(/[^A-Za-z0-9._~-]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"));
}

function json(answer: HttpAnswer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(bytesToText(answer.body));
  } catch (error) {
    throw new CodecError("the answer is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null) throw new CodecError("the answer is no object");
  return value;
}

function whole(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new CodecError("a number of the answer is not whole");
}

function header(answer: HttpAnswer, name: string): number {
  const text = answer.headers.get(name) ?? "";
  if (!/^[0-9]{1,16}$/.test(text)) throw new CodecError(`the header ${name} is no whole number`);
  return whole(Number(text));
}

/** What an answer stands for: the result, or the problem as an error result. */
export function resultOf(request: HttpRequest, answer: HttpAnswer): Result {
  const { status } = answer;
  const found = status >= 200 && status < 300;
  try {
    if (found || (status === 404 && answer.headers.has("kv-revision"))) return request.read(answer);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new KvError("PROTOCOL_ERROR", `${request.method} ${request.path.slice(0, 100)}: ${cause.message}`, { cause });
  }
  return problemOf(answer);
}

/** Problems that are not the store's own: what asked for them was not understood, or nobody knows what it did. */
const HTTP_ONLY: ReadonlyMap<string, KvErrorCode> = new Map<string, KvErrorCode>([
  ["INTERNAL", "OUTCOME_UNKNOWN"],
  ["NOT_FOUND", "PROTOCOL_ERROR"],
  ["METHOD_NOT_ALLOWED", "PROTOCOL_ERROR"],
  ["PRECONDITION_FAILED", "PROTOCOL_ERROR"],
  ["UNSUPPORTED_MEDIA_TYPE", "PROTOCOL_ERROR"],
]);

/** The problem in an answer. One without our kind of body comes from something in between. */
export function problemOf(answer: Pick<HttpAnswer, "status" | "body">): ErrorResult {
  const { status, body } = answer;
  const fields = problemFields(bytesToText(body));
  if (fields === null) {
    const code = status >= 500 || status === 429
      ? "OUTCOME_UNKNOWN"
      : status === 401
      ? "UNAUTHENTICATED"
      : "PROTOCOL_ERROR";
    return {
      type: "error",
      revision: 0,
      code,
      message: `an answer with status ${status} that is not a server's of ours`,
    };
  }
  const { code, detail, revision } = fields;
  return {
    type: "error",
    revision: typeof revision === "number" ? revision : 0,
    code: HTTP_ONLY.get(String(code)) ?? code as KvErrorCode,
    message: String(detail),
  };
}

/** The error that the text of a problem stands for. */
export function errorOfProblem(text: string): KvError {
  const fields = problemFields(text);
  if (fields === null) return new KvError("PROTOCOL_ERROR", "the stream of events ended with what is no problem");
  const { code, detail, oldestRevision } = fields;
  if (code === "COMPACTED" && typeof oldestRevision === "number") return new Compacted(String(detail), oldestRevision);
  return errorOfCode(HTTP_ONLY.get(String(code)) ?? code as KvErrorCode, String(detail));
}

function problemFields(text: string): Fields | null {
  try {
    const fields: unknown = JSON.parse(text);
    if (typeof fields !== "object" || fields === null) return null;
    return typeof (fields as Fields)["code"] === "string" ? fields as Fields : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
