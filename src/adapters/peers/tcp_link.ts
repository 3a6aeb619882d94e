/**
 * The way to one peer over TCP: a connection of our own, on which nothing but frames to it travels; its answers are
 * the welcome and signs of life.
 *
 * Invariants: nothing is handed to the socket while it has not taken what it was handed before; a connection whose
 * peer neither answers nor takes anything is given up, however long the system would wait.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { concatBytes } from "../../codec/bytes.ts";
import { CodecError } from "../../codec/byte_reader.ts";
import type { Timer } from "../../ports/clock.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { callFailure } from "../socket_errors.ts";
import {
  encodeFrame,
  FrameReader,
  PEER_MAGIC,
  PeerFrameError,
  TYPE_CHALLENGE,
  TYPE_HELLO,
  TYPE_PING,
  TYPE_PONG,
  TYPE_PROOF,
  TYPE_REFUSAL,
  TYPE_WELCOME,
} from "./frame.ts";
import { decodeRefusal, encodeHello, type Hello, MAX_HANDSHAKE_BYTES } from "./hello.ts";
import { LinkState, type PeerLink } from "./link_state.ts";
import { isProof, proofOf } from "./proof.ts";
import { type PeerRegistry, SAME } from "./registry.ts";

/** A socket is handed this much at once: a slow one shows often enough that it moves. */
const WRITE_BYTES = 256 * 1024;
const CORKED_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 10_000;
const PING: Uint8Array = encodeFrame(TYPE_PING);

/** Sends to one peer over TCP. */
export class TcpPeerLink implements PeerLink {
  readonly state: LinkState;
  #registry: PeerRegistry;
  /** The present connection, or the one that is being made. */
  #socket: Socket | null = null;
  /** The socket has not taken what it was handed. */
  #isBlocked = false;
  /** When the peer last answered, or took something. */
  #sign_ms = 0;
  /** The next call while there is no socket; otherwise the end of patience with it. */
  #timer: Timer | null = null;
  #isClosed = false;
  /** What this replica said in the present call, and the nonce that answered it. */
  #hello: Hello | null = null;
  #challenge: Uint8Array | null = null;

  /** Calls nobody before {@link start}. */
  constructor(registry: PeerRegistry, to: ReplicaId) {
    this.#registry = registry;
    this.state = new LinkState(registry, to);
    this.state.pending_bytes = () => this.#socket?.writableLength ?? 0;
  }

  start(): void {
    this.#call();
  }

  hurry(): void {
    // One that has refused this replica does so still.
    if (this.#socket !== null || this.#isClosed || this.#timer === null || this.state.refusal !== null) return;
    this.#timer.cancel();
    this.#call();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#socket?.destroy();
    this.#socket = null;
    this.state.close();
  }

  flush(): void {
    const socket = this.#socket;
    if (socket === null || this.#isBlocked || !this.state.isConnected) return;
    const { queue } = this.state;
    while (queue.bytes > 0 && !this.#isBlocked) {
      const batch = queue.take(WRITE_BYTES, false);
      this.state.left(batch);
      // Gathered in one write, pieces are copied: worth it only where they are small.
      const isSmall = batch.bytes < CORKED_BYTES;
      if (isSmall) socket.cork();
      // Every write but the last may say "enough": the sum of what waits decides.
      for (const chunk of batch.chunks) this.#isBlocked = !socket.write(chunk);
      if (isSmall) socket.uncork();
    }
  }

  #call(): void {
    const { peers, connectTimeout_ms, clock, tls } = this.#registry.settings;
    // A name is looked up anew at every call: a replica may come back with another address.
    const { host, port } = peers[this.state.to]!;
    const socket = tls?.call({ host, port }) ??
      connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    this.#socket = socket;
    this.#isBlocked = false;
    const reader = new FrameReader(MAX_HANDSHAKE_BYTES, (type, body) => this.#onFrame(socket, type, body));
    // A socket that was given up may still have something to say.
    const present = (run: () => void) => (): void => {
      if (this.#socket === socket) run();
    };
    socket.on(tls === null ? "connect" : "secureConnect", present(() => this.#greet(socket)));
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#socket === socket) this.#receive(reader, chunk);
    });
    socket.on("drain", present(() => this.#onDrain()));
    socket.on("error", (error: Error & { readonly code?: string }) => {
      if (this.#socket === socket) this.#fail(callFailure(host, error), false);
    });
    socket.on("end", present(() => this.#fail(this.#closedEarly(), false)));
    socket.on("close", present(() => this.#fail(this.#closedEarly(), false)));
    this.#timer = clock.after(
      connectTimeout_ms,
      present(() => this.#fail(`no answer within ${connectTimeout_ms} ms`, false)),
    );
  }

  #closedEarly(): string {
    return this.state.isConnected ? "the peer closed it" : "it closed the connection without an answer";
  }

  #greet(socket: Socket): void {
    this.#hello = this.#registry.helloTo(this.state.to);
    this.#challenge = null;
    socket.write(concatBytes([PEER_MAGIC, encodeFrame(TYPE_HELLO, encodeHello(this.#hello))]));
  }

  #receive(reader: FrameReader, chunk: Uint8Array): void {
    this.#sign_ms = this.#registry.settings.clock.monotonic();
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof PeerFrameError) && !(error instanceof CodecError)) throw error;
      if (this.state.isConnected) this.#fail(`it sent ${error.message}`, false);
      else this.#fail("what answers there is no replica: is it a kvserver with --peers?", true);
    }
  }

  #onFrame(socket: Socket, type: number, body: Uint8Array): void {
    // The rest of a chunk, after the end of the connection.
    if (this.#socket !== socket) return;
    const { isConnected } = this.state;
    if (type === TYPE_PONG && isConnected) return;
    if (type === TYPE_CHALLENGE && !isConnected && this.#challenge === null) {
      this.#prove(socket, body.slice());
      return;
    }
    if (type === TYPE_WELCOME && !isConnected) {
      const trouble = this.#troubleWith(body);
      if (trouble !== null) {
        this.#fail(trouble, true);
        return;
      }
      this.#timer?.cancel();
      this.state.connected();
      this.#watch();
      return;
    }
    if (type === TYPE_REFUSAL && !isConnected) {
      const { code, message } = decodeRefusal(body);
      this.#fail(message, code !== "NOT_READY");
      return;
    }
    throw new PeerFrameError(`a frame of type ${type} out of turn`);
  }

  #prove(socket: Socket, challenge: Uint8Array): void {
    const { secret } = this.#registry.settings;
    if (secret === null || this.#hello === null) {
      this.#fail(`${this.#registry.nameOf(this.state.to)} asks for a cluster secret; ${SAME}`, true);
      return;
    }
    this.#challenge = challenge;
    socket.write(encodeFrame(TYPE_PROOF, proofOf(secret, "caller", this.#hello, challenge)));
  }

  /** Why a welcome is none of a replica that knows the secret; null when it is. */
  #troubleWith(welcome: Uint8Array): string | null {
    const { secret } = this.#registry.settings;
    if (secret === null || this.#hello === null) return null;
    const name = this.#registry.nameOf(this.state.to);
    if (this.#challenge === null) return `${name} asks for no cluster secret, and this replica has one; ${SAME}`;
    if (isProof(welcome, proofOf(secret, "called", this.#hello, this.#challenge))) return null;
    return `${name} did not prove that it knows the cluster secret; ${SAME}`;
  }

  #onDrain(): void {
    this.#sign_ms = this.#registry.settings.clock.monotonic();
    this.#isBlocked = false;
    this.flush();
  }

  /** Asks for signs of life, and gives the connection up when there are none. */
  #watch(): void {
    const { clock, pingEvery_ms, silence_ms } = this.#registry.settings;
    const socket = this.#socket;
    if (socket === null) return;
    if (!this.#isBlocked) this.#isBlocked = !socket.write(PING);
    const asked_ms = clock.monotonic();
    this.#timer = clock.after(pingEvery_ms, () => {
      if (this.#socket !== socket) return;
      const now_ms = clock.monotonic();
      // This process stood still, not the peer, whose answers lie unread.
      if (now_ms - asked_ms > pingEvery_ms + silence_ms / 2) this.#sign_ms = now_ms;
      if (now_ms - this.#sign_ms > silence_ms) this.#fail(`no sign of life for ${silence_ms} ms`, false);
      else this.#watch();
    });
  }

  #fail(why: string, isRefusal: boolean): void {
    const socket = this.#socket;
    if (socket === null || this.#isClosed) return;
    this.#socket = null;
    socket.destroy();
    this.#timer?.cancel();
    const delay_ms = this.state.failed(why, isRefusal);
    // The owner may have closed the transport when it heard of this.
    if (this.#isClosed) return;
    this.#timer = this.#registry.settings.clock.after(delay_ms, () => this.#call());
  }
}
