/**
 * Serves a fetch handler over HTTP/1.1: with `Bun.serve` on Bun, with `node:http` under @hono/node-server on Node
 * and Deno. (`Deno.serve` answers small reads faster, but Deno 2.9 drops a connection after a request with a body
 * of more than some 500 bytes, bounds no slow sender, and cannot be cut off once it is shutting down.)
 *
 * Invariants: a request is not handled before the one ahead of it on its connection is answered (on Bun, one that is
 * sent ahead of an answer that takes its time costs the client the connection), and after `close` has settled nothing
 * listens and no connection is open.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Server as Listener, Socket } from "node:net";
import { pausable } from "./pausable_listener.ts";
import type { CallerCertificate } from "./tls/caller_certificate.ts";

/** What to serve, and where. */
export interface HttpServeOptions {
  /**
   * Answers a request; it handles its own errors. `address` gives the address that it comes from, and `certificate` over
   * HTTPS who sends it.
   */
  readonly fetch: (
    request: Request,
    address: () => string,
    certificate?: () => CallerCertificate,
  ) => Response | Promise<Response>;
  /** The address to listen on. */
  readonly host: string;
  /** The port to listen on; 0 for any that is free. */
  readonly port: number;
  /** No request body is larger than this, whatever the handler thinks of it. Bytes. @default 67108864 */
  readonly maxBody_bytes?: number;
  /**
   * A connection on which nothing moves for this long is closed, streams included: set it to more than the time
   * between the heartbeats of a stream. @default 60000
   */
  readonly idle_ms?: number;
  /** A request's headers must be there within this long; else it is answered 408. Bun takes 12 s at most. @default 15000 */
  readonly headers_ms?: number;
  /**
   * The most connections at once: one more is answered 503 and closed. On Bun, which does not tell of connections, the
   * most requests at once, streams included; and on Linux, while there are more connections, nothing listens.
   * @default 10000
   */
  readonly maxConnections?: number;
  /** Whether other listeners share the port, among which the system divides the connections. Only on Linux. @default false */
  readonly reusePort?: boolean;
  /** How many connections other doors of this process have. @default there are none */
  readonly otherConnections?: () => number;
  /** Told of what befalls the listener itself, such as having no file descriptors left; it goes on listening. */
  readonly onError?: (error: unknown) => void;
}

/** A server that listens. */
export interface HttpServer {
  /** The port that it listens on. */
  readonly port: number;
  /**
   * Takes no more connections, lets requests under way finish for at most `deadline_ms`, then cuts those off that
   * are left. Settles when nothing is open. A second call joins the first.
   */
  close(deadline_ms: number): Promise<void>;
}

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
/** The default of `idle_ms`. */
export const DEFAULT_IDLE_MS = 60_000;
/** The default of `maxConnections`. */
export const DEFAULT_MAX_CONNECTIONS = 10_000;
/** Request line and headers together, where the runtime lets us say. */
export const MAX_HEADER_BYTES: number = 32 * 1024;
/** The default of `headers_ms`. */
export const DEFAULT_HEADERS_MS = 15_000;
/** How often the headers that are on their way are looked at. */
const LOOK_MS = 5000;
/** A server that is closing looks for idle connections this often. */
const SWEEP_MS = 10;
/** What is over a limit of connections is answered, as every door answers what is over a limit. */
const TOO_MANY = JSON.stringify({
  type: "about:blank#UNAVAILABLE",
  title: "The server cannot take requests now",
  status: 503,
  detail: "the server has as many HTTP connections as --max-connections allows; close some, ask another server, " +
    "or raise the limit",
  code: "UNAVAILABLE",
  retryable: true,
});
const TOO_MANY_HEADERS = { "Content-Type": "application/problem+json", "Retry-After": "1", "Connection": "close" };
/** A whole request must be there within this long. */
export const REQUEST_MS = 120_000;

/** The part of Bun that is used here. Written out, so that it type-checks without Bun's types. */
interface BunRuntime {
  serve(options: {
    hostname: string;
    port: number;
    reusePort: boolean;
    idleTimeout: number;
    maxRequestBodySize: number;
    fetch: (request: Request, server: BunServer) => Response | Promise<Response>;
    error: (error: unknown) => Response;
  }): BunServer;
}

interface BunServer {
  readonly port?: number | undefined;
  readonly pendingRequests: number;
  requestIP(request: Request): { readonly address: string } | null;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/**
 * Listens and serves.
 *
 * @throws when the address cannot be listened on
 */
export function serveHttp(options: HttpServeOptions): Promise<HttpServer> {
  const { Bun: bun } = globalThis as { Bun?: BunRuntime };
  return bun === undefined ? serveOnNode(options) : Promise.resolve(serveOnBun(bun, options));
}

/** What a handler that threw, which it must not, is answered with. */
function failed(): Response {
  return new Response(null, { status: 500 });
}

/** Settles with `finished`, or calls `cut` after `deadline_ms` and then waits for it. */
export async function finishOrCut(finished: Promise<unknown>, deadline_ms: number, cut: () => unknown): Promise<void> {
  const timer = setTimeout(cut, deadline_ms);
  try {
    await finished;
  } finally {
    clearTimeout(timer);
  }
}

/** `close`, done once however often it is called. */
export function once(close: (deadline_ms: number) => Promise<void>): (deadline_ms: number) => Promise<void> {
  let closing: Promise<void> | null = null;
  return (deadline_ms) => closing ??= close(deadline_ms);
}

function serveOnBun(bun: BunRuntime, options: HttpServeOptions): HttpServer {
  const most = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  const listen = (port: number): BunServer =>
    bun.serve({
      hostname: options.host,
      port,
      reusePort: options.reusePort ?? false,
      // Whole seconds, at most 255.
      idleTimeout: Math.min(255, Math.ceil((options.idle_ms ?? DEFAULT_IDLE_MS) / 1000)),
      maxRequestBodySize: options.maxBody_bytes ?? DEFAULT_MAX_BODY_BYTES,
      fetch: (request, server) => {
        if (server.pendingRequests > most) return new Response(TOO_MANY, { status: 503, headers: TOO_MANY_HEADERS });
        return options.fetch(request, () => server.requestIP(request)?.address ?? "?");
      },
      error: failed,
    });
  const listener = pausable({ ...options, maxConnections: most }, listen);
  return {
    port: listener.port,
    close: once((deadline_ms) => finishOrCut(listener.stop(false), deadline_ms, () => listener.stop(true))),
  };
}

async function serveOnNode(options: HttpServeOptions): Promise<HttpServer> {
  const [{ createServer }, { getRequestListener }] = await Promise.all([
    import("node:http"),
    import("@hono/node-server"),
  ]);
  // The address stands in for the Host header that an HTTP/1.0 client may leave out.
  const hostname = options.host.includes(":") ? `[${options.host}]` : options.host;
  const listener = getRequestListener(withAddress(options.fetch), { overrideGlobalObjects: false, hostname });
  const { headers_ms = DEFAULT_HEADERS_MS, onError = () => undefined } = options;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headers_ms,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: Math.min(LOOK_MS, headers_ms),
      keepAlive: true,
    },
    inTurn((request, response) => void listener(request, response).catch(onError)),
  );
  refuseMoreThan(server, options.maxConnections ?? DEFAULT_MAX_CONNECTIONS);
  server.keepAliveTimeout = options.idle_ms ?? DEFAULT_IDLE_MS;
  server.setTimeout(options.idle_ms ?? DEFAULT_IDLE_MS);
  await listening(server, options);
  server.on("error", onError);
  return {
    port: (server.address() as AddressInfo).port,
    close: once((deadline_ms) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection that is kept alive goes idle when its last request is done, which nothing tells us of.
      const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
      server.closeIdleConnections();
      return finishOrCut(closed, deadline_ms, () => server.closeAllConnections()).finally(() => clearInterval(sweep));
    }),
  };
}

/** Answers the connections over a limit, as the runtime's own limit would not. */
function refuseMoreThan(server: Listener, most: number): void {
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    socket.once("close", () => connections--);
    if (connections <= most) return;
    const headers = Object.entries(TOO_MANY_HEADERS).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const head = `HTTP/1.1 503 Service Unavailable\r\n${headers}Content-Length: ${TOO_MANY.length}\r\n\r\n`;
    // Nothing that it sends is looked at.
    socket.removeAllListeners("data");
    socket.end(head + TOO_MANY, () => socket.destroy());
  });
}

/** What @hono/node-server hands over beside a request. */
interface NodeBindings {
  readonly incoming: { readonly socket?: { readonly remoteAddress?: string | undefined } | null };
}

function withAddress(
  fetch: HttpServeOptions["fetch"],
): (request: Request, bindings: unknown) => Response | Promise<Response> {
  return (request, bindings) => {
    return fetch(request, () => (bindings as NodeBindings).incoming.socket?.remoteAddress ?? "?");
  };
}

/** Handles a request of `node:http`. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Hands `handle` one request of a connection at a time, as Bun does by itself: a read that a client
 * pipelines behind a write must see it. While requests wait, no more are taken from the connection.
 */
export function inTurn(handle: NodeHandler): NodeHandler {
  const waiting = new WeakMap<Socket, (() => void)[]>();
  const run = (queue: (() => void)[], request: IncomingMessage, response: ServerResponse): void => {
    response.once("close", () => {
      const next = queue.shift();
      if (next !== undefined) next();
      else waiting.delete(request.socket);
    });
    handle(request, response);
  };
  return (request, response) => {
    const { socket } = request;
    const queue = waiting.get(socket);
    if (queue === undefined) {
      const fresh: (() => void)[] = [];
      waiting.set(socket, fresh);
      run(fresh, request, response);
      return;
    }
    socket.pause();
    queue.push(() => {
      if (queue.length === 0) socket.resume();
      run(queue, request, response);
    });
  };
}

/** Begins to listen. */
export function listening(server: Listener, { host, port, reusePort = false }: HttpServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, ...(reusePort ? { reusePort } : {}) }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
