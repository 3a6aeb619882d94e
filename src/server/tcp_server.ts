/**
 * The TCP door: sockets below RESP connections. A socket's trouble is its own: errors close it, a client that
 * does not read is not read from, and too many clients are told so.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { textToBytes } from "../codec/bytes.ts";
import { RespConnection } from "./resp/connection.ts";
import type { ServerContext } from "./resp/server_context.ts";
import type { RespTransport } from "./resp/transport.ts";

/** How a TCP door is opened. */
export interface TcpServerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly context: ServerContext;
  /** The most clients at once. @default 10000 */
  readonly maxConnections?: number;
  /** A client silent for this long is closed; 0 for never. @default 0 */
  readonly idleTimeout_ms?: number;
}

/** An open TCP door. */
export interface TcpServer {
  /** The port that it listens on. */
  readonly port: number;
  /** How many clients are connected. */
  connections(): number;
  /**
   * Accepts and reads no more, answers what was accepted, and closes; connections that are not done within
   * `deadline_ms` (5 seconds unless given) are cut.
   */
  close(deadline_ms?: number): Promise<void>;
}

const TOO_MANY = textToBytes("-ERR max number of clients reached\r\n");
const CLOSE_DEADLINE_MS = 5000;
/** How long a client may take to read the last replies before its socket is cut. */
const LINGER_MS = 5000;
/** How many connections the system may hold ready for us. */
const BACKLOG = 1024;

/** Opens a TCP door. Rejects when it cannot listen. */
export function startTcpServer(options: TcpServerOptions): Promise<TcpServer> {
  const { context } = options;
  const maxConnections = options.maxConnections ?? 10_000;
  const open = new Map<RespConnection, Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    if (open.size >= maxConnections) refuse(socket, context);
    else accept(socket, context, options.idleTimeout_ms ?? 0, open);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      server.on("error", (error) => context.notice(`the TCP door: ${error.message}`));
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
      resolve({
        port: address.port,
        connections: () => open.size,
        close: (deadline_ms = CLOSE_DEADLINE_MS) => closeAll(server, open, deadline_ms, context),
      });
    });
  });
}

function refuse(socket: Socket, context: ServerContext): void {
  context.stats.connectionsRefused++;
  socket.on("error", () => socket.destroy());
  endSocket(socket, context, TOO_MANY);
}

/** Sends what is written and `last`, then closes for good, whatever the client does. */
function endSocket(socket: Socket, context: ServerContext, last?: Uint8Array): void {
  const timer = context.clock.after(LINGER_MS, () => socket.destroy());
  socket.once("close", () => timer.cancel());
  const done = (): void => {
    socket.destroy();
  };
  if (last === undefined) socket.end(done);
  else socket.end(last, done);
}

function accept(
  socket: Socket,
  context: ServerContext,
  idleTimeout_ms: number,
  open: Map<RespConnection, Socket>,
): void {
  context.stats.connectionsAccepted++;
  context.stats.connectionsOpen++;
  const connection = new RespConnection(context, new SocketTransport(socket, context));
  open.set(connection, socket);
  context.clients.set(connection.id, connection);
  socket.on("data", (chunk: Uint8Array) => guarded(connection, () => connection.receive(chunk)));
  socket.on("drain", () => guarded(connection, () => connection.onDrain()));
  socket.on("end", () => guarded(connection, () => connection.onInputEnd()));
  // "close" follows, and does the work.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    open.delete(connection);
    context.clients.delete(connection.id);
    context.stats.connectionsOpen--;
    connection.onClosed();
  });
  if (idleTimeout_ms > 0) {
    socket.setTimeout(idleTimeout_ms, () => {
      if (connection.unfinished === 0 && connection.state.watches === null) connection.finish();
    });
  }
}

/** A fault of this program on one connection costs that connection, not the server. */
function guarded(connection: RespConnection, run: () => void): void {
  try {
    run();
  } catch (error) {
    connection.drop(`met an internal error (${error instanceof Error ? error.stack : String(error)})`);
  }
}

function closeAll(
  server: Server,
  open: ReadonlyMap<RespConnection, Socket>,
  deadline_ms: number,
  context: ServerContext,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = context.clock.after(deadline_ms, () => {
      for (const socket of open.values()) socket.destroy();
    });
    server.close(() => {
      timer.cancel();
      resolve();
    });
    for (const connection of open.keys()) connection.finish();
  });
}

/** A socket, as a RESP connection sees it. */
class SocketTransport implements RespTransport {
  readonly kind = "tcp";
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #socket: Socket;
  readonly #context: ServerContext;

  constructor(socket: Socket, context: ServerContext) {
    this.#socket = socket;
    this.#context = context;
    this.remoteAddress = addressText(socket.remoteAddress, socket.remotePort);
    this.localAddress = addressText(socket.localAddress, socket.localPort);
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    if (chunks.length === 1) {
      socket.write(chunks[0]!);
    } else {
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
    }
    // Nothing buffered means that the system has all of it.
    return socket.writableLength === 0;
  }

  bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    endSocket(this.#socket, this.#context);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function addressText(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "?:0";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
