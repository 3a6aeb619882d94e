/**
 * The UDP door: each datagram is an 8-byte request id and one RESP command, and its reply is the id and the
 * RESP reply. A datagram is a connection of its own, so nothing lasts from one to the next.
 *
 * Datagrams get lost, and clients send again: what is too much is dropped and counted. What arrives is worked on
 * in slices, a few each turn, because the runtime hands over datagrams as long as there are any: a flood of them
 * would otherwise keep every other client waiting.
 *
 * @module
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { encodeResult } from "../../core/kv/result_codec.ts";
import { RespConnection } from "../resp/connection.ts";
import { type ParserLimits, ProtocolError, RespParser } from "../resp/parser.ts";
import { ReplyWriter } from "../resp/reply_writer.ts";
import type { ServerContext } from "../resp/server_context.ts";
import type { RespTransport } from "../resp/transport.ts";

/** How many bytes of a datagram are the request's id. */
export const REQUEST_ID_BYTES = 8;
/** The longest reply unless another limit is given: what fits a datagram with room for headers. */
export const MAX_REPLY_BYTES = 60_000;

/** How a UDP door is opened. */
export interface UdpServerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly context: ServerContext;
  /** The longest reply in bytes, its id not counted. @default 60000 */
  readonly maxReplyBytes?: number;
  /** The most requests under way; more are dropped. @default 10000 */
  readonly maxInFlight?: number;
}

/** An open UDP door. */
export interface UdpServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Takes no more requests, answers those under way within `deadline_ms` (5 seconds unless given), and closes. */
  close(deadline_ms?: number): Promise<void>;
}

const CLOSE_DEADLINE_MS = 5000;
/** How many datagrams, and bytes of them, are worked on in one turn. */
const SLICE_DATAGRAMS = 64;
const SLICE_BYTES = 256 * 1024;
/** Datagrams are dropped while this many bytes of them wait. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Bursts of hundreds of clients do not fit the system's usual buffer. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Opens a UDP door. Rejects when it cannot listen. */
export function startUdpServer(options: UdpServerOptions): Promise<UdpServer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(options.host.includes(":") ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.bind({ address: options.host, port: options.port }, () => {
      socket.off("error", reject);
      const { context } = options;
      // A client that went away can show as an error here, on some systems; there is nothing to do about it.
      socket.on("error", (error) => context.notice(`the UDP door: ${error.message}`));
      enlargeBuffer(socket);
      resolve(new Door(socket, options));
    });
  });
}

function enlargeBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch (error) {
    // The system's limit, or a runtime without the call: the usual buffer works too, it drops sooner.
    if (!(error instanceof Error)) throw error;
  }
}

/** A datagram that has arrived and has not been looked at. */
interface Arrival {
  readonly datagram: Uint8Array;
  readonly from: RemoteInfo;
}

class Door implements UdpServer {
  readonly port: number;
  readonly #socket: Socket;
  readonly #context: ServerContext;
  readonly #maxReplyBytes: number;
  readonly #maxInFlight: number;
  readonly #local: string;
  #inFlight = 0;
  #waiting: Arrival[] = [];
  #waitingBytes = 0;
  #onIdle: (() => void) | null = null;
  #closed = false;

  constructor(socket: Socket, options: UdpServerOptions) {
    this.#socket = socket;
    this.#context = options.context;
    this.#maxReplyBytes = options.maxReplyBytes ?? MAX_REPLY_BYTES;
    this.#maxInFlight = options.maxInFlight ?? 10_000;
    const { address, port } = socket.address();
    this.port = port;
    this.#local = `${address}:${port}`;
    socket.on("message", (datagram, from) => this.#onDatagram(datagram, from));
  }

  close(deadline_ms: number = CLOSE_DEADLINE_MS): Promise<void> {
    return new Promise((resolve) => {
      if (this.#onIdle !== null || this.#closed) return resolve();
      const finish = (): void => {
        timer.cancel();
        if (this.#closed) return;
        this.#closed = true;
        this.#socket.close(() => resolve());
      };
      const timer = this.#context.clock.after(deadline_ms, finish);
      this.#onIdle = finish;
      if (this.#inFlight === 0) finish();
    });
  }

  #onDatagram(datagram: Uint8Array, from: RemoteInfo): void {
    const { stats } = this.#context;
    stats.datagramsIn++;
    const isTooMuch = this.#inFlight >= this.#maxInFlight || this.#waitingBytes >= MAX_WAITING_BYTES;
    if (datagram.length < REQUEST_ID_BYTES || isTooMuch || this.#onIdle !== null) {
      stats.datagramsDropped++;
      return;
    }
    this.#inFlight++;
    this.#waitingBytes += datagram.length;
    if (this.#waiting.push({ datagram, from }) === 1) this.#context.clock.defer(() => this.#workOff());
  }

  #workOff(): void {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && count < SLICE_DATAGRAMS && bytes < SLICE_BYTES; count++) {
      const { datagram, from } = this.#waiting[count]!;
      bytes += datagram.length;
      this.#waitingBytes -= datagram.length;
      this.#execute(datagram, from);
    }
    this.#waiting = this.#waiting.slice(count);
    if (this.#waiting.length > 0) this.#context.clock.defer(() => this.#workOff());
  }

  #execute(datagram: Uint8Array, from: RemoteInfo): void {
    const id = datagram.slice(0, REQUEST_ID_BYTES);
    const transport = new DatagramTransport(from, this.#local, {
      answer: (chunks) => this.#answer(connection, id, chunks, from),
      abandon: () => this.#done(),
    });
    const connection: RespConnection = new RespConnection(this.#context, transport);
    const request = datagram.subarray(REQUEST_ID_BYTES);
    const fault = faultOf(request, this.#context.limits);
    if (fault !== null) {
      this.#context.stats.protocolErrors++;
      this.#answer(connection, id, [errorReply(fault)], from);
      return;
    }
    this.#context.received(request.length, "udp");
    try {
      connection.receive(request);
    } catch (error) {
      connection.drop(`met an internal error (${error instanceof Error ? error.stack : String(error)})`);
    }
  }

  /** Sends the one reply of a datagram. */
  #answer(connection: RespConnection, id: Uint8Array, chunks: readonly Uint8Array[], to: RemoteInfo): void {
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    const parts = size > this.#maxReplyBytes ? [this.#tooLarge(connection, size)] : chunks;
    const reply = new Uint8Array(REQUEST_ID_BYTES + Math.min(size, this.#maxReplyBytes) + 512);
    reply.set(id);
    let length = REQUEST_ID_BYTES;
    for (const part of parts) {
      reply.set(part, length);
      length += part.length;
    }
    connection.onClosed();
    this.#send(reply.subarray(0, length), to);
  }

  #done(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  #send(reply: Uint8Array, to: RemoteInfo): void {
    if (this.#closed) return this.#done();
    const { stats } = this.#context;
    this.#socket.send(reply, to.port, to.address, (error) => {
      // A client that went away (ECONNREFUSED), or a full buffer: as if the datagram had got lost.
      if (error !== null && error !== undefined) stats.datagramsDropped++;
      else stats.datagramsOut++;
      this.#done();
    });
  }

  #tooLarge(connection: RespConnection, size: number): Uint8Array {
    const message = `the command was executed, but its reply of ${size} bytes does not fit a datagram of ` +
      `${this.#maxReplyBytes} bytes: ask for less, or use TCP`;
    if (connection.lastCommand !== "kv") return errorReply(`TOOLARGE ${message}`);
    const out = new ReplyWriter();
    out.bulk(encodeResult({ type: "error", revision: 0, code: "MESSAGE_TOO_LARGE", message }));
    return out.take();
  }
}

/** The error line unless `request` is exactly one command. */
function faultOf(request: Uint8Array, limits: ParserLimits): string | null {
  const parser = new RespParser(limits);
  try {
    parser.feed(request);
    const found = parser.next();
    if (found) parser.consume();
    if (found && parser.buffered === 0) return null;
    return `ERR Protocol error: ${found ? "more than one command" : "half a command"} in a datagram`;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.message;
  }
}

function errorReply(line: string): Uint8Array {
  const out = new ReplyWriter();
  out.error(line);
  return out.take();
}

/** What becomes of a datagram: exactly one of these, once. */
interface DatagramOutcome {
  answer(chunks: readonly Uint8Array[]): void;
  /** There is no reply. */
  abandon(): void;
}

/** One datagram and its reply, as a RESP connection sees them. */
class DatagramTransport implements RespTransport {
  readonly kind = "udp";
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #outcome: DatagramOutcome;
  #settled = false;

  constructor(from: RemoteInfo, localAddress: string, outcome: DatagramOutcome) {
    this.remoteAddress = `${from.address}:${from.port}`;
    this.localAddress = localAddress;
    this.#outcome = outcome;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (!this.#settled) {
      this.#settled = true;
      this.#outcome.answer(chunks);
    }
    return true;
  }

  bufferedBytes(): number {
    return 0;
  }

  destroy(): void {
    if (!this.#settled) this.#outcome.abandon();
    this.#settled = true;
  }

  /** There is nothing to pause, resume or end: a datagram has been read, and its reply is one write. */
  pause(): void {}
  resume(): void {}
  end(): void {}
}
