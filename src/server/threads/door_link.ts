/**
 * A thread that holds sockets, as the owner of the state sees it: its clients are connections like any others, whose
 * wire is the channel to the thread, and whose requests come already cut.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import type { PeerSocket } from "../../adapters/peers/peer_socket.ts";
import type { CallerCertificate } from "../../adapters/tls/caller_certificate.ts";
import type { ByteReader } from "../../codec/byte_reader.ts";
import { bytesToText, EMPTY } from "../../codec/bytes.ts";
import type { RespConnection } from "../resp/connection.ts";
import type { ServerContext } from "../resp/server_context.ts";
import type { RespTransport } from "../resp/transport.ts";
import { ITEM, type Item, Outbox, type Post, readBatch } from "./batch.ts";
import { readCertificate } from "./encoded_certificate.ts";
import { EncodedRequests } from "./encoded_requests.ts";
import { FIRST_HTTP_ITEM } from "./http_items.ts";
import { HttpNear, type HttpNearOptions } from "./http_near.ts";
import { addDifferences } from "./stats_differences.ts";

/** The thread hears of this many bytes of requests at once that were begun to be executed. */
const TAKEN_BYTES = 16 * 1024;

/** How a link to a thread is made. */
export interface DoorLinkOptions {
  readonly context: ServerContext;
  /** Sends a batch to the thread. */
  readonly post: Post;
  /** Takes over the connections of other replicas. @default none come */
  readonly acceptPeer?: (socket: PeerSocket, head: Uint8Array, certificate?: CallerCertificate) => void;
}

/** The way to a thread. */
export class DoorLink {
  readonly #context: ServerContext;
  readonly #acceptPeer: DoorLinkOptions["acceptPeer"];
  readonly #outbox: Outbox;
  readonly #clients: Map<number, NearClient> = new Map();
  readonly #peers: Map<number, NearPeer> = new Map();
  #http: HttpNear | null = null;

  constructor({ context, post, acceptPeer }: DoorLinkOptions) {
    this.#context = context;
    this.#acceptPeer = acceptPeer;
    // What becomes ready in one step of the event loop leaves together, and waits for nothing else.
    this.#outbox = new Outbox(post, queueMicrotask);
  }

  /** Answers what comes over HTTP. */
  openHttp(options: HttpNearOptions): void {
    this.#http = new HttpNear(options, (kind, request) => this.#outbox.begin(kind, request));
  }

  /** Does what the thread says. */
  receive(batch: Uint8Array): void {
    readBatch(batch, (item) => this.#take(item));
  }

  /** The thread is gone, and all of its sockets with it. */
  lose(): void {
    for (const { connection } of this.#clients.values()) connection.onClosed();
    for (const peer of this.#peers.values()) peer.onClosed();
    this.#http?.lose();
    this.#clients.clear();
    this.#peers.clear();
  }

  #take(item: Item): void {
    const { kind, connection: id, reader } = item;
    if (kind >= FIRST_HTTP_ITEM && this.#http !== null) {
      this.#http.take(item);
      return;
    }
    switch (kind) {
      case ITEM.stats:
        this.#count(reader);
        return;
      case ITEM.open:
        this.#clients.set(id, new NearClient(this.#context, this.#outbox, id, reader));
        return;
      case ITEM.peer:
        this.#peers.set(id, new NearPeer(this.#outbox, id, bytesToText(reader.blob()), readCertificate(reader)));
        return;
      default:
        break;
    }
    const client = this.#clients.get(id);
    if (client !== undefined) client.take(kind, reader);
    else this.#takeOfPeer(this.#peers.get(id), kind, reader);
    if (kind !== ITEM.closed) return;
    this.#clients.delete(id);
    this.#peers.delete(id);
  }

  #count(reader: ByteReader): void {
    const { stats, meters } = this.#context;
    const before = stats.bytesIn;
    addDifferences(stats, reader);
    meters.tcp.door.receivedBytes += stats.bytesIn - before;
  }

  #takeOfPeer(peer: NearPeer | undefined, kind: number, reader: ByteReader): void {
    if (peer === undefined) throw new Error(`an item of kind ${kind} about a connection that is not there`);
    if (kind !== ITEM.data) {
      peer.take(kind, reader);
      return;
    }
    const bytes = reader.raw(reader.u32());
    if (peer.isNew) {
      peer.isNew = false;
      peer.tellTaken(bytes.length);
      this.#acceptPeer?.(peer, bytes, peer.certificate);
    } else {
      peer.onData(bytes);
    }
  }
}

/** A client of a thread. */
class NearClient {
  readonly connection: RespConnection;
  readonly #wire: NearWire;

  constructor(context: ServerContext, outbox: Outbox, id: number, reader: ByteReader) {
    const requests = new EncodedRequests((bytes) => this.#wire.onTaken(bytes));
    this.#wire = new NearWire(outbox, id, requests, bytesToText(reader.blob()), bytesToText(reader.blob()));
    this.connection = context.admit(this.#wire, requests);
    this.#wire.knownLimited = requests.limited;
  }

  take(kind: number, reader: ByteReader): void {
    const { connection } = this;
    switch (kind) {
      case ITEM.requests: {
        const bytes = reader.raw(reader.u32());
        this.#guarded(() => connection.receive(bytes));
        return;
      }
      case ITEM.written:
        this.#wire.unsent_bytes -= reader.varint();
        this.#guarded(() => connection.onDrain());
        return;
      case ITEM.inputEnd:
        this.#guarded(() => connection.onInputEnd());
        return;
      case ITEM.idle:
        connection.onIdle();
        return;
      case ITEM.finish:
        connection.finish();
        return;
      case ITEM.closed:
        connection.onClosed();
        return;
      default:
        throw new Error(`an item of kind ${kind} about a client`);
    }
  }

  /** A fault of this program on one connection costs that connection, not the server. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.connection.drop(`met an internal error (${error instanceof Error ? error.stack : String(error)})`);
    }
  }
}

/** The channel to a client of a thread, as the connection's wire. */
class NearWire implements RespTransport {
  readonly kind = "tcp";
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** What was written and is not known to have left. */
  unsent_bytes = 0;
  readonly #outbox: Outbox;
  readonly #id: number;
  readonly #requests: EncodedRequests;
  /** What was taken and the thread does not know of. */
  #taken_bytes = 0;
  /** Whether the thread knows the client as one that is {@link EncodedRequests.limited}. */
  knownLimited = false;

  constructor(outbox: Outbox, id: number, requests: EncodedRequests, remoteAddress: string, localAddress: string) {
    this.#outbox = outbox;
    this.#id = id;
    this.#requests = requests;
    this.remoteAddress = remoteAddress;
    this.localAddress = localAddress;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const writer = this.#outbox.begin(ITEM.write, this.#id);
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    writer.u32(length);
    for (const chunk of chunks) writer.raw(chunk);
    this.unsent_bytes += length;
    if (this.#taken_bytes > 0 && (this.#requests.limited || this.knownLimited)) this.#tellTaken();
    return true;
  }

  bufferedBytes(): number {
    return this.unsent_bytes;
  }

  /** Requests that are not taken stop the thread from sending more, so there is nothing to stop. */
  pause(): void {}

  resume(): void {}

  end(): void {
    this.#outbox.begin(ITEM.end, this.#id);
  }

  destroy(): void {
    this.#outbox.begin(ITEM.destroy, this.#id);
  }

  /**
   * Requests were taken. A thread whose client is limited waits for it after each; it hears of it with the answer, because
   * a login may take its time, and decides how the next request is read.
   */
  onTaken(bytes: number): void {
    this.#taken_bytes += bytes;
    if (this.#requests.limited) return;
    if (this.#taken_bytes >= TAKEN_BYTES || this.knownLimited) this.#tellTaken();
  }

  #tellTaken(): void {
    const { limited } = this.#requests;
    this.knownLimited = limited;
    const writer = this.#outbox.begin(ITEM.taken, this.#id);
    writer.varint(this.#taken_bytes);
    writer.u8(limited ? 1 : 0);
    this.#taken_bytes = 0;
  }
}

/** A replica whose socket a thread holds. */
class NearPeer extends EventEmitter implements PeerSocket {
  readonly remoteAddress: string;
  readonly certificate: CallerCertificate | undefined;
  writableLength = 0;
  /** Whether nothing was read from it. */
  isNew = true;
  readonly #outbox: Outbox;
  readonly #id: number;
  #isClosed = false;

  constructor(outbox: Outbox, id: number, remoteAddress: string, certificate: CallerCertificate | undefined) {
    super();
    this.#outbox = outbox;
    this.#id = id;
    this.remoteAddress = remoteAddress;
    this.certificate = certificate;
  }

  take(kind: number, reader: ByteReader): void {
    if (kind === ITEM.written) this.writableLength -= reader.varint();
    else if (kind === ITEM.inputEnd) this.emit("end");
    else if (kind === ITEM.closed) this.onClosed();
    else throw new Error(`an item of kind ${kind} about a replica`);
  }

  onData(bytes: Uint8Array): void {
    this.tellTaken(bytes.length);
    this.emit("data", bytes);
  }

  tellTaken(bytes: number): void {
    const writer = this.#outbox.begin(ITEM.taken, this.#id);
    writer.varint(bytes);
    writer.u8(0);
  }

  onClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.emit("close");
  }

  /** The thread does so with every socket. */
  setNoDelay(): void {}

  /** Replicas ask each other for signs of life, which finds out more than the system would. */
  setKeepAlive(): void {}

  write(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const writer = this.#outbox.begin(ITEM.write, this.#id);
    writer.u32(bytes.length);
    writer.raw(bytes);
    this.writableLength += bytes.length;
  }

  end(bytes: Uint8Array = EMPTY): void {
    if (this.#isClosed) return;
    if (bytes.length > 0) this.write(bytes);
    this.#outbox.begin(ITEM.end, this.#id);
  }

  destroy(): void {
    if (!this.#isClosed) this.#outbox.begin(ITEM.destroy, this.#id);
  }
}
