/**
 * Where the connections of peers come in: who calls is judged before anything else is taken from it.
 *
 * Invariants: no socket without a handler of errors; a connection that is not understood, or falls silent, is closed;
 * strangers cost a bounded number of sockets, for a bounded time.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { concatBytes, EMPTY } from "../../codec/bytes.ts";
import type { Timer } from "../../ports/clock.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import {
  encodeFrame,
  FrameReader,
  isPeerMagic,
  PEER_MAGIC,
  PEER_PROTOCOL_VERSION,
  PeerFrameError,
  TYPE_CHALLENGE,
  TYPE_HELLO,
  TYPE_MESSAGE,
  TYPE_PING,
  TYPE_PONG,
  TYPE_PROOF,
  TYPE_REFUSAL,
  TYPE_WELCOME,
} from "./frame.ts";
import { decodeHello, encodeRefusal, type Hello, MAX_HANDSHAKE_BYTES, type Refusal } from "./hello.ts";
import type { CallerCertificate } from "../tls/caller_certificate.ts";
import type { PeerSocket } from "./peer_socket.ts";
import { isProof, PROOF_BYTES, proofOf } from "./proof.ts";
import type { PeerRegistry } from "./registry.ts";

/** How many callers may be on their way to being heard. */
const MAX_PENDING = 1000;
/** How long a refused caller may take to read why. */
const LINGER_MS = 1000;
/** A peer that asks for signs of life and does not read them holds this much at most. */
const MAX_UNREAD_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 10_000;
const PONG: Uint8Array = encodeFrame(TYPE_PONG);

/** Takes the connections of peers. */
export class TcpDoor {
  readonly #registry: PeerRegistry;
  readonly #open = new Set<Caller>();
  #isClosed = false;

  /** Takes nothing until {@link accept} is called. */
  constructor(registry: PeerRegistry) {
    this.#registry = registry;
  }

  /** Takes a socket over, the bytes that were read from it, and under TLS the certificate of who is at its other end. */
  accept(socket: PeerSocket, head: Uint8Array, certificate?: CallerCertificate): void {
    if (this.#isClosed || this.#pending() >= MAX_PENDING) {
      socket.on("error", () => socket.destroy());
      socket.destroy();
      return;
    }
    const caller = new Caller(this.#registry, socket, certificate, () => this.#open.delete(caller));
    this.#open.add(caller);
    caller.begin(head);
  }

  #pending(): number {
    // Those that are heard are at most as many as there are peers.
    return this.#open.size - this.#registry.settings.peers.length;
  }

  /** Closes every connection, and takes no more. */
  close(): void {
    this.#isClosed = true;
    for (const caller of this.#open) caller.end();
  }
}

/** Who is heard on a connection. */
interface Heard {
  readonly from: ReplicaId;
  readonly presence: object;
}

/** Who was asked for a proof, and by which nonce. */
interface Asked {
  readonly hello: Hello;
  readonly challenge: Uint8Array;
}

/** One connection of a peer, or of somebody who says so. */
class Caller {
  readonly #registry: PeerRegistry;
  readonly #socket: PeerSocket;
  readonly #certificate: CallerCertificate | undefined;
  readonly #reader: FrameReader;
  readonly #address: string;
  #onEnd: () => void;
  /** The first bytes, until there are enough to tell. */
  #head: Uint8Array | null = EMPTY;
  #heard: Heard | null = null;
  #asked: Asked | null = null;
  #timer: Timer;
  #isDone = false;
  #lastBytes_ms = 0;

  constructor(
    registry: PeerRegistry,
    socket: PeerSocket,
    certificate: CallerCertificate | undefined,
    onEnd: () => void,
  ) {
    this.#registry = registry;
    this.#socket = socket;
    this.#certificate = certificate;
    this.#onEnd = onEnd;
    this.#address = socket.remoteAddress ?? "a peer";
    this.#reader = new FrameReader(MAX_HANDSHAKE_BYTES, (type, body, version) => this.#onFrame(type, body, version));
    const { clock, connectTimeout_ms } = registry.settings;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (chunk: Uint8Array) => this.receive(chunk));
    socket.on("error", () => this.end());
    socket.on("end", () => this.end());
    socket.on("close", () => this.end());
    this.#timer = clock.after(connectTimeout_ms, () => this.#fail(`no hello within ${connectTimeout_ms} ms`));
  }

  /** Takes what came first, of who may say anything. */
  begin(head: Uint8Array): void {
    const refusal = this.#registry.judgeCertificate(this.#certificate, null);
    if (refusal === null) this.receive(head);
    else this.#refuse(refusal);
  }

  /** Takes what came next. */
  receive(chunk: Uint8Array): void {
    if (this.#isDone) return;
    if (this.#heard !== null) {
      this.#lastBytes_ms = this.#registry.settings.clock.monotonic();
      this.#registry.heard(this.#heard.presence);
    }
    try {
      const bytes = this.#head === null ? chunk : this.#pastMagic(this.#head, chunk);
      if (bytes.length > 0) this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof PeerFrameError) && !(error instanceof CodecError)) throw error;
      this.#fail(error.message);
    }
  }

  #pastMagic(head: Uint8Array, chunk: Uint8Array): Uint8Array {
    const bytes = head.length === 0 ? chunk : concatBytes([head, chunk]);
    if (bytes.length < PEER_MAGIC.length) {
      this.#head = bytes.slice();
      return EMPTY;
    }
    if (!isPeerMagic(bytes)) throw new PeerFrameError("bytes that no replica begins with");
    this.#head = null;
    return bytes.subarray(PEER_MAGIC.length);
  }

  #onFrame(type: number, body: Uint8Array, version: number): void {
    if (this.#asked !== null) {
      if (type !== TYPE_PROOF) throw new PeerFrameError(`a frame of type ${type} before the proof`);
      this.#onProof(body, this.#asked);
      return;
    }
    if (this.#heard === null) {
      if (type !== TYPE_HELLO) throw new PeerFrameError(`a frame of type ${type} before the hello`);
      this.#onHello(body, version);
      return;
    }
    if (type === TYPE_MESSAGE) {
      this.#registry.deliver(this.#heard.from, body);
    } else if (type === TYPE_PING) {
      if (this.#socket.writableLength > MAX_UNREAD_BYTES) throw new PeerFrameError("pings, and does not read");
      this.#socket.write(PONG);
    } else {
      throw new PeerFrameError(`a frame of type ${type} out of turn`);
    }
  }

  #onHello(body: Uint8Array, version: number): void {
    const registry = this.#registry;
    if (version !== PEER_PROTOCOL_VERSION) {
      this.#refuse(registry.otherVersion(version));
      return;
    }
    const hello = decodeHello(body);
    const refusal = registry.judgeCertificate(this.#certificate, hello.from);
    if (refusal !== null) {
      this.#refuse(refusal);
      return;
    }
    if (registry.settings.secret === null) {
      this.#admit(hello, EMPTY);
      return;
    }
    const challenge = registry.settings.random.bytes(PROOF_BYTES);
    this.#asked = { hello, challenge };
    this.#socket.write(encodeFrame(TYPE_CHALLENGE, challenge));
  }

  #onProof(proof: Uint8Array, { hello, challenge }: Asked): void {
    const { secret } = this.#registry.settings;
    // One attempt: the next one has another nonce to answer.
    this.#asked = null;
    if (secret === null || !isProof(proof, proofOf(secret, "caller", hello, challenge))) {
      this.#refuse(this.#registry.otherSecret());
      return;
    }
    this.#admit(hello, proofOf(secret, "called", hello, challenge));
  }

  /** Hears the caller unless something speaks against it. `proof` is what shows it that this replica knows the secret. */
  #admit(hello: Hello, proof: Uint8Array): void {
    const registry = this.#registry;
    const refusal = registry.judge(hello);
    if (refusal !== null) {
      this.#refuse(refusal);
      return;
    }
    this.#timer.cancel();
    this.#reader.maxBody_bytes = registry.settings.maxFrame_bytes;
    this.#socket.write(encodeFrame(TYPE_WELCOME, proof));
    const presence = registry.admit(hello, () => this.end());
    this.#heard = { from: hello.from, presence };
    this.#lastBytes_ms = registry.settings.clock.monotonic();
    this.#watch();
  }

  /** A peer asks for signs of life all the time: one that does not is gone. */
  #watch(): void {
    const { clock, silence_ms } = this.#registry.settings;
    this.#timer = clock.after(silence_ms, () => {
      if (clock.monotonic() - this.#lastBytes_ms > 2 * silence_ms) this.end();
      else this.#watch();
    });
  }

  #refuse(refusal: Refusal): void {
    // Nothing strange about a peer that calls while this replica starts.
    const level = refusal.code === "NOT_READY" ? "debug" : "warning";
    this.#registry.sayOnce(level, `refused a call from ${this.#address}: ${refusal.message}`);
    const socket = this.#socket;
    this.#leave();
    const timer = this.#registry.settings.clock.after(LINGER_MS, () => socket.destroy());
    socket.on("close", () => timer.cancel());
    // Not destroyed at once: that may take the answer away from a caller that has not read it.
    socket.end(encodeFrame(TYPE_REFUSAL, encodeRefusal(refusal)));
  }

  #fail(why: string): void {
    if (this.#isDone) return;
    const who = this.#heard === null ? this.#address : this.#registry.nameOf(this.#heard.from);
    const text = `closed a connection between replicas from ${who}: ${why}`;
    this.#registry.sayOnce("warning", text, `closed ${who}`);
    this.end();
  }

  /** Closes the connection. */
  end(): void {
    this.#leave();
    this.#socket.destroy();
  }

  #leave(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#reader.stop();
    this.#timer.cancel();
    this.#onEnd();
    if (this.#heard !== null) this.#registry.leave(this.#heard.from, this.#heard.presence);
  }
}
