/**
 * The owner of the state, as a thread that holds sockets sees it: what is behind its TCP door.
 *
 * Here a client's bytes become requests, which leave in batches; its replies come back as bytes. What either side may
 * send ahead of the other is bounded for each connection: a client is not read from while the owner has more than a
 * window of its requests that it has not begun to execute, and the owner knows how much of what it wrote has not left.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { CallerCertificate } from "../../adapters/tls/caller_certificate.ts";
import type { ByteReader } from "../../codec/byte_reader.ts";
import { textToBytes } from "../../codec/bytes.ts";
import type { Clock } from "../../ports/clock.ts";
import { type ParserLimits, ProtocolError, RespParser } from "../resp/parser.ts";
import type { RespTransport, WireClient } from "../resp/transport.ts";
import { ServerStats } from "../stats.ts";
import type { DoorContext } from "../tcp_server.ts";
import { ITEM, type ItemKind, Outbox, type Post, readBatch } from "./batch.ts";
import { writeFault, writeRequest } from "./encoded_requests.ts";
import { HttpFar, type HttpFarOptions } from "./http_far.ts";
import { FIRST_HTTP_ITEM } from "./http_items.ts";
import { writeCertificate } from "./encoded_certificate.ts";
import { writeDifferences } from "./stats_differences.ts";

/** How many bytes of a client's requests may wait at the owner; one request may have more. */
const WINDOW_BYTES = 64 * 1024;
/** How many bytes of a replica may wait at the owner. */
const PEER_WINDOW_BYTES = 1024 * 1024;
/** The owner hears of this many bytes at once that have left. */
const WRITTEN_BYTES = 64 * 1024;

/** How a link to the owner is made. */
export interface OwnerLinkOptions {
  /** Sends a batch to the owner. */
  readonly post: Post;
  readonly clock: Clock;
  readonly limits: ParserLimits;
  /** Whether clients must log in. */
  readonly mustLogIn: boolean;
  readonly onNotice: (message: string) => void;
}

/** What the owner says to a connection. */
interface Hears {
  onWrite(bytes: Uint8Array): void;
  onTaken(bytes: number, limited: boolean): void;
  onEnd(): void;
  onDestroy(): void;
}

/** The way to the owner. */
export class OwnerLink implements DoorContext {
  readonly clock: Clock;
  readonly stats: ServerStats = new ServerStats();
  readonly #options: OwnerLinkOptions;
  readonly #connections: Map<number, Hears> = new Map();
  readonly #outbox: Outbox;
  /** Hears what is said of HTTP. */
  #http: HttpFar | null = null;
  /** What the owner knows of {@link stats}. */
  readonly #told: ServerStats = new ServerStats();
  #nextId = 1;

  constructor(options: OwnerLinkOptions) {
    this.clock = options.clock;
    this.#options = options;
    // Once all sockets that the system has reported in this turn were read.
    this.#outbox = new Outbox(options.post, (run) => options.clock.defer(run), (outbox) => {
      writeDifferences(this.stats, this.#told, () => outbox.begin(ITEM.stats, 0));
    });
  }

  admit(transport: RespTransport): WireClient {
    const id = this.#nextId++;
    const { limits, mustLogIn } = this.#options;
    const client = new FarClient(this, this.#outbox, id, transport, limits);
    client.limited = mustLogIn;
    this.#connections.set(id, client);
    const item = this.#outbox.begin(ITEM.open, id);
    item.blob(textToBytes(transport.remoteAddress));
    item.blob(textToBytes(transport.localAddress));
    return client;
  }

  received(bytes: number): void {
    this.stats.bytesIn += bytes;
  }

  refused(): void {
    this.stats.connectionsRefused++;
    this.#outbox.due();
  }

  /** The connection with this number is closed. */
  forget(id: number): void {
    this.#connections.delete(id);
  }

  /** Takes over the connection of another replica. */
  acceptPeer(socket: Socket, head: Uint8Array, certificate?: CallerCertificate): void {
    const id = this.#nextId++;
    const item = this.#outbox.begin(ITEM.peer, id);
    item.blob(textToBytes(socket.remoteAddress ?? ""));
    writeCertificate(item, certificate);
    this.#connections.set(id, new FarPeer(this, this.#outbox, id, socket, head));
  }

  notice(message: string): void {
    this.#options.onNotice(message);
  }

  /** Makes the door for HTTP, whose requests go to the owner too. */
  openHttp(options: Omit<HttpFarOptions, "begin" | "stats" | "clock" | "onNotice">): HttpFar {
    this.#http = new HttpFar({
      ...options,
      clock: this.clock,
      stats: this.stats,
      begin: (kind, request) => this.#outbox.begin(kind, request),
      onNotice: (message) => this.notice(message),
    });
    return this.#http;
  }

  /** Tells the owner what was only counted. */
  flush(): void {
    this.#outbox.flush();
  }

  /** Does what the owner says. */
  receive(batch: Uint8Array): void {
    readBatch(batch, (item) => {
      if (item.kind >= FIRST_HTTP_ITEM && this.#http !== null) this.#http.take(item);
      else obey(item.kind, item.reader, this.#connections.get(item.connection));
    });
  }
}

/** What is said to a connection that is gone is read over. */
function obey(kind: number, reader: ByteReader, to: Hears | undefined): void {
  switch (kind) {
    case ITEM.write: {
      const bytes = reader.raw(reader.u32());
      to?.onWrite(bytes);
      return;
    }
    case ITEM.taken: {
      const bytes = reader.varint();
      const limited = reader.u8() === 1;
      to?.onTaken(bytes, limited);
      return;
    }
    case ITEM.end:
      to?.onEnd();
      return;
    case ITEM.destroy:
      to?.onDestroy();
      return;
    default:
      throw new Error(`an item of kind ${kind} from the owner`);
  }
}

/** A client whose requests are executed by the owner. */
class FarClient implements WireClient, Hears {
  readonly #link: OwnerLink;
  readonly #outbox: Outbox;
  readonly #id: number;
  readonly #transport: RespTransport;
  readonly #parser: RespParser;
  /** Bytes of requests that the owner has not taken. */
  #waiting = 0;
  #paused = false;
  #inputEnded = false;
  /** No more requests are handed on: the input has ended, or made no sense. */
  #done = false;
  #gone = false;
  /** Bytes that were handed to the wire, and those of them that the owner knows to have left. */
  #handed = 0;
  #told = 0;

  constructor(link: OwnerLink, outbox: Outbox, id: number, transport: RespTransport, limits: ParserLimits) {
    this.#link = link;
    this.#outbox = outbox;
    this.#id = id;
    this.#transport = transport;
    this.#parser = new RespParser(limits);
  }

  /** Whether the client has yet to log in: then it is taken at one word at a time. */
  set limited(limited: boolean) {
    this.#parser.limited = limited;
  }

  receive(chunk: Uint8Array): void {
    if (this.#done || this.#gone) return;
    this.#parser.feed(chunk);
    this.#pump();
  }

  onDrain(): void {
    this.#tellWritten(1);
  }

  onInputEnd(): void {
    this.#inputEnded = true;
    this.#pump();
  }

  onIdle(): void {
    this.#say(ITEM.idle);
  }

  onClosed(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#say(ITEM.closed);
    this.#link.forget(this.#id);
  }

  finish(): void {
    this.#done = true;
    this.#pause(true);
    this.#say(ITEM.finish);
  }

  drop(why: string): void {
    this.#link.stats.connectionsDropped++;
    this.#link.notice(`client ${this.#transport.remoteAddress} ${why}: closed`);
    this.#done = true;
    this.#transport.destroy();
  }

  onWrite(bytes: Uint8Array): void {
    this.#transport.write([bytes]);
    this.#handed += bytes.length;
    this.#tellWritten(WRITTEN_BYTES);
  }

  onTaken(bytes: number, limited: boolean): void {
    this.#waiting -= bytes;
    this.#parser.limited = limited;
    this.#pump();
  }

  onEnd(): void {
    this.#done = true;
    this.#transport.end();
  }

  onDestroy(): void {
    this.#done = true;
    this.#transport.destroy();
  }

  get #isFull(): boolean {
    return this.#parser.limited ? this.#waiting > 0 : this.#waiting >= WINDOW_BYTES;
  }

  /** Hands on what there is room for at the owner. */
  #pump(): void {
    if (this.#done || this.#gone) return;
    const parser = this.#parser;
    try {
      if (!this.#isFull && parser.next()) this.#handOn();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fault(error);
    }
    parser.settle();
    const isFull = this.#isFull;
    this.#pause(isFull || this.#done);
    if (!this.#inputEnded || isFull || this.#done) return;
    this.#done = true;
    this.#say(ITEM.inputEnd);
  }

  /** As many requests as there is room for, of which there is one. */
  #handOn(): void {
    const parser = this.#parser;
    const writer = this.#outbox.begin(ITEM.requests, this.#id);
    const start = writer.length;
    writer.u32(0);
    try {
      do {
        const before = writer.length;
        writeRequest(writer, parser);
        this.#waiting += writer.length - before;
        parser.consume();
      } while (!this.#isFull && parser.next());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#done = true;
      writeFault(writer, error.message);
    }
    writer.patchU32(start, writer.length - start - 4);
  }

  #fault(error: ProtocolError): void {
    this.#done = true;
    const writer = this.#outbox.begin(ITEM.requests, this.#id);
    const start = writer.length;
    writer.u32(0);
    writeFault(writer, error.message);
    writer.patchU32(start, writer.length - start - 4);
  }

  #tellWritten(least: number): void {
    const left = this.#handed - this.#transport.bufferedBytes() - this.#told;
    if (left < least || this.#gone) return;
    this.#told += left;
    this.#outbox.begin(ITEM.written, this.#id).varint(left);
  }

  #pause(pause: boolean): void {
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  #say(kind: ItemKind): void {
    this.#outbox.begin(kind, this.#id);
  }
}

/** A replica that is heard by the owner. */
class FarPeer implements Hears {
  readonly #outbox: Outbox;
  readonly #id: number;
  readonly #socket: Socket;
  #waiting = 0;

  constructor(link: OwnerLink, outbox: Outbox, id: number, socket: Socket, head: Uint8Array) {
    this.#outbox = outbox;
    this.#id = id;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#handOn(chunk));
    socket.on("end", () => void outbox.begin(ITEM.inputEnd, id));
    socket.on("error", () => void socket.destroy());
    socket.on("close", () => {
      outbox.begin(ITEM.closed, id);
      link.forget(id);
    });
    this.#handOn(head);
  }

  onWrite(bytes: Uint8Array): void {
    this.#socket.write(bytes, () => {
      this.#outbox.begin(ITEM.written, this.#id).varint(bytes.length);
    });
  }

  onTaken(bytes: number): void {
    this.#waiting -= bytes;
    if (this.#waiting < PEER_WINDOW_BYTES) this.#socket.resume();
  }

  onEnd(): void {
    this.#socket.end();
  }

  onDestroy(): void {
    this.#socket.destroy();
  }

  #handOn(chunk: Uint8Array): void {
    const writer = this.#outbox.begin(ITEM.data, this.#id);
    writer.u32(chunk.length);
    writer.raw(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting >= PEER_WINDOW_BYTES) this.#socket.pause();
  }
}
