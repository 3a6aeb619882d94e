/**
 * A client's connection over UDP: an id and one RESP command in a datagram, the id and one reply in the other.
 * Datagrams get lost, repeated and reordered; the client above resends, and its session makes that safe. A watch
 * asks for past events again and again.
 *
 * Invariant: an `error` of the socket, in whatever way a runtime tells it, closes this connection and nothing else.
 *
 * @module
 */
import type { Socket } from "node:dgram";
import { setImmediate } from "node:timers";
import { ByteWriter } from "../codec/byte_writer.ts";
import type { Connection, ConnectionListener, Connector, ServerAddress, WatchRequest } from "../client/connection.ts";
import { KvError } from "../core/errors.ts";
import { errorOfLine, writeKv } from "./resp_client.ts";
import { RespErrorReply, type RespReply, RespReplyParser } from "./resp_reply_parser.ts";
import { runtimeModule } from "./runtime_modules.ts";
import { socketError } from "./socket_errors.ts";
import { UdpWatch } from "./udp_watch.ts";

/** How to speak over UDP. */
export interface UdpConnectorOptions {
  /** The largest datagram to send, in bytes; a larger request is refused before it is sent. @default 60000 */
  readonly maxDatagramBytes?: number;
  /** How often a watch asks for events, in milliseconds. @default 100 */
  readonly pollInterval_ms?: number;
}

/** Few enough for the server's receive buffer to hold them. */
const MAX_IN_FLIGHT = 64;
/** The id: four random bytes of this socket, so that replies to an earlier one on its port are not taken for ours, then a number. */
const ID_BYTES = 8;
/** Numbers below this are for the client's requests, those from it on for the connection's own. */
const FIRST_POLL = 0x8000_0000;

/** Makes connections over UDP. */
export function udpConnector(options: UdpConnectorOptions = {}): Connector {
  return (address, listener) => new UdpConnection(address, listener, options);
}

/** What to do with a reply; its byte arrays are valid until the call returns. */
type Taker = (reply: RespReply) => void;

class UdpConnection implements Connection {
  readonly reliable = false;
  readonly maxInFlight = MAX_IN_FLIGHT;
  #listener: ConnectionListener;
  #address: ServerAddress;
  #socket: Socket;
  #maxDatagramBytes: number;
  #pollInterval_ms: number;
  #nonce = crypto.getRandomValues(new Uint32Array(1))[0]!;
  #waiting = new Map<number, Taker>();
  #watches = new Map<number, UdpWatch>();
  #nextPoll = FIRST_POLL;
  #done = false;

  constructor(address: ServerAddress, listener: ConnectionListener, options: UdpConnectorOptions) {
    this.#address = address;
    this.#listener = listener;
    this.#maxDatagramBytes = options.maxDatagramBytes ?? 60_000;
    this.#pollInterval_ms = options.pollInterval_ms ?? 100;
    const socket = runtimeModule("node:dgram").createSocket(
      runtimeModule("node:net").isIPv6(address.host) ? "udp6" : "udp4",
    );
    this.#socket = socket;
    socket.on("error", (error) => this.#fail(error));
    socket.on("message", (message: Uint8Array) => this.#receive(message));
    socket.on("connect", () => {
      if (!this.#done) listener.onOpen();
    });
    try {
      socket.connect(address.port, address.host);
    } catch (error) {
      setImmediate(() => this.#fail(error));
    }
  }

  request(id: number, command: Uint8Array): void {
    if (this.#done) return;
    const datagram = this.#datagram(id % FIRST_POLL, (out) => writeKv(out, command));
    if (datagram.length > this.#maxDatagramBytes) {
      const message =
        `a request of ${datagram.length} bytes; the largest datagram is ${this.#maxDatagramBytes} bytes: ` +
        "use TCP or HTTP for it";
      setImmediate(() => {
        if (!this.#done) this.#listener.onRefused(id, new KvError("MESSAGE_TOO_LARGE", message));
      });
      return;
    }
    this.#waiting.set(id % FIRST_POLL, (reply) => {
      if (reply instanceof Uint8Array) this.#listener.onReply(id, reply);
      else if (reply instanceof RespErrorReply) this.#listener.onRefused(id, errorOfLine(reply.line));
      else this.#listener.onRefused(id, new KvError("PROTOCOL_ERROR", "a reply to KV that is no string"));
    });
    this.#send(datagram);
  }

  forget(id: number): void {
    this.#waiting.delete(id % FIRST_POLL);
  }

  watch(id: number, request: WatchRequest): void {
    if (this.#done) return;
    const watch = new UdpWatch(request, this.#pollInterval_ms, {
      ask: (write, take) => this.#ask(write, take),
      cancel: (poll) => void this.#waiting.delete(poll),
      onWatching: (revision) => this.#listener.onWatching(id, revision),
      onEvents: (events) => this.#listener.onEvents(id, events),
      onEnd: (error) => {
        this.#watches.delete(id);
        this.#listener.onWatchEnd(id, error);
      },
    });
    this.#watches.set(id, watch);
    watch.start();
  }

  cancelWatch(id: number): void {
    this.#watches.get(id)?.close();
    this.#watches.delete(id);
  }

  close(): void {
    if (this.#done) return;
    this.#finish();
  }

  /** Sends a request of the connection's own; returns the number under which its reply is awaited. */
  #ask(write: (out: ByteWriter) => void, take: Taker): number {
    const number = this.#nextPoll;
    this.#nextPoll = number === 0xffff_ffff ? FIRST_POLL : number + 1;
    this.#waiting.set(number, take);
    this.#send(this.#datagram(number, write));
    return number;
  }

  #datagram(number: number, write: (out: ByteWriter) => void): Uint8Array {
    const out = new ByteWriter(512);
    out.u32(this.#nonce);
    out.u32(number);
    write(out);
    return out.take();
  }

  #send(datagram: Uint8Array): void {
    if (this.#done) return;
    try {
      this.#socket.send(datagram, (error) => {
        if (error !== null && error !== undefined) this.#fail(error);
      });
    } catch (error) {
      // Bun throws what Node tells the callback.
      setImmediate(() => this.#fail(error));
    }
  }

  #receive(message: Uint8Array): void {
    if (this.#done || message.length <= ID_BYTES) return;
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    if (view.getUint32(0, true) !== this.#nonce) return;
    const number = view.getUint32(4, true);
    const take = this.#waiting.get(number);
    // The reply to a request sent again, or forgotten.
    if (take === undefined) return;
    this.#waiting.delete(number);
    take(replyIn(message.subarray(ID_BYTES)));
  }

  #fail(cause: unknown): void {
    if (this.#done) return;
    this.#finish();
    this.#listener.onClose(socketError(this.#address, cause));
  }

  #finish(): void {
    this.#done = true;
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
    this.#waiting.clear();
    // What was sent in this turn is still on its way to the kernel.
    setImmediate(() => {
      try {
        this.#socket.close();
      } catch (error) {
        // A socket that an error has closed already says so by throwing; there is nobody left to tell.
        if (!(error instanceof Error)) throw error;
      }
    });
  }
}

/** The one reply in a datagram; null, which no request of ours is answered with, for anything else. */
function replyIn(bytes: Uint8Array): RespReply {
  const parser = new RespReplyParser();
  try {
    parser.push(bytes);
    const reply = parser.next();
    return reply === undefined || parser.buffered > 0 ? null : reply;
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    return null;
  }
}
