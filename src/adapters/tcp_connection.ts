/**
 * A client's connection over TCP: RESP3, our own commands in it. Replies come in the order of the requests, so
 * ids need not travel; pushes stand between them.
 *
 * Invariants: what is requested in one turn leaves in one write; nothing is written while the socket has not
 * taken what was written before; the listener hears nothing after `onClose`, nor after `close()`.
 *
 * @module
 */
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { ByteWriter } from "../codec/byte_writer.ts";
import { bytesToText } from "../codec/bytes.ts";
import type { Connection, ConnectionListener, Connector, ServerAddress, WatchRequest } from "../client/connection.ts";
import { errorOfCode } from "../client/errors.ts";
import { KvError, type KvErrorCode } from "../core/errors.ts";
import { type Caller, plainCaller } from "./callers.ts";
import { errorOfLine, writeCommand, writeKv } from "./resp_client.ts";
import { RespErrorReply, RespPush, type RespReply, RespReplyParser } from "./resp_reply_parser.ts";
import { addressText } from "./socket_errors.ts";

/** How to connect over TCP. */
export interface TcpConnectorOptions {
  /** The user whose password it is. @default "default" */
  readonly user?: string;
  /** The server's or the user's password, or a token of the user. @default none */
  readonly password?: string;
  /** Opens the sockets. @default plain ones */
  readonly caller?: Caller;
}

/** How many requests wait for replies at once: enough to fill any link. */
const MAX_IN_FLIGHT = 4096;
/** How long a closing connection waits for what it has sent to be taken. */
const LINGER_MS = 500;
/** Buffers that grew past this are not kept. */
const LARGEST_KEPT_BUFFER = 1024 * 1024;

/** What a reply is for; a number is the id of a request, as nearly all replies are for one. */
type Expected =
  | number
  | { readonly for: "hello" }
  | { readonly for: "watch"; readonly id: number }
  | { readonly for: "nobody" };

/** Makes connections over TCP. */
export function tcpConnector(options: TcpConnectorOptions = {}): Connector {
  return (address, listener) => new TcpConnection(address, listener, options);
}

class TcpConnection implements Connection {
  readonly reliable = true;
  readonly maxInFlight = MAX_IN_FLIGHT;
  #address: ServerAddress;
  #listener: ConnectionListener;
  #socket: Socket;
  #parser = new RespReplyParser();
  #out = new ByteWriter(4096);
  /** Written out and free again. */
  #spare: ByteWriter | null = null;
  #flushDue = false;
  /** The socket has not taken what was written. */
  #blocked = false;
  #connected = false;
  /** The server has answered the greeting. */
  #greeted = false;
  #done = false;
  /** What the replies to come are for, in order; those before `#heard` were taken. */
  #expected: Expected[] = [];
  #heard = 0;
  #forgotten = new Set<number>();
  #watches = new Set<number>();

  constructor(address: ServerAddress, listener: ConnectionListener, options: TcpConnectorOptions) {
    this.#address = address;
    this.#listener = listener;
    const caller = options.caller ?? plainCaller;
    const socket = caller.call(address);
    this.#socket = socket;
    socket.on(caller.ready, () => {
      this.#connected = true;
      const auth = options.password === undefined
        ? []
        : ["AUTH", utf8(options.user ?? "default"), utf8(options.password)];
      writeCommand(this.#out, ["HELLO", "3", ...auth]);
      this.#expected.push({ for: "hello" });
      this.#flush();
    });
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("drain", () => {
      this.#blocked = false;
      this.#flush();
    });
    socket.on("error", (error) => this.#fail(caller.errorOf(address, error)));
    socket.on("end", () => {
      const closed = new KvError("UNAVAILABLE", `${addressText(address)} closed the connection`);
      this.#fail(this.#greeted ? closed : caller.endedEarly(address));
    });
    socket.on("close", () => this.#fail(new KvError("UNAVAILABLE", `${addressText(address)}: the connection broke`)));
  }

  request(id: number, command: Uint8Array): void {
    if (this.#done) return;
    writeKv(this.#out, command);
    this.#expected.push(id);
    this.#flushLater();
  }

  forget(id: number): void {
    this.#forgotten.add(id);
  }

  watch(id: number, { start, end, fromRevision }: WatchRequest): void {
    if (this.#done) return;
    this.#watches.add(id);
    writeCommand(this.#out, ["KVWATCH", String(id), start, end ?? "", String(fromRevision)]);
    this.#expected.push({ for: "watch", id });
    this.#flushLater();
  }

  cancelWatch(id: number): void {
    if (this.#done || !this.#watches.delete(id)) return;
    writeCommand(this.#out, ["KVUNWATCH", String(id)]);
    this.#expected.push({ for: "nobody" });
    this.#flushLater();
  }

  close(): void {
    if (this.#done) return;
    this.#done = true;
    const socket = this.#socket;
    if (!this.#connected) {
      socket.destroy();
      return;
    }
    // A blocked socket is owed a lot; what is requested last is not worth waiting for that.
    if (this.#out.length > 0 && !this.#blocked) socket.write(this.#out.take());
    socket.end();
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.on("close", () => clearTimeout(linger));
    socket.on("end", () => socket.destroy());
    socket.resume();
  }

  #flushLater(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    setImmediate(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const out = this.#out;
    if (this.#done || this.#blocked || out.length === 0) return;
    this.#out = this.#spare ?? new ByteWriter(4096);
    this.#spare = null;
    // The memory is the socket's until it says that it is done with it.
    this.#blocked = !this.#socket.write(out.view(), () => {
      if (out.bytes.length > LARGEST_KEPT_BUFFER) return;
      out.reset();
      this.#spare = out;
    });
  }

  #fail(error: KvError): void {
    if (this.#done) return;
    this.#done = true;
    this.#socket.destroy();
    this.#listener.onClose(error);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#done) return;
    try {
      this.#parser.push(chunk);
      for (let reply = this.#parser.next(); reply !== undefined; reply = this.#parser.next()) {
        if (reply instanceof RespPush) this.#onPush(reply.items);
        else this.#onReply(reply);
        if (this.#done) return;
      }
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#fail(new KvError(error.code, `${addressText(this.#address)}: ${error.message}`, { cause: error }));
    }
  }

  #onReply(reply: RespReply): void {
    const expected = this.#expected[this.#heard];
    if (expected === undefined) throw unexpected("a reply to nothing");
    this.#heard++;
    if (this.#heard === this.#expected.length) {
      this.#expected = [];
      this.#heard = 0;
    } else if (this.#heard >= 1024 && this.#heard * 2 >= this.#expected.length) {
      this.#expected = this.#expected.slice(this.#heard);
      this.#heard = 0;
    }
    if (typeof expected === "number") {
      if (this.#forgotten.size > 0 && this.#forgotten.delete(expected)) return;
      if (reply instanceof Uint8Array) this.#listener.onReply(expected, reply);
      else if (reply instanceof RespErrorReply) this.#listener.onRefused(expected, errorOfLine(reply.line));
      else throw unexpected("a reply to KV that is no string");
      return;
    }
    switch (expected.for) {
      case "hello":
        this.#greeted = true;
        if (reply instanceof RespErrorReply) this.#fail(errorOfLine(reply.line));
        else this.#listener.onOpen();
        return;
      case "watch":
        if (!this.#watches.has(expected.id)) return;
        if (reply instanceof RespErrorReply) {
          this.#watches.delete(expected.id);
          this.#listener.onWatchEnd(expected.id, errorOfLine(reply.line));
        } else if (typeof reply === "number") this.#listener.onWatching(expected.id, reply);
        else throw unexpected("a reply to KVWATCH that is no integer");
        return;
      case "nobody":
    }
  }

  #onPush(items: readonly RespReply[]): void {
    const [kind, id, first, second] = items;
    if (!(kind instanceof Uint8Array) || typeof id !== "number" || !(first instanceof Uint8Array)) {
      throw unexpected("a push that is not understood");
    }
    if (!this.#watches.has(id)) return;
    const name = bytesToText(kind);
    if (name === "kvwatch") this.#listener.onEvents(id, first);
    else if (name === "kvwatchend" && second instanceof Uint8Array) {
      this.#watches.delete(id);
      this.#listener.onWatchEnd(id, errorOfCode(bytesToText(first) as KvErrorCode, bytesToText(second)));
    } else throw unexpected(`a push named "${name.slice(0, 32)}"`);
  }
}

function unexpected(what: string): KvError {
  return new KvError("PROTOCOL_ERROR", `not a server of ours: ${what}`);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
