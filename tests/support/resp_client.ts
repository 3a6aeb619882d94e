/**
 * RESP clients for tests: one on a connection without a network, one on a socket. Replies are seen as they are
 * on the wire, one character per byte.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { type Key, keyFromBytes, keyToBytes } from "../../src/codec/bytes.ts";
import { RespConnection } from "../../src/server/resp/connection.ts";
import type { ServerContext } from "../../src/server/resp/server_context.ts";
import type { RespTransport } from "../../src/server/resp/transport.ts";
import { keepAnswer } from "./secrets/secrets.ts";

/** A command as an array of bulk strings, one character per byte. */
export function command(...args: readonly string[]): string {
  return `*${args.length}\r\n` + args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("");
}

/** Where the reply that begins at `start` ends, or −1 when it is not whole. */
export function replyEnd(wire: string, start: number): number {
  const lineEnd = wire.indexOf("\r\n", start);
  if (lineEnd < 0) return -1;
  const next = lineEnd + 2;
  const length = Number(wire.slice(start + 1, lineEnd));
  switch (wire[start]) {
    case "$":
    case "=": {
      const end = length < 0 ? next : next + length + 2;
      return end <= wire.length ? end : -1;
    }
    case "*":
    case "~":
    case ">":
    case "%": {
      let at = next;
      const parts = wire[start] === "%" ? length * 2 : length;
      for (let i = 0; i < parts && at >= 0; i++) at = replyEnd(wire, at);
      return at;
    }
    default:
      return next;
  }
}

/** The replies on the wire, each as it is. */
export function splitReplies(wire: string): string[] {
  const replies: string[] = [];
  for (let at = 0; at < wire.length;) {
    const end = replyEnd(wire, at);
    if (end < 0) throw new Error(`half a reply: ${JSON.stringify(wire.slice(at, at + 200))}`);
    replies.push(wire.slice(at, end));
    at = end;
  }
  return replies;
}

/** Waits until `holds`, for at most 20 seconds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 4000; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited in vain until ${what}`);
}

/** A wire in memory. A test can make the client slow, so that what is written stays in the buffer. */
export class MemoryTransport implements RespTransport {
  readonly kind: "tcp" | "udp";
  readonly remoteAddress = "127.0.0.1:50000";
  readonly localAddress = "127.0.0.1:32000";
  /** What the client has received. */
  received = "";
  /** How many writes there were. */
  writes = 0;
  /** Whether the client reads. */
  reading = true;
  paused = false;
  ended = false;
  destroyed = false;
  #unread: string[] = [];

  constructor(kind: "tcp" | "udp" = "tcp") {
    this.kind = kind;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    this.writes++;
    for (const chunk of chunks) keepAnswer("replies", chunk);
    const text = chunks.map((chunk) => keyFromBytes(chunk)).join("");
    if (this.reading) this.received += text;
    else this.#unread.push(text);
    return true;
  }

  bufferedBytes(): number {
    return this.#unread.reduce((size, text) => size + text.length, 0);
  }

  /** The client reads what is there; the caller then tells the connection. */
  drain(): void {
    this.received += this.#unread.join("");
    this.#unread = [];
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }
}

/** A client on a connection without a network. */
export class MemoryClient {
  readonly transport: MemoryTransport;
  readonly connection: RespConnection;
  #seen = 0;

  constructor(context: ServerContext, transport: MemoryTransport = new MemoryTransport()) {
    this.transport = transport;
    this.connection = new RespConnection(context, transport);
    context.clients.set(this.connection.id, this.connection);
  }

  /** Sends raw bytes, one character per byte. */
  raw(bytes: string): void {
    this.connection.receive(keyToBytes(bytes as Key));
  }

  /** Sends one command. */
  send(...args: readonly string[]): void {
    this.raw(command(...args));
  }

  /** What came since the last call. */
  wire(): string {
    const text = this.transport.received.slice(this.#seen);
    this.#seen = this.transport.received.length;
    return text;
  }

  /** Sends one command and waits for its reply. */
  async call(...args: readonly string[]): Promise<string> {
    this.send(...args);
    return await this.next();
  }

  /** Waits for the next reply. */
  async next(): Promise<string> {
    await until(() => replyEnd(this.transport.received, this.#seen) >= 0, "a reply came");
    const end = replyEnd(this.transport.received, this.#seen);
    const reply = this.transport.received.slice(this.#seen, end);
    this.#seen = end;
    return reply;
  }
}

/** A client on a socket. */
export class SocketClient {
  readonly socket: Socket;
  received = "";
  closed = false;
  #seen = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => {
      keepAnswer("replies", chunk);
      this.received += keyFromBytes(chunk);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.closed = true);
  }

  /** Connects to a server on this machine. */
  static connect(port: number): Promise<SocketClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new SocketClient(socket));
      });
    });
  }

  raw(bytes: string): void {
    this.socket.write(keyToBytes(bytes as Key));
  }

  /** Sends one command and waits for its reply. */
  async call(...args: readonly string[]): Promise<string> {
    this.raw(command(...args));
    return await this.next();
  }

  /** Waits for the next reply. */
  async next(): Promise<string> {
    await until(() => this.closed || replyEnd(this.received, this.#seen) >= 0, "a reply came");
    const end = replyEnd(this.received, this.#seen);
    if (end < 0) throw new Error("the connection was closed before a reply came");
    const reply = this.received.slice(this.#seen, end);
    this.#seen = end;
    return reply;
  }

  close(): void {
    this.socket.destroy();
  }
}
