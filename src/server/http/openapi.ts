/**
 * The OpenAPI 3.1 document: every route with its parameters, bodies and answers, for people and generators.
 *
 * The routes are described on an app of their own that never serves, so that a description costs the serving
 * routes nothing; a test holds the two against each other. Schemas of requests come from the ones that check
 * them, those of answers are written out beside the types in `json_types.ts`.
 *
 * @module
 */
import { toJsonSchemaDefs } from "@valibot/to-json-schema";
import { Hono } from "hono";
import { describeRoute, type DescribeRouteOptions, generateSpecs } from "hono-openapi";
import { operations } from "./openapi_operations.ts";
import { answerSchemas, type JsonObject } from "./openapi_schemas.ts";
import {
  bytesSchema,
  commandSchema,
  compareSchema,
  expirySchema,
  integerSchema,
  operationSchema,
  txnSchema,
} from "./schemas.ts";

function requestSchemas(): JsonObject {
  return toJsonSchemaDefs({
    Bytes: bytesSchema,
    Integer: integerSchema,
    Expiry: expirySchema,
    Compare: compareSchema,
    Operation: operationSchema,
    Txn: txnSchema,
    Command: commandSchema,
  }, { errorMode: "ignore", overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}` });
}

/** The document of a server of this version. */
export async function openApiDocument(version: string): Promise<JsonObject> {
  const described = new Hono();
  for (const { method, path, ...description } of operations()) {
    described.on(method, path, describeRoute(description as DescribeRouteOptions));
  }
  const documentation: JsonObject = {
    info: {
      title: "kvpaxos",
      version,
      description: "A strongly consistent key-value store. Keys and values are bytes: raw in /v1/kv/{key}, " +
        'and in JSON plain text for its UTF-8 form or {"base64": "…"}. HEAD is served wherever GET is.',
      license: { name: "MIT", identifier: "MIT" },
    },
    tags: [
      { name: "entries", description: "Keys and values." },
      { name: "transactions", description: "Several operations in one atomic step, and commands by name." },
      { name: "watch", description: "What changes." },
      { name: "operators", description: "Health and figures." },
    ],
    security: [{}, { password: [] }, { user: [] }],
    components: {
      securitySchemes: {
        password: { type: "http", scheme: "bearer", description: "The server's password, or a token of a user." },
        user: { type: "http", scheme: "basic", description: "A user and the password, where the server has users." },
      },
      schemas: { ...requestSchemas(), ...answerSchemas() },
    },
  };
  return await generateSpecs(described, { excludeStaticFile: false, documentation });
}
