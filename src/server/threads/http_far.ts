/**
 * The HTTP door of a thread that does not own the state. Requests that are commands are parsed, checked and answered here,
 * and only the encoded command goes to the owner; any other request goes there as a whole. So do all where clients must
 * log in: who may do what is the owner's to say.
 *
 * @module
 */
import { Hono } from "hono";
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { EMPTY, type Key } from "../../codec/bytes.ts";
import { KvError, type KvErrorCode } from "../../core/errors.ts";
import { type Command, isRead, type ReadOperation } from "../../core/kv/command.ts";
import { writeCommand } from "../../core/kv/command_codec.ts";
import { checkCommand, type Limits } from "../../core/kv/limits.ts";
import { decodeResult } from "../../core/kv/result_codec.ts";
import type { Clock } from "../../ports/clock.ts";
import { Logins } from "../access/logins.ts";
import type { CommandService, EntryFigures } from "../http/command_service.ts";
import { commandRoutes, jsonLimit } from "../http/door_routes.ts";
import { HttpGate } from "../http/gate.ts";
import { resultOf } from "../http/http_meters.ts";
import { problemOf } from "../http/problem.ts";
import { Bodies, DEFAULT_BODY_MS } from "../http/request_body.ts";
import { routeOf } from "../http/request_target.ts";
import { createRpcApp } from "../http/rpc_app.ts";
import { REQUEST_RESULTS } from "../metrics/door_metrics.ts";
import type { Done } from "../service.ts";
import type { ServerStats } from "../stats.ts";
import type { Item } from "./batch.ts";
import {
  FLAG,
  HTTP_ITEM,
  type HttpItemKind,
  readBytes,
  readFigures,
  readHeaders,
  readText,
  THREAD_ROUTES,
  writeBytes,
  writeHeaders,
  writeText,
} from "./http_items.ts";

/** What such a door is made of. */
export interface HttpFarOptions {
  readonly clock: Clock;
  readonly stats: ServerStats;
  readonly limits: Limits;
  /** The most bytes of a body that the owner is handed. */
  readonly maxBody_bytes: number;
  /** Whether the owner answers everything. */
  readonly relaysAll: boolean;
  /** Begins an item for the owner. */
  readonly begin: (kind: HttpItemKind, request: number) => ByteWriter;
  readonly onNotice: (message: string) => void;
}

/** What waits for the owner. */
interface Waiting {
  take(kind: number, reader: ByteReader): void;
}

/** The door. */
export class HttpFar {
  readonly #options: HttpFarOptions;
  readonly #waiting: Map<number, Waiting> = new Map();
  readonly #bodies: Bodies;
  readonly #app: Hono;
  readonly #routes: ReadonlyMap<string, number>;
  #nextId = 1;

  constructor(options: HttpFarOptions) {
    this.#options = options;
    this.#bodies = new Bodies(options.clock, DEFAULT_BODY_MS);
    this.#app = this.#createApp();
    this.#routes = new Map(THREAD_ROUTES.map(([method, path], index) => [`${method} ${path}`, index]));
  }

  /** Answers a request that comes from `address`. */
  fetch(request: Request, address: () => string): Response | Promise<Response> {
    const { relaysAll, clock, stats } = this.#options;
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = relaysAll ? undefined : this.#routes.get(`${method} ${routeOf(request)}`);
    if (route === undefined) return this.#relay(request, address());
    stats.httpRequests++;
    const begun_ms = clock.monotonic();
    const given = this.#app.fetch(request);
    const count = (response: Response): Response => {
      const item = this.#options.begin(HTTP_ITEM.counted, route);
      item.u8(REQUEST_RESULTS.indexOf(resultOf(response.status)));
      item.varint(Math.round((clock.monotonic() - begun_ms) * 1000));
      return response;
    };
    return given instanceof Promise ? given.then(count) : count(given);
  }

  /** Does what an item of the owner says. */
  take({ kind, connection: id, reader }: Item): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) throw new Error(`an item of kind ${kind} about a request that is not there`);
    if (kind !== HTTP_ITEM.head && kind !== HTTP_ITEM.chunk) this.#waiting.delete(id);
    waiting.take(kind, reader);
  }

  #createApp(): Hono {
    const { clock, stats, onNotice } = this.#options;
    const service = this.#commandService();
    // Nobody comes here who would have to log in.
    const gate = new HttpGate(new Logins({ clock, password: null, users: null }), stats, () => true);
    const app = new Hono({ getPath: routeOf });
    for (const [method, path, handler] of commandRoutes(service, gate, this.#bodies)) app.on(method, path, handler);
    app.route("/", createRpcApp(service, gate, this.#bodies, jsonLimit(service)));
    app.onError((error) => {
      const response = problemOf(error);
      if (response.status === 500) onNotice(`an HTTP request failed unexpectedly: ${error.stack ?? error.message}`);
      return response;
    });
    return app;
  }

  #commandService(): CommandService {
    const { limits } = this.#options;
    /** What the command that is being called back for left. */
    let entry: EntryFigures | undefined;
    const send = (command: Command, done: Done, flags: number, key: Key | null): void => {
      const id = this.#nextId++;
      const item = this.#options.begin(HTTP_ITEM.command, id);
      item.u8(flags);
      if (key !== null) item.key(key);
      const start = item.length;
      item.u32(0);
      writeCommand(item, command);
      item.patchU32(start, item.length - start - 4);
      this.#waiting.set(id, {
        take: (kind, reader) => {
          if (kind === HTTP_ITEM.failure) {
            done(new KvError(readText(reader) as KvErrorCode, readText(reader)), null);
            return;
          }
          entry = readFigures(reader);
          done(null, decodeResult(readBytes(reader)));
          entry = undefined;
        },
      });
    };
    const write = (command: Command, done: Done): void => {
      try {
        checkCommand(command, limits);
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        done(error, null);
        return;
      }
      const key = keyOf(command);
      send(command, done, key === null ? 0 : FLAG.wantsEntry, key);
    };
    const read = (operation: ReadOperation, done: Done): void => send(operation, done, 0, null);
    return {
      store: { limits, entry: () => entry },
      execute: (command, done) => isRead(command) ? read(command, done) : write(command, done),
      read,
      readStale: (operation, done) => send(operation, done, FLAG.stale, null),
    };
  }

  async #relay(request: Request, address: string): Promise<Response> {
    let body = EMPTY;
    const hasBody = request.body !== null;
    try {
      if (hasBody) body = await this.#bodies.read(request, this.#options.maxBody_bytes);
    } catch (error) {
      return problemOf(error);
    }
    const id = this.#nextId++;
    const item = this.#options.begin(HTTP_ITEM.request, id);
    writeText(item, request.method);
    writeText(item, request.url);
    writeText(item, address);
    writeHeaders(item, request.headers);
    item.u8(hasBody ? 1 : 0);
    writeBytes(item, body);
    return await new Promise((resolve) => this.#waiting.set(id, new Relayed(id, this.#options.begin, resolve)));
  }
}

/** The key whose entry the answer to a command may tell of; null for none. */
function keyOf(command: Command): Key | null {
  switch (command.type) {
    case "put":
    case "delete":
      return command.key;
    case "txn":
      // A condition on one key, as an entity tag is.
      return command.compare.length === 1 ? command.compare[0]!.key : null;
    case "once":
      return keyOf(command.operation);
    default:
      return null;
  }
}

/** An answer of the owner's. */
class Relayed implements Waiting {
  readonly #id: number;
  readonly #begin: HttpFarOptions["begin"];
  readonly #resolve: (response: Response) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** What is in the stream and the owner does not know to be taken. */
  #queued_bytes = 0;

  constructor(id: number, begin: HttpFarOptions["begin"], resolve: (response: Response) => void) {
    this.#id = id;
    this.#begin = begin;
    this.#resolve = resolve;
  }

  take(kind: number, reader: ByteReader): void {
    switch (kind) {
      case HTTP_ITEM.answer: {
        const head = { status: reader.varint(), headers: readHeaders(reader) };
        const hasBody = reader.u8() === 1;
        const body = readBytes(reader);
        this.#resolve(new Response(hasBody ? body : null, head));
        return;
      }
      case HTTP_ITEM.head:
        this.#resolve(new Response(this.#stream(), { status: reader.varint(), headers: readHeaders(reader) }));
        return;
      case HTTP_ITEM.chunk: {
        const bytes = readBytes(reader);
        this.#queued_bytes += bytes.length;
        this.#controller?.enqueue(bytes);
        return;
      }
      case HTTP_ITEM.end:
        this.#controller?.close();
        return;
      default:
        throw new Error(`an item of kind ${kind} about a request`);
    }
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      // The reader has taken what was there.
      pull: () => {
        if (this.#queued_bytes === 0) return;
        this.#begin(HTTP_ITEM.taken, this.#id).varint(this.#queued_bytes);
        this.#queued_bytes = 0;
      },
      cancel: () => {
        this.#controller = null;
        this.#begin(HTTP_ITEM.cancel, this.#id);
      },
    }, { highWaterMark: 1 });
  }
}
