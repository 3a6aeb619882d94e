/**
 * The requests of a thread that holds HTTP connections, as the owner of the state sees them: commands that are executed,
 * and whole requests, which are answered by the owner's own door.
 *
 * @module
 */
import { BACKUP_MEDIA_TYPE } from "../../adapters/backup/format.ts";
import type { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { EMPTY, type Key } from "../../codec/bytes.ts";
import type { KvError } from "../../core/errors.ts";
import { isRead } from "../../core/kv/command.ts";
import { decodeCommand } from "../../core/kv/command_codec.ts";
import { encodeResult } from "../../core/kv/result_codec.ts";
import { HttpProblem, malformed, problemOf } from "../http/problem.ts";
import type { HttpApp } from "../http/http_app.ts";
import { REQUEST_RESULTS } from "../metrics/door_metrics.ts";
import type { Service } from "../service.ts";
import type { Item } from "./batch.ts";
import {
  FLAG,
  HTTP_ITEM,
  type HttpItemKind,
  readBytes,
  readHeaders,
  readText,
  THREAD_ROUTES,
  writeBytes,
  writeFigures,
  writeHeaders,
  writeText,
} from "./http_items.ts";

/** How many bytes of an answer may be on their way to its reader. */
const WINDOW_BYTES = 256 * 1024;
/** Answers of these types are sent while they are made. */
const STREAMS: ReadonlySet<string> = new Set(["text/event-stream", BACKUP_MEDIA_TYPE]);

/** What such a thread is served by. */
export interface HttpNearOptions {
  readonly service: Service;
  readonly http: Pick<HttpApp, "fetch" | "count">;
}

/** The owner's end. */
export class HttpNear {
  readonly #options: HttpNearOptions;
  readonly #begin: (kind: HttpItemKind, request: number) => ByteWriter;
  readonly #streams: Map<number, AnswerStream> = new Map();

  /** `begin` begins an item for the thread. */
  constructor(options: HttpNearOptions, begin: (kind: HttpItemKind, request: number) => ByteWriter) {
    this.#options = options;
    this.#begin = begin;
  }

  /** Does what an item says. */
  take({ kind, connection: id, reader }: Item): void {
    switch (kind) {
      case HTTP_ITEM.command:
        this.#execute(id, reader);
        return;
      case HTTP_ITEM.request:
        void this.#answer(id, reader);
        return;
      case HTTP_ITEM.taken: {
        // Read in any case: the stream may be over, and the next item follows.
        const bytes = reader.varint();
        this.#streams.get(id)?.taken(bytes);
        return;
      }
      case HTTP_ITEM.cancel:
        this.#streams.get(id)?.cancel();
        return;
      case HTTP_ITEM.counted: {
        const [method, path] = THREAD_ROUTES[id]!;
        this.#options.http.count(method, path, REQUEST_RESULTS[reader.u8()]!, reader.varint() / 1000);
        return;
      }
      default:
        throw new Error(`an item of kind ${kind} from an HTTP door`);
    }
  }

  /** The thread is gone. */
  lose(): void {
    for (const stream of this.#streams.values()) stream.cancel();
  }

  #execute(id: number, reader: ByteReader): void {
    const { service } = this.#options;
    const flags = reader.u8();
    const key = (flags & FLAG.wantsEntry) === 0 ? null : reader.key();
    const bytes = readBytes(reader);
    const command = decodeCommand(bytes);
    if (isRead(command)) {
      const done = (error: KvError | null, result: Parameters<typeof encodeResult>[0] | null): void => {
        this.#ended(id, error, result === null ? EMPTY : encodeResult(result), null);
      };
      if ((flags & FLAG.stale) === 0) service.read(command, done);
      else service.readStale(command, done);
      return;
    }
    service.replication.propose(bytes, (error, result) => this.#ended(id, error, result, key));
  }

  #ended(id: number, error: KvError | null, result: Uint8Array, key: Key | null): void {
    if (error !== null) {
      const writer = this.#begin(HTTP_ITEM.failure, id);
      writeText(writer, error.code);
      writeText(writer, error.message);
      return;
    }
    const writer = this.#begin(HTTP_ITEM.result, id);
    writeFigures(writer, key === null ? undefined : this.#options.service.store.entry(key));
    writeBytes(writer, result);
  }

  async #answer(id: number, reader: ByteReader): Promise<void> {
    const method = readText(reader);
    const url = readText(reader);
    const address = readText(reader);
    const headers = readHeaders(reader);
    const hasBody = reader.u8() === 1;
    const body = readBytes(reader);
    const request = requestOf(method, url, headers, hasBody ? body : null);
    const response = request instanceof Request
      ? await this.#options.http.fetch(request, () => address)
      : problemOf(request);
    if (response.body !== null && STREAMS.has(response.headers.get("content-type") ?? "")) {
      writeHead(this.#begin(HTTP_ITEM.head, id), response);
      const stream = new AnswerStream(response.body.getReader(), (chunk) => {
        if (chunk === null) {
          this.#streams.delete(id);
          this.#begin(HTTP_ITEM.end, id);
        } else {
          writeBytes(this.#begin(HTTP_ITEM.chunk, id), chunk);
        }
      });
      this.#streams.set(id, stream);
      return;
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    const writer = this.#begin(HTTP_ITEM.answer, id);
    writeHead(writer, response);
    writer.u8(response.body === null ? 0 : 1);
    writeBytes(writer, bytes);
  }
}

function writeHead(writer: ByteWriter, response: Response): void {
  writer.varint(response.status);
  writeHeaders(writer, response.headers);
}

/** The request, its URL as the client wrote it; a problem where there can be none like it. */
function requestOf(
  method: string,
  url: string,
  headers: [string, string][],
  body: Uint8Array<ArrayBuffer> | null,
): Request | HttpProblem {
  try {
    const request = new Request(new URL(url).origin, { method, headers, body });
    // A constructor would resolve dots, and so merge two keys into one.
    Object.defineProperty(request, "url", { value: url });
    return request;
  } catch {
    return URL.canParse(url)
      ? new HttpProblem("METHOD_NOT_ALLOWED", `${method.slice(0, 32)} is not served here`)
      : malformed("the request's target is no URL");
  }
}

/** An answer on its way, no faster than its reader takes it. */
class AnswerStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #send: (chunk: Uint8Array | null) => void;
  #onTheWay_bytes = 0;
  #isReading = false;
  #isOver = false;

  /** `send` sends a chunk, or that it was the last. */
  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, send: (chunk: Uint8Array | null) => void) {
    this.#reader = reader;
    this.#send = send;
    void this.#pump();
  }

  taken(bytes: number): void {
    this.#onTheWay_bytes -= bytes;
    void this.#pump();
  }

  /** Nobody reads it any more. */
  cancel(): void {
    if (this.#isOver) return;
    this.#end();
    this.#reader.cancel().catch(() => undefined);
  }

  async #pump(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    while (!this.#isOver && this.#onTheWay_bytes < WINDOW_BYTES) {
      const { done, value } = await this.#reader.read().catch(() => ({ done: true, value: undefined }));
      if (this.#isOver) break;
      if (done || value === undefined) {
        this.#end();
        break;
      }
      this.#onTheWay_bytes += value.length;
      this.#send(value);
    }
    this.#isReading = false;
  }

  #end(): void {
    this.#isOver = true;
    this.#send(null);
  }
}
