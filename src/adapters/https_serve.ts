/**
 * Serves a fetch handler over HTTPS, by `node:https` on Node and Deno. On Bun that is `Bun.serve`, whose certificate cannot
 * be replaced while it runs, and which neither ends handshakes that stand still nor says who calls: there `node:http`
 * speaks over the sockets of `node:tls`, at about half the requests in a second.
 *
 * Invariants: as for plain HTTP; and a connection that does not get its request said in time is closed, the times being
 * kept here because not every runtime keeps them for sockets that it was handed.
 *
 * @module
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type Server, type TLSSocket } from "node:tls";
import {
  DEFAULT_HEADERS_MS,
  DEFAULT_IDLE_MS,
  DEFAULT_MAX_CONNECTIONS,
  finishOrCut,
  type HttpServeOptions,
  type HttpServer,
  inTurn,
  listening,
  MAX_HEADER_BYTES,
  type NodeHandler,
  once,
  REQUEST_MS,
} from "./http_serve.ts";
import { callerCertificate } from "./tls/caller_certificate.ts";
import type { ServerIdentity } from "./tls/server_identity.ts";
import { guardHandshakes, HANDSHAKE_MS } from "./tls/handshakes.ts";

/** What to speak HTTPS with. */
export interface HttpTls {
  readonly identity: ServerIdentity;
  /** Whether some of those who come are replicas. */
  readonly hearsReplicas: boolean;
  /** A handshake has come to nothing. */
  readonly onFailed: () => void;
  /** Tells the operator of such, now and then. */
  readonly notice: (message: string) => void;
  /** How long a handshake may take, in milliseconds. @default 10000 */
  readonly handshakeTimeout_ms?: number;
}

/** Listens and serves. Rejects when the address cannot be listened on. */
export async function serveHttps(options: HttpServeOptions, tls: HttpTls): Promise<HttpServer> {
  const { idle_ms = DEFAULT_IDLE_MS, headers_ms = DEFAULT_HEADERS_MS, maxConnections = DEFAULT_MAX_CONNECTIONS } =
    options;
  const connections = new Connections(idle_ms, headers_ms);
  const handle = await handlerOf(options);
  const server = createListener(tls, { headersTimeout: headers_ms, keepAliveTimeout: idle_ms }, (request, response) => {
    connections.onRequest(request, response);
    handle(request, response);
  });
  // Ahead of the guard, which is to be the first to see a connection.
  server.prependListener("secureConnection", (socket: TLSSocket) => connections.add(socket));
  let handshakes = 0;
  const { cut } = guardHandshakes(server, {
    identity: tls.identity,
    name: "the HTTP door",
    enter: () => {
      if (connections.size + handshakes >= maxConnections) return null;
      handshakes++;
      return () => {
        handshakes--;
      };
    },
    onFailed: tls.onFailed,
    notice: tls.notice,
  });
  tls.identity.attach(server, tls.hearsReplicas);
  await listening(server, options);
  server.on("error", options.onError ?? ((): void => {}));
  return {
    port: (server.address() as AddressInfo).port,
    close: once((deadline_ms) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      connections.finish();
      return finishOrCut(closed, deadline_ms, () => connections.cut());
    }),
  };
}

/** What @hono/node-server hands over beside a request. */
interface NodeBindings {
  readonly incoming: IncomingMessage;
}

async function handlerOf({ fetch, host, onError = (): void => {} }: HttpServeOptions): Promise<NodeHandler> {
  const { getRequestListener } = await import("@hono/node-server");
  // The address stands in for the Host header that an HTTP/1.0 client may leave out.
  const hostname = host.includes(":") ? `[${host}]` : host;
  const answer = (request: Request, bindings: unknown): Response | Promise<Response> => {
    const { socket } = (bindings as NodeBindings).incoming;
    return fetch(request, () => socket.remoteAddress ?? "?", () => callerCertificate(socket as TLSSocket));
  };
  const listener = getRequestListener(answer, { overrideGlobalObjects: false, hostname });
  return inTurn((request, response) => void listener(request, response).catch(onError));
}

/** What takes connections, and has the requests in them parsed. */
function createListener(
  { identity, hearsReplicas, handshakeTimeout_ms = HANDSHAKE_MS }: HttpTls,
  times: { readonly headersTimeout: number; readonly keepAliveTimeout: number },
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const secure = { ...identity.settings(hearsReplicas), handshakeTimeout: handshakeTimeout_ms };
  const plain = {
    ...times,
    maxHeaderSize: MAX_HEADER_BYTES,
    requestTimeout: REQUEST_MS,
    keepAlive: true,
    noDelay: true,
  };
  const onClientError = (_: Error, socket: Duplex): void => void socket.destroy();
  if (!("Bun" in globalThis)) {
    return createHttpsServer({ ...plain, ...secure }, onRequest).on("clientError", onClientError);
  }
  const web = createHttpServer(plain, onRequest).on("clientError", onClientError);
  return createTlsServer({ ...secure, noDelay: true }, (socket) => {
    if (!socket.destroyed) web.emit("connection", socket);
  });
}

/** A connection, and the request that it is at. */
interface Connection {
  /** Requests that are not answered. */
  open: number;
  timer: ReturnType<typeof setTimeout>;
}

/** The connections whose handshake is over. */
class Connections {
  readonly #idle_ms: number;
  readonly #headers_ms: number;
  readonly #all = new Map<object, Connection & { readonly socket: TLSSocket }>();
  #isClosing = false;

  constructor(idle_ms: number, headers_ms: number) {
    this.#idle_ms = idle_ms;
    this.#headers_ms = headers_ms;
  }

  get size(): number {
    return this.#all.size;
  }

  add(socket: TLSSocket): void {
    socket.on("error", () => void socket.destroy());
    // Nothing moves: also where an answer is not read.
    socket.setTimeout(this.#idle_ms, () => void socket.destroy());
    const connection = { socket, open: 0, timer: endAfter(this.#headers_ms, socket) };
    this.#all.set(socket, connection);
    socket.once("close", () => {
      clearTimeout(connection.timer);
      this.#all.delete(socket);
    });
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#all.get(request.socket);
    if (connection === undefined) return;
    const { socket } = connection;
    connection.open++;
    clearTimeout(connection.timer);
    const timer = connection.timer = endAfter(REQUEST_MS, socket);
    request.once("end", () => clearTimeout(timer));
    response.once("close", () => {
      connection.open--;
      if (connection.open > 0) return;
      clearTimeout(connection.timer);
      if (this.#isClosing) socket.destroySoon();
      else connection.timer = endAfter(this.#idle_ms, socket);
    });
  }

  /** Ends each connection as soon as it has no request. */
  finish(): void {
    this.#isClosing = true;
    for (const { socket, open } of this.#all.values()) if (open === 0) socket.destroy();
  }

  /** Ends all at once. */
  cut(): void {
    for (const { socket } of this.#all.values()) socket.destroy();
  }
}

function endAfter(delay_ms: number, socket: TLSSocket): ReturnType<typeof setTimeout> {
  const timer = setTimeout(() => void socket.destroy(), delay_ms);
  timer.unref();
  return timer;
}
