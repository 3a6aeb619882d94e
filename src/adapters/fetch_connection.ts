/**
 * What the connections over HTTP share: requests in parallel through `fetch`, watches as streams. There is no
 * connection to speak of; the first request that fails ends this one. Needs nothing but `fetch`, so it runs in a
 * browser.
 *
 * @module
 */
import type { Connection, ConnectionListener, ServerAddress, WatchRequest } from "../client/connection.ts";
import { errorOfCode } from "../client/errors.ts";
import { KvError } from "../core/errors.ts";
import type { Command } from "../core/kv/command.ts";
import { decodeCommand } from "../core/kv/command_codec.ts";
import { isStaleRead, withoutMark } from "../core/kv/stale_read.ts";
import { encodeResult } from "../core/kv/result_codec.ts";
import { toBase64 } from "../codec/base64.ts";
import type { Result } from "../core/kv/result.ts";
import { boundsQuery, type HttpAnswer, problemOf } from "./http_exchange.ts";
import { HttpWatchReader } from "./http_watch.ts";
import { addressText, MAYBE_TLS, socketError } from "./socket_errors.ts";

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How to speak over HTTP. */
export interface HttpConnectorOptions {
  /** The user whose password it is. @default none: the password is the server's, or a token that names its user */
  readonly user?: string;
  /** The server's password or a token, sent as a bearer token; with a user, that user's. @default none */
  readonly password?: string;
  /** Speak TLS: the URLs begin with `https`. Whom to trust is up to what does the requests. @default false */
  readonly secure?: boolean;
  /** Does the requests. @default the runtime's `fetch` */
  readonly fetch?: Fetch;
}

/** Does a command, which may be marked as a stale read: resolves with its result, which may be an error; rejects with a KvError when the answer makes no sense. */
export type Perform = (command: Command, signal: AbortSignal, isStale: boolean) => Promise<Result>;

/** Browsers open few connections to one server; more requests than this only wait in line. */
const MAX_IN_FLIGHT = 64;
/** How runtimes tell that a server closed the connection without an answer, or answered what is no HTTP. */
const NO_ANSWER = /ECONNRESET|UND_ERR_SOCKET|closed|HPE_|HTTP version|Malformed_HTTP/;
/** How long a closed connection lets its last requests go on. */
const LINGER_MS = 500;

/** Where the server is, as a URL without a path. */
export function originOf(address: ServerAddress, options: HttpConnectorOptions): string {
  return `${options.secure === true ? "https" : "http"}://${addressText(address)}`;
}

/** The headers that every request has. */
export function commonHeaders(options: HttpConnectorOptions): Record<string, string> {
  const { user, password } = options;
  return password === undefined ? {} : { "Authorization": authorizationOf(user ?? null, password) };
}

/** The header that says who asks. */
export function authorizationOf(user: string | null, password: string): string {
  if (user === null) return `Bearer ${headerText(password)}`;
  return `Basic ${toBase64(new TextEncoder().encode(`${user}:${password}`))}`;
}

/** Headers have one character per byte, and servers compare bytes. */
function headerText(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** A connection over HTTP. */
export class FetchConnection implements Connection {
  readonly reliable = true;
  readonly maxInFlight: number = MAX_IN_FLIGHT;
  #address: ServerAddress;
  #listener: ConnectionListener;
  #options: HttpConnectorOptions;
  #fetch: Fetch;
  #perform: Perform;
  #requests = new Map<number, AbortController>();
  #watches = new Map<number, AbortController>();
  /** The server has answered something. */
  #answered = false;
  #done = false;

  constructor(
    address: ServerAddress,
    listener: ConnectionListener,
    options: HttpConnectorOptions,
    perform: Perform,
  ) {
    this.#address = address;
    this.#listener = listener;
    this.#options = options;
    this.#fetch = options.fetch ?? globalFetch;
    this.#perform = perform;
    queueMicrotask(() => {
      if (!this.#done) listener.onOpen();
    });
  }

  request(id: number, command: Uint8Array): void {
    if (this.#done) return;
    const controller = new AbortController();
    this.#requests.set(id, controller);
    const waited = (): boolean => this.#requests.delete(id) && !this.#done;
    const isStale = isStaleRead(command);
    const own = (isStale ? withoutMark(command) : command).slice();
    this.#perform(decodeCommand(own), controller.signal, isStale).then(
      (result) => {
        this.#answered = true;
        if (waited()) this.#listener.onReply(id, encodeResult(result));
      },
      (error: unknown) => {
        if (!waited()) return;
        if (error instanceof KvError && !isOfConnection(error)) this.#listener.onRefused(id, error);
        else this.#fail(error);
      },
    );
  }

  forget(id: number): void {
    this.#requests.get(id)?.abort();
    this.#requests.delete(id);
  }

  watch(id: number, request: WatchRequest): void {
    if (this.#done) return;
    const controller = new AbortController();
    this.#watches.set(id, controller);
    this.#follow(id, request, controller.signal).catch((cause: unknown) => {
      if (!this.#watches.delete(id)) return;
      if (cause instanceof KvError && isOfConnection(cause)) return this.#fail(cause);
      this.#listener.onWatchEnd(id, this.#errorOf(cause));
    });
  }

  cancelWatch(id: number): void {
    this.#watches.get(id)?.abort();
    this.#watches.delete(id);
  }

  close(): void {
    if (this.#done) return;
    this.#done = true;
    for (const controller of this.#watches.values()) controller.abort();
    this.#watches.clear();
    const last = [...this.#requests.values()];
    if (last.length === 0) return;
    // The end of the session is among them.
    setTimeout(() => {
      for (const controller of last) controller.abort();
    }, LINGER_MS);
  }

  #fail(cause: unknown): void {
    if (this.#done) return;
    this.#done = true;
    for (const controller of [...this.#requests.values(), ...this.#watches.values()]) controller.abort();
    this.#requests.clear();
    this.#watches.clear();
    this.#listener.onClose(this.#errorOf(cause));
  }

  /** What ended a request, as an error that names the server. */
  #errorOf(cause: unknown): KvError {
    if (cause instanceof KvError) return cause;
    const error = socketError(this.#address, causeOf(cause));
    if (this.#answered || this.#options.secure === true || !NO_ANSWER.test(error.message)) return error;
    return new KvError(error.code, error.message + MAYBE_TLS, { cause });
  }

  /** Reads a watch to its end; always rejects, with the reason why it ended. */
  async #follow(id: number, { start, end, fromRevision }: WatchRequest, signal: AbortSignal): Promise<never> {
    const query = [...boundsQuery(start, end), `from_revision=${fromRevision}`].join("&");
    const headers = { ...commonHeaders(this.#options), "Accept": "text/event-stream" };
    const url = `${originOf(this.#address, this.#options)}/v1/watch?${query}`;
    const response = await this.#fetch(url, { headers, signal });
    this.#answered = true;
    if (!response.ok || response.body === null) {
      const { code, message } = problemOf(await readAnswer(response));
      throw errorOfCode(code, message);
    }
    const open = (): boolean => this.#watches.has(id);
    const reader = new HttpWatchReader({
      onWatching: (revision) => {
        if (open()) this.#listener.onWatching(id, revision);
      },
      onEvents: (events) => {
        if (open()) this.#listener.onEvents(id, events);
      },
    });
    const stream = response.body.getReader();
    for (;;) {
      const { done, value } = await stream.read();
      if (done) throw new KvError("UNAVAILABLE", `${addressText(this.#address)} ended the stream of events`);
      reader.push(value);
    }
  }
}

/** Whether an error speaks of the connection, not of a request: others of it would fare no better. */
function isOfConnection({ code }: KvError): boolean {
  return code === "TLS_FAILED";
}

/** The whole of an answer. */
export async function readAnswer(response: Pick<Response, "status" | "headers" | "arrayBuffer">): Promise<HttpAnswer> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body };
}

/** `fetch` says that it failed, and why in its cause. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

/** Looked up at each call, so that a `fetch` that is put in place later is used. */
function globalFetch(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, init);
}
