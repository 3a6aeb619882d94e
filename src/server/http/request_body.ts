/**
 * Reads request bodies without ever holding more than their limit: a length that is announced is checked
 * before the first byte is read, one that is not is counted while it arrives.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { GenericSchema } from "valibot";
import { bytesToTextStrict, concatBytes, EMPTY } from "../../codec/bytes.ts";
import { HttpProblem, malformed } from "./problem.ts";
import { check } from "./schemas.ts";

function tooLarge(size: string, limit: number): HttpProblem {
  return new HttpProblem("LIMIT_EXCEEDED", `body of ${size} bytes; the limit is ${limit} bytes`);
}

/**
 * The whole body, in fresh memory.
 *
 * @throws {HttpProblem} 413 past `limit` bytes, 415 for a body that is compressed, 400 for one that breaks off
 */
export function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const { headers } = request;
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new HttpProblem(
      "UNSUPPORTED_MEDIA_TYPE",
      `Content-Encoding ${encoding.slice(0, 32)} is not supported; send the bytes as they are`,
    );
  }
  const announced = headers.get("content-length");
  if (announced === null) return readCounting(request.body, limit);
  if (Number(announced) > limit) throw tooLarge(announced, limit);
  return readAnnounced(request, limit);
}

function readAnnounced(request: Request, limit: number): Promise<Uint8Array> {
  return request.arrayBuffer().then((buffer) => {
    // A server that lets a transfer encoding stand beside the length may hand over more than was announced.
    if (buffer.byteLength > limit) throw tooLarge(String(buffer.byteLength), limit);
    return new Uint8Array(buffer);
  }, brokenOff);
}

/** The runtime's own error says that the client went away; nobody reads the answer, but it is no fault of ours. */
function brokenOff(): never {
  throw malformed("the body was cut short");
}

async function readCounting(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (stream === null) return EMPTY;
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) break;
    length += value.length;
    if (length > limit) {
      // Nobody reads the rest. The problem is the answer, whether or not the cancellation works.
      reader.cancel().catch(() => undefined);
      throw tooLarge(`more than ${limit}`, limit);
    }
    parts.push(value);
  }
  return parts.length === 1 ? parts[0]!.slice() : concatBytes(parts);
}

/**
 * The body as JSON.
 *
 * @throws {HttpProblem} 415 unless it is declared as JSON (a page of another origin may not declare that without
 * being asked, so this is also what keeps browsers from being used against the server), 400 when it is not, 413
 */
export async function readJson(request: Request, limit: number): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new HttpProblem("UNSUPPORTED_MEDIA_TYPE", `Content-Type "${type.slice(0, 64)}"; send application/json`);
  }
  const text = bytesToTextStrict(await readBody(request, limit));
  if (text === null) throw malformed("the body is not UTF-8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`the body is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : "unknown"}`);
  }
}

/** Validated JSON input, as Hono's types carry it from a validator to its handler and to typed clients. */
export interface JsonInput<Json> {
  readonly in: { readonly json: Json };
  readonly out: { readonly json: Json };
}

/** Reads and checks a JSON body; the handler after it gets it from `c.req.valid("json")`. */
export function jsonBody<Json extends object>(
  schema: GenericSchema<Json>,
  limit: number,
): MiddlewareHandler<Record<never, never>, string, JsonInput<Json>> {
  return async (c, next) => {
    c.req.addValidatedData("json", check(schema, await readJson(c.req.raw, limit)));
    await next();
  };
}
