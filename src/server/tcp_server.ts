/**
 * The TCP door: sockets below RESP connections. A socket's trouble is its own: errors close it, a client that
 * does not read is not read from, and too many clients are told so. Replicas come in by the same door, and are
 * shown on by their first byte, however many clients there are.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { PEER_FIRST_BYTE } from "../adapters/tcp_transport.ts";
import { type CallerCertificate, callerCertificate } from "../adapters/tls/caller_certificate.ts";
import type { ServerIdentity } from "../adapters/tls/server_identity.ts";
import { textToBytes } from "../codec/bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { RespTransport, WireClient } from "./resp/transport.ts";
import type { ServerStats } from "./stats.ts";

/** What is behind a TCP door. */
export interface DoorContext {
  readonly clock: Clock;
  /** Where the door counts who came and what moved. */
  readonly stats: ServerStats;
  /** Takes a client that the door has let in. */
  admit(transport: RespTransport): WireClient;
  /** Bytes have come from clients. */
  received(bytes: number): void;
  /** A client was turned away. */
  refused(): void;
  /** Tells the operator. */
  notice(message: string): void;
}

/** The places that there are for clients. */
export interface Places {
  /** Takes one; false when there is none. */
  take(): boolean;
  /** Gives one back. */
  release(): void;
}

/** How a TCP door is opened. */
export interface TcpServerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly context: DoorContext;
  /** The most clients at once. @default 10000 */
  readonly maxConnections?: number;
  /** The places for clients when several doors share them. @default {@link maxConnections} of its own */
  readonly places?: Places;
  /** Whether other doors listen on the port too, among which the system divides the connections. @default false */
  readonly reusePort?: boolean;
  /** A client silent for this long is closed; 0 for never. @default 0 */
  readonly idleTimeout_ms?: number;
  /**
   * Takes over the connections of other replicas, those whose first byte is {@link PEER_FIRST_BYTE}, with the bytes
   * that were read from them, and under TLS who they are. They are not counted as clients.
   * @default none: such a connection is a client's
   */
  readonly acceptPeer?: (socket: Socket, head: Uint8Array, certificate?: CallerCertificate) => void;
  /** Speaks TLS with everybody. @default nobody */
  readonly tls?: ServerIdentity;
  /** How long a TLS handshake may take, in milliseconds. @default 10000 */
  readonly handshakeTimeout_ms?: number;
}

/** An open TCP door. */
export interface TcpServer {
  /** The port that it listens on. */
  readonly port: number;
  /** How many clients are connected. */
  connections(): number;
  /**
   * Accepts and reads no more, answers what was accepted, and closes; connections that are not done within
   * `deadline_ms` (5 seconds unless given) are cut. Those of replicas are waited for, too: close their transport first.
   */
  close(deadline_ms?: number): Promise<void>;
}

const TOO_MANY = textToBytes("-ERR max number of clients reached\r\n");
const CLOSE_DEADLINE_MS = 5000;
/** How long a client may take to read the last replies before its socket is cut. */
const LINGER_MS = 5000;
/** How many connections the system may hold ready for us. */
const BACKLOG = 1024;

/** At the limit, a connection has this long to show by its first byte that it is a replica's. */
const FIRST_BYTE_MS = 1000;
/** How many connections may do so at once. */
const MAX_UNDECIDED = 100;

/** Opens a TCP door. Rejects when it cannot listen. */
export async function startTcpServer(options: TcpServerOptions): Promise<TcpServer> {
  const { context } = options;
  const door = new Door(options);
  const server = await createDoorServer(options, door);
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    const { host, port, reusePort = false } = options;
    server.listen({ host, port, backlog: BACKLOG, ...(reusePort ? { reusePort } : {}) }, () => {
      server.off("error", reject);
      server.on("error", (error) => context.notice(`the TCP door: ${error.message}`));
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
      resolve({
        port: address.port,
        connections: () => door.clients.size,
        close: (deadline_ms = CLOSE_DEADLINE_MS) => closeAll(server, door, deadline_ms, context),
      });
    });
  });
}

/** What accepts the connections of a door. */
async function createDoorServer(options: TcpServerOptions, door: Door): Promise<Server> {
  const { tls, context, acceptPeer, handshakeTimeout_ms } = options;
  const socket = { noDelay: true, allowHalfOpen: true };
  if (tls === undefined) return createServer(socket, (client) => door.onConnection(client));
  const { createSecureServer } = await import("../adapters/tls/secure_server.ts");
  const { server, cut } = createSecureServer({
    identity: tls,
    name: "the TCP door",
    hearsReplicas: acceptPeer !== undefined,
    socket,
    ...(handshakeTimeout_ms === undefined ? {} : { handshakeTimeout_ms }),
    enter: () => door.enter(),
    onFailed: () => {
      context.stats.handshakesFailed++;
    },
    notice: (message) => context.notice(message),
    onConnection: (client) => door.onConnection(client),
  });
  door.cutHandshakes = cut;
  return server;
}

/** Who is inside. */
class Door {
  /** Ends the TLS handshakes that go on. */
  cutHandshakes: () => void = () => {};
  readonly clients: Map<WireClient, Socket> = new Map();
  /** Connections of replicas, and those over the limit that may be one's. */
  readonly guests: Set<Socket> = new Set();
  readonly #context: DoorContext;
  readonly #places: Places;
  readonly #idleTimeout_ms: number;
  readonly #acceptPeer: TcpServerOptions["acceptPeer"];
  readonly #isSecure: boolean;
  /** How many connections over the limit have not sent anything. */
  #undecided = 0;

  constructor(options: TcpServerOptions) {
    this.#context = options.context;
    this.#places = options.places ?? ownPlaces(options.maxConnections ?? 10_000);
    this.#idleTimeout_ms = options.idleTimeout_ms ?? 0;
    this.#acceptPeer = options.acceptPeer;
    this.#isSecure = options.tls !== undefined;
  }

  /**
   * Takes the place of a client for a TLS handshake, or one over the limit, where it may turn out to be a replica's;
   * returns what gives it back.
   */
  enter(): (() => void) | null {
    if (this.#places.take()) return () => this.#places.release();
    if (this.#undecided >= MAX_UNDECIDED) {
      this.#context.refused();
      return null;
    }
    this.#undecided++;
    return () => {
      this.#undecided--;
    };
  }

  onConnection(socket: Socket): void {
    if (this.#places.take()) this.#admit(socket);
    else if (this.#acceptPeer !== undefined && this.#undecided < MAX_UNDECIDED) this.#admitPeerOnly(socket);
    else refuse(socket, this.#context);
  }

  #admit(socket: Socket): void {
    const context = this.#context;
    context.stats.connectionsAccepted++;
    context.stats.connectionsOpen++;
    const connection = context.admit(new SocketTransport(socket, context));
    this.clients.set(connection, socket);
    const onData = (chunk: Uint8Array): void => {
      context.received(chunk.length);
      guarded(connection, () => connection.receive(chunk));
    };
    // Only the first chunk is looked at: clients pay nothing for the peers.
    const onFirst = (chunk: Uint8Array): void => {
      socket.off("data", onFirst);
      if (this.#acceptPeer !== undefined && chunk[0] === PEER_FIRST_BYTE) {
        forget();
        context.stats.connectionsAccepted--;
        this.#handOver(socket, chunk);
        return;
      }
      socket.on("data", onData);
      onData(chunk);
    };
    const onDrain = (): void => guarded(connection, () => connection.onDrain());
    const onInputEnd = (): void => guarded(connection, () => connection.onInputEnd());
    // "close" follows, and does the work.
    const onError = (): void => void socket.destroy();
    const leave = (): void => {
      this.clients.delete(connection);
      this.#places.release();
      context.stats.connectionsOpen--;
      connection.onClosed();
    };
    const onTimeout = (): void => connection.onIdle();
    const forget = (): void => {
      socket.off("drain", onDrain).off("end", onInputEnd).off("error", onError).off("close", leave);
      socket.off("timeout", onTimeout).setTimeout(0);
      leave();
    };
    socket.on("data", this.#acceptPeer === undefined ? onData : onFirst);
    socket.on("drain", onDrain).on("end", onInputEnd).on("error", onError).on("close", leave);
    if (this.#idleTimeout_ms > 0) socket.on("timeout", onTimeout).setTimeout(this.#idleTimeout_ms);
  }

  /** There is no room for clients: a replica is let in all the same, or the cluster would fail with them. */
  #admitPeerOnly(socket: Socket): void {
    this.#undecided++;
    this.guests.add(socket);
    const decide = (chunk: Uint8Array | null): void => {
      this.#undecided--;
      this.guests.delete(socket);
      timer.cancel();
      socket.off("data", decide).off("error", onError).off("close", onClose);
      if (chunk !== null && chunk[0] === PEER_FIRST_BYTE) this.#handOver(socket, chunk);
      else if (!socket.destroyed) refuse(socket, this.#context);
    };
    const onError = (): void => void socket.destroy();
    const onClose = (): void => decide(null);
    const timer = this.#context.clock.after(FIRST_BYTE_MS, () => decide(null));
    socket.on("data", decide).on("error", onError).on("close", onClose);
  }

  #handOver(socket: Socket, head: Uint8Array): void {
    this.guests.add(socket);
    socket.on("close", () => this.guests.delete(socket));
    if (this.#isSecure) this.#acceptPeer?.(socket, head, callerCertificate(socket as TLSSocket));
    else this.#acceptPeer?.(socket, head);
  }

  /** Cuts everybody off. */
  cut(): void {
    for (const socket of [...this.clients.values(), ...this.guests]) socket.destroy();
  }
}

function ownPlaces(count: number): Places {
  let taken = 0;
  return {
    take: () => {
      if (taken >= count) return false;
      taken++;
      return true;
    },
    release: () => {
      taken--;
    },
  };
}

function refuse(socket: Socket, context: DoorContext): void {
  context.refused();
  socket.on("error", () => socket.destroy());
  endSocket(socket, context, TOO_MANY);
}

/** Sends what is written and `last`, then closes for good, whatever the client does. */
function endSocket(socket: Socket, context: DoorContext, last?: Uint8Array): void {
  const timer = context.clock.after(LINGER_MS, () => socket.destroy());
  socket.once("close", () => timer.cancel());
  const done = (): void => {
    socket.destroy();
  };
  if (last === undefined) socket.end(done);
  else socket.end(last, done);
}

/** A fault of this program on one connection costs that connection, not the server. */
function guarded(connection: WireClient, run: () => void): void {
  try {
    run();
  } catch (error) {
    connection.drop(`met an internal error (${error instanceof Error ? error.stack : String(error)})`);
  }
}

function closeAll(
  server: Server,
  door: Door,
  deadline_ms: number,
  context: DoorContext,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = context.clock.after(deadline_ms, () => door.cut());
    door.cutHandshakes();
    server.close(() => {
      timer.cancel();
      resolve();
    });
    for (const connection of door.clients.keys()) connection.finish();
  });
}

/** A socket, as a RESP connection sees it. */
class SocketTransport implements RespTransport {
  readonly kind = "tcp";
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #socket: Socket;
  readonly #context: DoorContext;

  constructor(socket: Socket, context: DoorContext) {
    this.#socket = socket;
    this.#context = context;
    this.remoteAddress = addressText(socket.remoteAddress, socket.remotePort);
    this.localAddress = addressText(socket.localAddress, socket.localPort);
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    this.#context.stats.replyWrites++;
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
