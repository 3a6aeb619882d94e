/**
 * Opens sockets to servers that speak TLS, and does requests to them over HTTPS: what `fetch` cannot be told to on every
 * runtime is whom to trust, so that Node's own client does them, which all runtimes have.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { Agent, RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import type { ServerAddress } from "../../client/connection.ts";
import { KvError } from "../../core/errors.ts";
import type { Caller } from "../callers.ts";
import type { Fetch } from "../fetch_connection.ts";
import { runtimeModule } from "../runtime_modules.ts";
import { addressText, socketError } from "../socket_errors.ts";
import { TlsContext } from "./context.ts";
import { tlsError } from "./errors.ts";
import type { TlsOptions } from "./options.ts";
import type { TlsNames } from "./pem.ts";

/** Those that were made, by their options: many clients of one program share what is read from the same texts. */
const made = new WeakMap<TlsOptions, TlsCaller>();

/**
 * The caller of some options. Options that are the same object share one.
 *
 * @throws {KvError} `INVALID_ARGUMENT` for texts that cannot be used, under the names that are given
 */
export function tlsCallerOf(options: TlsOptions, names?: TlsNames): TlsCaller {
  let caller = made.get(options);
  if (caller === undefined) made.set(options, caller = new TlsCaller(new TlsContext(options, names)));
  return caller;
}

/** Calls servers over TLS. */
export class TlsCaller implements Caller {
  readonly ready = "secureConnect";
  readonly #context: TlsContext;
  #agent: Agent | null = null;

  constructor(context: TlsContext) {
    this.#context = context;
  }

  call(address: ServerAddress): Socket {
    const socket = this.#context.call(address);
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    return socket;
  }

  errorOf(address: ServerAddress, cause: unknown): KvError {
    return this.#tlsErrorOf(address, cause) ?? socketError(address, cause);
  }

  endedEarly(address: ServerAddress): KvError {
    return new KvError(
      "UNAVAILABLE",
      `${addressText(address)} closed the connection before it answered; ${this.#hint}`,
    );
  }

  /** What it may mean that a server closes a connection and does not say why, as the runtimes' servers do. */
  get #hint(): string {
    return this.#context.options.cert === undefined
      ? "where it asks for certificates of its clients, give tls.cert and tls.key (kvclient: --tls-cert FILE --tls-key FILE)"
      : "it may not trust this client's certificate";
  }

  #withHint(cause: Error & { readonly code?: string }): Error {
    if (!CLOSED.has(cause.code ?? "")) return cause;
    return Object.assign(new Error(`${cause.message}; ${this.#hint}`), { code: cause.code });
  }

  /**
   * As `fetch`, for what clients of ours ask: bodies are texts or bytes, and redirections are not followed. Rejects with
   * `TLS_FAILED` when there is no TLS connection to be had, otherwise with what the runtime says.
   */
  readonly fetch: Fetch = (url, { method = "GET", headers, body, signal }) => {
    const { hostname, port } = new URL(url);
    const address = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? 443 : Number(port) };
    return new Promise((resolve, reject) => {
      if (body !== undefined && body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) {
        throw new TypeError("a body that is neither a text nor bytes");
      }
      const { Agent, request: call } = runtimeModule("node:https");
      this.#agent ??= new Agent({ keepAlive: true });
      const options: RequestOptions = {
        method,
        headers: Object.fromEntries(new Headers(headers)),
        agent: this.#agent,
        ...this.#context.settingsFor(address.host),
        ...(signal === undefined || signal === null ? {} : { signal }),
      };
      const request = call(url, options, (message) => resolve(responseOf(message)));
      request.on("error", (cause) => {
        reject(this.#tlsErrorOf(address, cause) ?? (request.reusedSocket ? cause : this.#withHint(cause)));
      });
      request.end(body ?? undefined);
    });
  };

  #tlsErrorOf(address: ServerAddress, cause: unknown): KvError | null {
    const { options } = this.#context;
    const name = this.#context.nameOf(address.host);
    return tlsError(address, cause, { name, hasCertificate: options.cert !== undefined });
  }
}

/** The codes of a connection that the server has closed. */
const CLOSED: ReadonlySet<string> = new Set(["ECONNRESET", "ERR_SOCKET_CLOSED", "EPIPE"]);

/** Statuses whose answers have no body, which `Response` insists on. */
const WITHOUT_BODY: readonly number[] = [204, 205, 304];

function responseOf(message: IncomingMessage): Response {
  const status = message.statusCode ?? 0;
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2) {
    headers.append(message.rawHeaders[at]!, message.rawHeaders[at + 1]!);
  }
  if (WITHOUT_BODY.includes(status)) {
    message.resume();
    return new Response(null, { status, headers });
  }
  return new Response(runtimeModule("node:stream").Readable.toWeb(message) as unknown as ReadableStream, {
    status,
    headers,
  });
}
