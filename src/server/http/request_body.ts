/**
 * Reads request bodies without ever holding more than their limit: a length that is announced is checked
 * before the first byte is read, one that is not is counted while it arrives. None is waited for without end.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { GenericSchema } from "valibot";
import { bytesToTextStrict, concatBytes, EMPTY } from "../../codec/bytes.ts";
import type { Clock } from "../../ports/clock.ts";
import { HttpProblem, malformed } from "./problem.ts";
import { check } from "./schemas.ts";

function tooLarge(size: string, limit: number): HttpProblem {
  return new HttpProblem("LIMIT_EXCEEDED", `body of ${size} bytes; the limit is ${limit} bytes`);
}

/** How long a body may take to arrive, unless another time is given. */
export const DEFAULT_BODY_MS = 30_000;

/** A body on its way. */
interface Awaited {
  readonly due_ms: number;
  readonly giveUp: (problem: HttpProblem) => void;
}

/**
 * Reads the bodies of requests, each within the same time. One timer serves them all, as most are there at once.
 *
 * Invariant: a sender that never finishes is answered 408, and its connection closed.
 */
export class Bodies {
  readonly #clock: Clock;
  readonly #time_ms: number;
  readonly #awaited = new Set<Awaited>();
  #isLooking = false;

  /** `time_ms` is how long a body may take. */
  constructor(clock: Clock, time_ms: number) {
    this.#clock = clock;
    this.#time_ms = time_ms;
  }

  /**
   * The whole body, in fresh memory.
   *
   * @throws {HttpProblem} as {@link readBody}; 408 for one that does not arrive in time
   */
  read(request: Request, limit: number): Promise<Uint8Array> {
    const body = readBody(request, limit);
    return new Promise((resolve, reject) => {
      const awaited: Awaited = { due_ms: this.#clock.monotonic() + this.#time_ms, giveUp: reject };
      this.#awaited.add(awaited);
      if (!this.#isLooking) this.#lookAfter(this.#time_ms);
      body.then((bytes) => {
        this.#awaited.delete(awaited);
        resolve(bytes);
      }, (error: unknown) => {
        this.#awaited.delete(awaited);
        reject(error);
      });
    });
  }

  /**
   * The body as JSON.
   *
   * @throws {HttpProblem} 415 unless it is declared as JSON (a page of another origin may not declare that without
   * being asked, so this is also what keeps browsers from being used against the server), 400 when it is not, 413, 408
   */
  async json(request: Request, limit: number): Promise<unknown> {
    const type = request.headers.get("content-type") ?? "";
    if (!/^application\/json\s*(?:;|$)/i.test(type)) {
      throw new HttpProblem("UNSUPPORTED_MEDIA_TYPE", `Content-Type "${type.slice(0, 64)}"; send application/json`);
    }
    const text = bytesToTextStrict(await this.read(request, limit));
    if (text === null) throw malformed("the body is not UTF-8");
    try {
      return JSON.parse(text);
    } catch (error) {
      throw malformed(`the body is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : "unknown"}`);
    }
  }

  #lookAfter(time_ms: number): void {
    this.#isLooking = true;
    this.#clock.after(time_ms, () => {
      const now_ms = this.#clock.monotonic();
      // In the order in which they came, which is that in which they are due.
      for (const awaited of this.#awaited) {
        if (awaited.due_ms > now_ms) {
          this.#lookAfter(awaited.due_ms - now_ms);
          return;
        }
        this.#awaited.delete(awaited);
        awaited.giveUp(this.#late());
      }
      this.#isLooking = false;
    });
  }

  #late(): HttpProblem {
    const detail = `the body was not there within ${this.#time_ms / 1000} seconds; send smaller values, or send faster`;
    return new HttpProblem("REQUEST_TIMEOUT", detail, { "Connection": "close" });
  }
}

/**
 * The whole body, in fresh memory.
 *
 * @throws {HttpProblem} 413 past `limit` bytes, 415 for a body that is compressed, 400 for one that breaks off
 */
function readBody(request: Request, limit: number): Promise<Uint8Array> {
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

/** Validated JSON input, as Hono's types carry it from a validator to its handler and to typed clients. */
export interface JsonInput<Json> {
  readonly in: { readonly json: Json };
  readonly out: { readonly json: Json };
}

/** Reads and checks a JSON body; the handler after it gets it from `c.req.valid("json")`. */
export function jsonBody<Json extends object>(
  schema: GenericSchema<Json>,
  bodies: Bodies,
  limit: number,
): MiddlewareHandler<Record<never, never>, string, JsonInput<Json>> {
  return async (c, next) => {
    c.req.addValidatedData("json", check(schema, await bodies.json(c.req.raw, limit)));
    await next();
  };
}
