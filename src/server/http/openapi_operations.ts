/**
 * The routes, described for the OpenAPI document.
 *
 * @module
 */
import { type JsonObject, schemaRef, WHOLE_NUMBER } from "./openapi_schemas.ts";

/** One method of one route, and what OpenAPI says of it. */
export interface DescribedOperation {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** In Hono's notation. */
  readonly path: string;
  readonly operationId: string;
  readonly [field: string]: unknown;
}

const RAW = "application/octet-stream";
const JSON_TYPE = "application/json";
const BYTES: JsonObject = { type: "string", format: "binary" };
const FLAG: JsonObject = { type: "boolean", default: false };

function parameter(
  place: "query" | "header" | "path",
  name: string,
  schema: JsonObject,
  description: string,
): JsonObject {
  return { in: place, name, schema, description, ...(place === "path" ? { required: true } : {}) };
}

function inQuery(name: string, schema: JsonObject, description: string): JsonObject {
  return parameter("query", name, schema, description);
}

function inHeader(name: string, schema: JsonObject, description: string): JsonObject {
  return parameter("header", name, schema, description);
}

const TEXT: JsonObject = { type: "string" };
const KEY = parameter("path", "key", TEXT, "The key's bytes, percent-encoded; a slash may stand as it is.");
const SESSION = parameter("path", "session", TEXT, "The session id in base64url: at least 16 random bytes.");
const RANGE: readonly JsonObject[] = [
  inQuery("prefix", TEXT, "The keys that start with these bytes. Not together with start or end."),
  inQuery("start", TEXT, "The first key."),
  inQuery("end", TEXT, "The first key past the range; left out, the range has no upper bound."),
];
const IF_MATCH = inHeader("If-Match", TEXT, "Only if the entry has this ETag; * only if the key is there.");
const IF_NONE_MATCH = inHeader(
  "If-None-Match",
  TEXT,
  "Only if the entry has another ETag; * only if the key is not there.",
);
const INCARNATION: JsonObject = { ...WHOLE_NUMBER, minimum: 1 };
const ONCE: readonly JsonObject[] = [
  inHeader(
    "Idempotency-Key",
    { type: "string", minLength: 1, maxLength: 200 },
    "A text of the client's that nobody else uses: the write is done once, however often it is sent.",
  ),
  inHeader("KV-Session", TEXT, "The id of an open session, in base64url; for client libraries."),
  inHeader("KV-Incarnation", INCARNATION, "What opening the session gave: in any other incarnation nothing is done."),
  inHeader("KV-Sequence", { ...WHOLE_NUMBER, minimum: 1 }, "The number of the write in its session."),
  inHeader("KV-Acknowledged", WHOLE_NUMBER, "The client has the results of all writes below this number."),
];

const PROBLEMS: Readonly<Record<number, string>> = {
  400: "The request is malformed.",
  401: "A user or a password is needed.",
  403: "The user may not do this; the detail says why.",
  404: "There is no such key.",
  408: "The body took too long to arrive.",
  409: "The value, or the session, is not in the state that the request needs.",
  412: "The precondition does not hold.",
  413: "A limit is exceeded; the detail names it.",
  415: "The media type is not supported.",
  422: "The idempotency key, or sequence number, was used for another request.",
  429: "The session has too many results that its client has not acknowledged.",
  503: "The server cannot take the request now; it was not executed.",
  504: "Whether the write took effect is not known: repeat it with the same idempotency key.",
};

/** Problems of every route; of routes that take a body; of routes that write. */
const ANY = [400, 401, 403, 503];
const BODY = [408, 413, 415];
const WRITE = [409, 413, 422, 429, 504];

function problems(...statuses: readonly number[]): JsonObject {
  const responses: Record<string, JsonObject> = {};
  for (const status of [...statuses].sort((a, b) => a - b)) {
    const retry = status === 503
      ? { headers: { "Retry-After": { schema: { type: "integer" }, description: "Seconds to wait." } } }
      : {};
    responses[status] = {
      description: PROBLEMS[status],
      ...retry,
      content: { "application/problem+json": { schema: schemaRef("Problem") } },
    };
  }
  return responses;
}

const ENTRY_HEADERS: JsonObject = {
  "ETag": { schema: TEXT, description: "The entry's modRevision, in quotes." },
  "KV-Revision": { schema: WHOLE_NUMBER, description: "The store's revision." },
  "KV-Version": { schema: WHOLE_NUMBER, description: "Writes since the key was created." },
  "KV-Create-Revision": { schema: WHOLE_NUMBER, description: "The revision that created the key." },
  "KV-Expires-At": { schema: WHOLE_NUMBER, description: "When the key goes, in milliseconds since the Unix epoch." },
};

function json(description: string, schema: JsonObject): JsonObject {
  return { description, content: { [JSON_TYPE]: { schema } } };
}

function jsonBody(name: string): JsonObject {
  return { required: true, content: { [JSON_TYPE]: { schema: schemaRef(name) } } };
}

const CONSISTENCY = inQuery(
  "consistency",
  { enum: ["linearizable", "stale"], default: "linearizable" },
  "stale answers from what this replica knows, however old, also while no majority can be reached.",
);

const GET_ENTRY: JsonObject = {
  tags: ["entries"],
  parameters: [KEY, CONSISTENCY, inHeader("If-None-Match", TEXT, "Answers 304 if the entry still has this ETag.")],
};

function entryOperations(): DescribedOperation[] {
  const path = "/v1/kv/:key";
  return [
    {
      ...GET_ENTRY,
      method: "GET",
      path,
      operationId: "getEntry",
      summary: "Read a value",
      responses: {
        200: { description: "The value.", headers: ENTRY_HEADERS, content: { [RAW]: { schema: BYTES } } },
        304: { description: "The entry is the one that the client has.", headers: ENTRY_HEADERS },
        ...problems(...ANY, 404, 413),
      },
    },
    {
      method: "PUT",
      path,
      operationId: "putEntry",
      summary: "Write a value",
      tags: ["entries"],
      parameters: [
        KEY,
        inQuery("ttl_ms", { ...WHOLE_NUMBER, minimum: 1 }, "The key goes this many milliseconds after the write."),
        inQuery("expires_at_ms", { ...WHOLE_NUMBER, minimum: 1 }, "The key goes at this time since the Unix epoch."),
        inQuery("keep_ttl", FLAG, "The key goes when it would have gone before the write."),
        IF_MATCH,
        IF_NONE_MATCH,
        ...ONCE,
      ],
      requestBody: { required: true, description: "The value.", content: { [RAW]: { schema: BYTES } } },
      responses: {
        201: { description: "The key was created.", headers: ENTRY_HEADERS },
        204: { description: "The value was replaced.", headers: ENTRY_HEADERS },
        ...problems(...ANY, ...WRITE, 412, 415),
      },
    },
    {
      method: "DELETE",
      path,
      operationId: "deleteEntry",
      summary: "Delete a key",
      tags: ["entries"],
      parameters: [KEY, IF_MATCH, IF_NONE_MATCH, ...ONCE],
      responses: {
        200: json("How many keys went: 0 or 1.", schemaRef("Deleted")),
        ...problems(...ANY, ...WRITE, 412),
      },
    },
  ];
}

function rangeOperations(): DescribedOperation[] {
  return [
    {
      method: "GET",
      path: "/v1/kv",
      operationId: "listEntries",
      summary: "Read a range of keys",
      description: "A page has at most 10,000 entries and 16 MiB; more than that is had by cursor.",
      tags: ["entries"],
      parameters: [
        ...RANGE,
        inQuery("limit", { type: "integer", minimum: 1, default: 1000 }, "The most entries of the page."),
        inQuery("reverse", FLAG, "From the highest key down."),
        inQuery("keys_only", FLAG, "Without values."),
        inQuery("count_only", FLAG, "Only how many there are."),
        inQuery("cursor", TEXT, "The cursor of the page before."),
        CONSISTENCY,
      ],
      responses: {
        200: json("A page, or a count.", { anyOf: [schemaRef("Page"), schemaRef("Count")] }),
        ...problems(...ANY),
      },
    },
    {
      method: "DELETE",
      path: "/v1/kv",
      operationId: "deleteEntries",
      summary: "Delete a range of keys",
      tags: ["entries"],
      parameters: [...RANGE, ...ONCE],
      responses: { 200: json("How many keys went.", schemaRef("Deleted")), ...problems(...ANY, ...WRITE) },
    },
    {
      method: "GET",
      path: "/v1/events",
      operationId: "listEvents",
      summary: "Read past events",
      tags: ["watch"],
      parameters: [
        ...RANGE,
        {
          ...inQuery("from_revision", { ...WHOLE_NUMBER, minimum: 1 }, "The first revision wanted."),
          required: true,
        },
        inQuery(
          "limit",
          { type: "integer", minimum: 1, default: 1000 },
          "About the most events; revisions stay whole.",
        ),
      ],
      responses: {
        200: json("A page of events.", schemaRef("EventPage")),
        410: { ...problems(400)["400"] as JsonObject, description: "Events of that revision are no longer kept." },
        ...problems(...ANY),
      },
    },
    {
      method: "GET",
      path: "/v1/watch",
      operationId: "watch",
      summary: "Follow what changes",
      description: "Server-sent events. First `watching` with {revision}; then `put`, `delete` and `expire` with an " +
        "Event; at an end by the server `error` with a Problem. The id stands on the last event of each revision.",
      tags: ["watch"],
      parameters: [
        ...RANGE,
        inQuery("from_revision", WHOLE_NUMBER, "The first revision wanted; 0, or left out, for those after now."),
        inHeader("Last-Event-ID", WHOLE_NUMBER, "Resumes after this revision; goes before from_revision."),
      ],
      responses: {
        200: { description: "The stream.", content: { "text/event-stream": { schema: TEXT } } },
        ...problems(...ANY),
      },
    },
  ];
}

function commandOperations(): DescribedOperation[] {
  const revision = { "KV-Revision": ENTRY_HEADERS["KV-Revision"] };
  const incarnation = { schema: INCARNATION, description: "Which opening of the session this is." };
  return [
    {
      method: "POST",
      path: "/v1/txn",
      operationId: "txn",
      summary: "Do several operations in one atomic step",
      tags: ["transactions"],
      parameters: ONCE,
      requestBody: jsonBody("Txn"),
      responses: {
        200: json("What each operation of the branch taken gave.", schemaRef("TxnResult")),
        ...problems(...ANY, ...WRITE, ...BODY),
      },
    },
    {
      method: "POST",
      path: "/v1/rpc",
      operationId: "rpc",
      summary: "Execute one command",
      tags: ["transactions"],
      requestBody: jsonBody("Command"),
      responses: { 200: json("What it gave.", schemaRef("Result")), ...problems(...ANY, ...WRITE, ...BODY) },
    },
    {
      method: "PUT",
      path: "/v1/sessions/:session",
      operationId: "openSession",
      summary: "Open a session, or show that it is there",
      tags: ["transactions"],
      parameters: [SESSION],
      responses: {
        204: { description: "It is open.", headers: { ...revision, "KV-Incarnation": incarnation } },
        ...problems(...ANY, 413, 504),
      },
    },
    {
      method: "DELETE",
      path: "/v1/sessions/:session",
      operationId: "closeSession",
      summary: "Close a session and forget its results",
      tags: ["transactions"],
      parameters: [SESSION],
      responses: { 204: { description: "Done.", headers: revision }, ...problems(...ANY, 413, 504) },
    },
  ];
}

const VERBOSE = inQuery("verbose", TEXT, "Given, with or without a value: a line of plain text for each condition.");

/** The answer of a health page, which is plain text when that was asked for. */
function health(description: string): JsonObject {
  const content = { [JSON_TYPE]: { schema: schemaRef("Health") }, "text/plain": { schema: TEXT } };
  return { description, content };
}

function operatorOperations(): DescribedOperation[] {
  const page = (path: string, operationId: string, summary: string, rest: JsonObject): DescribedOperation => {
    return { method: "GET", path, operationId, summary, tags: ["operators"], ...rest };
  };
  return [
    page("/v1/status", "status", "The server's figures", {
      responses: { 200: json("The figures.", schemaRef("Status")), ...problems(401) },
    }),
    page("/v1/snapshot", "snapshot", "The whole state at one revision, as a stream", {
      description:
        "Holds every write that was acknowledged before the request. A stream without its end is not whole; " +
        "`kvclient snapshot save` checks that, and `kvserver --restore` begins with what it saved.",
      responses: {
        200: {
          description: "The snapshot.",
          headers: { "KV-Revision": ENTRY_HEADERS["KV-Revision"] },
          content: { "application/vnd.kvpaxos.snapshot": { schema: { type: "string", format: "binary" } } },
        },
        ...problems(...ANY),
      },
    }),
    page("/metrics", "metrics", "The server's figures for Prometheus", {
      responses: {
        200: { description: "The figures.", content: { "text/plain": { schema: TEXT } } },
        ...problems(401),
      },
    }),
    page("/v1/admin/log-level", "logLevels", "How much the server logs, by category", {
      responses: { 200: json("The levels.", schemaRef("LogLevels")), ...problems(401, 404) },
    }),
    {
      method: "PUT",
      path: "/v1/admin/log-level",
      operationId: "setLogLevel",
      summary: "Change how much the server logs",
      tags: ["operators"],
      requestBody: jsonBody("LogLevel"),
      responses: { 200: json("All levels.", schemaRef("LogLevels")), ...problems(400, 401, 403, 404, ...BODY) },
    },
    page("/healthz", "healthz", "Whether the process is alive", {
      security: [],
      parameters: [VERBOSE],
      responses: { 200: health("It is.") },
    }),
    page("/readyz", "readyz", "Whether the server takes requests", {
      security: [],
      parameters: [VERBOSE],
      responses: { 200: health("It does."), ...problems(503) },
    }),
    page("/openapi.json", "openapi", "This document", {
      responses: { 200: json("An OpenAPI 3.1 document.", { type: "object" }), ...problems(401) },
    }),
  ];
}

/** Every method of every route. `HEAD` is served wherever `GET` is. */
export function operations(): readonly DescribedOperation[] {
  return [...entryOperations(), ...rangeOperations(), ...commandOperations(), ...operatorOperations()];
}
