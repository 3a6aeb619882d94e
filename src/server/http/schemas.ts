/**
 * What JSON may look like on its way in, as valibot schemas: checked before a command is made of it, and the
 * source of the schemas in `/openapi.json`. Unknown fields are refused, because a misspelt one would
 * otherwise silently mean its usual value.
 *
 * @module
 */
import * as v from "valibot";
import { MAX_TXN_DEPTH } from "../../core/kv/command.ts";
import type {
  JsonBytes,
  JsonCommand,
  JsonCompare,
  JsonExpire,
  JsonExpiry,
  JsonInteger,
  JsonOperation,
  JsonTxnBody,
} from "../../core/kv/json/json_form.ts";
import { malformed } from "./problem.ts";

/** Bytes: text for its UTF-8 form, or base64. */
export const bytesSchema: v.GenericSchema<JsonBytes> = v.pipe(
  v.union([
    v.string(),
    v.strictObject({ base64: v.pipe(v.string(), v.description("base64 with padding (RFC 4648, section 4)")) }),
  ], (issue) => `expected text or {"base64": "…"} but received ${issue.received}`),
  v.description("Bytes: text stands for its UTF-8 form, base64 for any bytes."),
);

/** A whole number from `least` to 2^53 − 1. */
function wholeNumber(least: number): v.GenericSchema<number> {
  return v.pipe(
    v.number(),
    v.safeInteger("expected a whole number up to 2^53 - 1"),
    v.minValue(least, `expected at least ${least}`),
  );
}

/** A signed 64-bit integer: a number where it is exact, else decimal text. */
export const integerSchema: v.GenericSchema<JsonInteger> = v.pipe(
  v.union([
    v.pipe(v.number(), v.safeInteger("expected a whole number up to 2^53 - 1 either way; write larger ones as text")),
    v.pipe(v.string(), v.regex(/^-?[0-9]{1,20}$/, "expected a decimal integer")),
  ], (issue) => `expected a whole number, or a decimal integer as text, but received ${issue.received}`),
  v.description("A signed 64-bit integer: a number up to 2^53 - 1 either way, or decimal text."),
);

const atSchema = v.strictObject({
  at_ms: v.pipe(wholeNumber(1), v.description("milliseconds since the Unix epoch")),
});
const afterSchema = v.strictObject({
  after_ms: v.pipe(wholeNumber(1), v.description("milliseconds after the command")),
});
const EXPIRY_HELP = (issue: { readonly received: string }): string =>
  `expected "none", "keep", {"at_ms": n} or {"after_ms": n} with n of at least 1, but received ${issue.received}`;

/** When a key is to go. */
export const expirySchema: v.GenericSchema<JsonExpiry> = v.union(
  [v.picklist(["none", "keep"]), atSchema, afterSchema],
  EXPIRY_HELP,
);
const newExpirySchema: v.GenericSchema<JsonExpire["expiry"]> = v.union(
  [v.literal("none"), atSchema, afterSchema],
  (issue) => `expected "none", {"at_ms": n} or {"after_ms": n} with n of at least 1, but received ${issue.received}`,
);

const operatorSchema = v.optional(v.picklist(["=", "!=", "<", ">"]));

/** A comparison of a transaction. */
export const compareSchema: v.GenericSchema<JsonCompare> = v.variant("target", [
  v.strictObject({
    key: bytesSchema,
    target: v.picklist(["version", "createRevision", "modRevision", "expiry"]),
    operator: operatorSchema,
    operand: wholeNumber(0),
  }),
  v.strictObject({ key: bytesSchema, target: v.literal("value"), operator: operatorSchema, operand: bytesSchema }),
]);

const operationRef: v.GenericSchema<JsonOperation> = v.lazy(() => operationSchema);
const txnFields = {
  compare: v.optional(v.array(compareSchema)),
  then: v.optional(v.array(operationRef)),
  else: v.optional(v.array(operationRef)),
};
const returnPrevious = v.optional(v.boolean());
const endSchema = v.optional(v.nullable(bytesSchema));

const operationSchemas = [
  v.strictObject({
    type: v.literal("put"),
    key: bytesSchema,
    value: bytesSchema,
    expiry: v.optional(expirySchema),
    condition: v.optional(v.picklist(["always", "absent", "present"])),
    returnPrevious,
  }),
  v.strictObject({ type: v.literal("get"), key: bytesSchema }),
  v.strictObject({ type: v.literal("getMany"), keys: v.array(bytesSchema) }),
  v.strictObject({ type: v.literal("delete"), key: bytesSchema, returnPrevious }),
  v.strictObject({ type: v.literal("deleteRange"), start: v.optional(bytesSchema), end: endSchema }),
  v.strictObject({
    type: v.literal("range"),
    start: v.optional(bytesSchema),
    end: endSchema,
    limit: v.optional(wholeNumber(0)),
    reverse: v.optional(v.boolean()),
    projection: v.optional(v.picklist(["entries", "keys", "count"])),
  }),
  v.strictObject({ type: v.literal("increment"), key: bytesSchema, delta: integerSchema }),
  v.strictObject({
    type: v.literal("incrementFloat"),
    key: bytesSchema,
    delta: v.pipe(v.string(), v.maxLength(400), v.description('A decimal number as text: "-1.5", "3e2".')),
  }),
  v.strictObject({ type: v.literal("append"), key: bytesSchema, value: bytesSchema }),
  v.strictObject({ type: v.literal("setRange"), key: bytesSchema, offset: wholeNumber(0), value: bytesSchema }),
  v.strictObject({
    type: v.literal("expire"),
    key: bytesSchema,
    expiry: newExpirySchema,
    condition: v.optional(v.picklist(["always", "absent", "present", "greater", "less"])),
  }),
  v.strictObject({ type: v.literal("txn"), ...txnFields }),
] as const;

/** What may stand in a transaction. */
export const operationSchema: v.GenericSchema<JsonOperation> = v.variant("type", operationSchemas);

/** The body of `POST /v1/txn`. */
export const txnSchema: v.GenericSchema<JsonTxnBody> = v.strictObject(txnFields);

/** The body of `POST /v1/rpc`. */
export const commandSchema: v.GenericSchema<JsonCommand> = v.variant("type", [
  ...operationSchemas,
  v.strictObject({ type: v.literal("openSession"), session: bytesSchema }),
  v.strictObject({ type: v.literal("closeSession"), session: bytesSchema }),
  v.strictObject({
    type: v.literal("once"),
    session: bytesSchema,
    incarnation: v.nullable(wholeNumber(1)),
    sequence: wholeNumber(1),
    acknowledged: v.optional(wholeNumber(0)),
    operation: operationRef,
  }),
]);

/** Whether transactions nest deeper than allowed below `json`, whose own depth is `depth`. Looks no deeper than that. */
function nestsTooDeep(json: unknown, depth: number): boolean {
  if (typeof json !== "object" || json === null) return false;
  const { then, else: otherwise } = json as Record<string, unknown>;
  for (const branch of [then, otherwise]) {
    if (!Array.isArray(branch)) continue;
    if (depth >= MAX_TXN_DEPTH) return true;
    if (branch.some((inner) => nestsTooDeep(inner, depth + 1))) return true;
  }
  return false;
}

/**
 * `json` as what `schema` describes.
 *
 * @throws {HttpProblem} 400 that names the place and what was expected there
 */
export function check<Output>(schema: v.GenericSchema<Output>, json: unknown): Output {
  // An array has no field that is not known, so a schema whose fields may all be left out would take it.
  if (Array.isArray(json)) throw malformed("the body: expected an object but received an array");
  // The schemas are recursive: without this bound, a deeply nested body would overflow the stack.
  const inner = typeof json === "object" && json !== null && "operation" in json ? json.operation : json;
  if (nestsTooDeep(inner, 0)) throw malformed(`transactions nested deeper than ${MAX_TXN_DEPTH}, which is the limit`);
  const parsed = v.safeParse(schema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const path = v.getDotPath(issue);
  throw malformed(`${path === null ? "the body" : path.slice(0, 200)}: ${explain(issue.message)}`);
}

/** Issues quote what they met, which may be a whole value. */
function explain(message: string): string {
  return message.length <= 300 ? message : `${message.slice(0, 300)}…`;
}
