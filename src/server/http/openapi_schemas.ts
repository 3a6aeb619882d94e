/**
 * The schemas of answers in the OpenAPI document: the shapes of `json_types.ts`, `problem.ts` and the pages.
 *
 * @module
 */

import { LOG_LEVELS } from "../log_levels.ts";

/** A JSON schema, or another part of the document. */
export type JsonObject = { readonly [name: string]: unknown };

/** A reference to a schema of the document. */
export function schemaRef(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

const BOOLEAN: JsonObject = { type: "boolean" };
const TEXT: JsonObject = { type: "string" };
/** A whole number from 0 to 2^53 − 1. */
export const WHOLE_NUMBER: JsonObject = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const NUMBER_MAP: JsonObject = { type: "object", additionalProperties: { type: "number" } };

/** An object whose fields are all there, but for those named optional. */
function object(properties: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required };
}

function listOf(items: JsonObject): JsonObject {
  return { type: "array", items };
}

function orNull(schema: JsonObject): JsonObject {
  return { anyOf: [schema, { type: "null" }] };
}

function result(type: string, properties: JsonObject): JsonObject {
  return object({ type: { const: type }, revision: WHOLE_NUMBER, ...properties });
}

const ENTRY_FIELDS: JsonObject = {
  value: schemaRef("Bytes"),
  version: WHOLE_NUMBER,
  createRevision: WHOLE_NUMBER,
  modRevision: WHOLE_NUMBER,
  expiry: { ...WHOLE_NUMBER, description: "Milliseconds since the Unix epoch; 0 for never." },
};

/** The schemas, by name. */
export function answerSchemas(): JsonObject {
  const entry = orNull(schemaRef("Entry"));
  return {
    Entry: object(ENTRY_FIELDS),
    KeyedEntry: object({ key: schemaRef("Bytes"), ...ENTRY_FIELDS }),
    Result: {
      description: "What a command gave; `type` says which.",
      oneOf: [
        result("put", { written: BOOLEAN, previous: entry }),
        result("get", { entry }),
        result("many", { entries: listOf(entry) }),
        result("delete", { deleted: WHOLE_NUMBER, previous: entry }),
        result("range", { entries: listOf(schemaRef("KeyedEntry")), count: WHOLE_NUMBER, more: BOOLEAN }),
        result("integer", { value: schemaRef("Integer") }),
        result("value", { value: schemaRef("Bytes") }),
        result("expire", { changed: BOOLEAN }),
        schemaRef("TxnResult"),
        result("session", { incarnation: { ...WHOLE_NUMBER, minimum: 1 } }),
        result("done", {}),
        result("error", { code: TEXT, message: TEXT }),
      ],
    },
    TxnResult: result("txn", { succeeded: BOOLEAN, results: listOf(schemaRef("Result")) }),
    Deleted: object({ deleted: WHOLE_NUMBER, revision: WHOLE_NUMBER }),
    Page: object({
      revision: WHOLE_NUMBER,
      entries: listOf(object({ key: schemaRef("Bytes"), ...ENTRY_FIELDS }, ["value"])),
      count: WHOLE_NUMBER,
      more: BOOLEAN,
      cursor: { type: ["string", "null"], description: "Send it back as `cursor` for the next page." },
    }),
    Count: object({ revision: WHOLE_NUMBER, count: WHOLE_NUMBER }),
    Event: object({
      type: { enum: ["put", "delete", "expire"] },
      revision: WHOLE_NUMBER,
      key: schemaRef("Bytes"),
      entry: { ...schemaRef("Entry"), description: "The entry written; for delete and expire the entry that went." },
    }),
    EventPage: object({
      revision: WHOLE_NUMBER,
      events: listOf(schemaRef("Event")),
      nextRevision: { ...WHOLE_NUMBER, description: "Send it back as `from_revision` for what follows." },
    }),
    Status: object({
      name: TEXT,
      version: TEXT,
      startedAt_ms: WHOLE_NUMBER,
      uptime_ms: WHOLE_NUMBER,
      replication: { type: "object" },
      cluster: {
        ...orNull({ type: "object" }),
        description: "The replicas and the ways to them; null for a server without any.",
      },
      store: NUMBER_MAP,
      log: orNull(NUMBER_MAP),
      stats: NUMBER_MAP,
      memory: NUMBER_MAP,
      latency: {
        type: "object",
        description:
          "How many requests fell into each bucket of kvpaxos_request_duration_seconds, for reads and for writes.",
      },
    }, ["latency"]),
    Health: object({ status: TEXT }),
    LogLevel: object({
      category: { ...TEXT, description: "kvpaxos, or one below it: kvpaxos.server" },
      level: {
        enum: [...LOG_LEVELS, null],
        description: "The least important level that is logged; null takes the category's own level away.",
      },
    }),
    LogLevels: object({ levels: { type: "object", additionalProperties: { enum: LOG_LEVELS } } }),
    Problem: object({
      type: { type: "string", format: "uri-reference" },
      title: TEXT,
      status: { type: "integer", minimum: 400, maximum: 599 },
      detail: TEXT,
      code: { ...TEXT, description: "Stable; docs/errors.md has a heading for each." },
      retryable: { ...BOOLEAN, description: "The request surely changed nothing and may succeed when sent again." },
      revision: WHOLE_NUMBER,
      oldestRevision: { ...WHOLE_NUMBER, description: "With COMPACTED: the oldest revision still kept." },
    }, ["revision", "oldestRevision"]),
  };
}
