/**
 * The way to one peer over HTTP: one request at a time, with all frames that gathered while the one before it was
 * under way; an empty one is the call, and later the sign of life.
 *
 * Invariants: at most one request is in flight; a frame is sent in one request only, whatever becomes of that.
 *
 * @module
 */
import { Agent, type ClientRequest, type IncomingMessage, request, type RequestOptions } from "node:http";
import { bytesToText, concatBytes } from "../../codec/bytes.ts";
import type { Timer } from "../../ports/clock.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { callFailure } from "../socket_errors.ts";
import type { Batch } from "./frame_queue.ts";
import { type Hello, shownRefusal } from "./hello.ts";
import {
  CHALLENGE_CODE,
  CHALLENGE_HEADER,
  DIGEST_HEADER,
  headersOf,
  isRefusalCode,
  MAC_HEADER,
  PEER_PATH,
} from "./http_hello.ts";
import { bytesOf } from "./http_sessions.ts";
import { LinkState, type PeerLink } from "./link_state.ts";
import { digestOf, isMac, macOf, proofOf } from "./proof.ts";
import { type PeerRegistry, SAME } from "./registry.ts";

/** A request carries this much, and the rest of the frame that goes beyond. */
const REQUEST_BYTES = 4 * 1024 * 1024;
/** A link that takes less than this in a second is given up. */
const LEAST_BYTES_PER_MS = 100;
/** The longest answer that is read. */
const MAX_ANSWER_BYTES = 64 * 1024;
const NOTHING: Batch = { chunks: [], bytes: 0, frames: 0 };

/** How a request ended. */
interface Outcome {
  /** Null for success; otherwise what went wrong, in words. */
  readonly why: string | null;
  readonly isRefusal: boolean;
  /** The nonce of a peer that asks for a proof. */
  readonly challenge: string | null;
}

/** Sends to one peer over HTTP. */
export class HttpPeerLink implements PeerLink {
  readonly state: LinkState;
  #registry: PeerRegistry;
  #agent: Agent;
  #hello: Hello;
  /** The nonce that the peer gave, and the key that follows from it; null before. */
  #session: { readonly challenge: string; readonly key: Uint8Array } | null = null;
  /** The request in flight, and how many bytes it carries. */
  #request: ClientRequest | null = null;
  #inFlight_bytes = 0;
  /** Requests are numbered, so that one which something on the way repeats is not heard twice. */
  #sequence = 0;
  /** The next call or sign of life while no request is in flight; otherwise the end of patience with it. */
  #timer: Timer | null = null;
  #isClosed = false;

  /** Calls nobody before {@link start}. */
  constructor(registry: PeerRegistry, to: ReplicaId) {
    this.#registry = registry;
    this.#agent = registry.settings.tls?.agent() ?? new Agent({ keepAlive: true, maxSockets: 1 });
    this.state = new LinkState(registry, to);
    this.state.pending_bytes = () => this.#inFlight_bytes;
    this.#hello = registry.helloTo(to);
  }

  start(): void {
    this.#send(NOTHING);
  }

  hurry(): void {
    if (this.#request !== null || this.#timer === null || this.#isClosed) return;
    // One that has refused this replica does so still.
    if (this.state.isConnected || this.state.refusal !== null) return;
    this.#send(NOTHING);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#request?.destroy();
    this.#request = null;
    this.#inFlight_bytes = 0;
    this.#agent.destroy();
    this.state.close();
  }

  flush(): void {
    if (this.#request !== null || !this.state.isConnected || this.state.queue.bytes === 0) return;
    const batch = this.state.queue.take(REQUEST_BYTES, true);
    this.state.left(batch);
    this.#send(batch);
  }

  #send(batch: Batch): void {
    const { peers, clock, connectTimeout_ms, silence_ms, tls } = this.#registry.settings;
    // A name is looked up anew for every new connection: a replica may come back with another address.
    const { host, port } = peers[this.state.to]!;
    this.#timer?.cancel();
    const body = batch.chunks.length === 1 ? batch.chunks[0]! : concatBytes(batch.chunks);
    const sequence = ++this.#sequence;
    const options: RequestOptions = {
      agent: this.#agent,
      method: "POST",
      host,
      port,
      path: PEER_PATH,
      headers: {
        ...headersOf(this.#hello),
        "KV-Peer-Sequence": String(sequence),
        ...this.#proof(sequence, body),
        "Content-Type": "application/octet-stream",
        "Content-Length": String(body.length),
      },
    };
    const sent = tls?.request(options) ?? request(options);
    this.#request = sent;
    this.#inFlight_bytes = body.length;
    const end = (why: string | null, isRefusal = false, challenge: string | null = null): void => {
      if (this.#request === sent) this.#onEnd({ why, isRefusal, challenge });
    };
    sent.on("response", (answer) => {
      const mac = answer.headers[MAC_HEADER.toLowerCase()];
      readAnswer(answer, (outcome) => {
        const { why, isRefusal, challenge } = outcome;
        const trouble = why === null ? this.#troubleWith(sequence, typeof mac === "string" ? mac : "") : null;
        if (trouble === null) end(why, isRefusal, challenge);
        else end(trouble, true);
      });
    });
    sent.on("error", (error: Error & { readonly code?: string }) => end(callFailure(host, error)));
    sent.on("close", () => end("the connection broke"));
    const patience_ms = (this.state.isConnected ? silence_ms : connectTimeout_ms) + body.length / LEAST_BYTES_PER_MS;
    this.#timer = clock.after(patience_ms, () => end(`no answer within ${Math.round(patience_ms)} ms`));
    sent.end(body);
  }

  /** What goes with a request to a peer that asked for a proof. */
  #proof(sequence: number, body: Uint8Array): Record<string, string> {
    if (this.#session === null) return {};
    const { challenge, key } = this.#session;
    const digest = digestOf(body);
    return {
      [CHALLENGE_HEADER]: challenge,
      [DIGEST_HEADER]: digest,
      [MAC_HEADER]: macOf(key, "request", sequence, digest),
    };
  }

  /** Why an answer is none of a replica that knows the secret; null when it is. */
  #troubleWith(sequence: number, mac: string): string | null {
    if (this.#registry.settings.secret === null) return null;
    const name = this.#registry.nameOf(this.state.to);
    if (this.#session === null) return `${name} asks for no cluster secret, and this replica has one; ${SAME}`;
    if (isMac(mac, macOf(this.#session.key, "answer", sequence, "204"))) return null;
    return `${name} did not prove that it knows the cluster secret; ${SAME}`;
  }

  /** The peer asks for a proof: true when one is on its way, otherwise the call has failed. */
  #takeUp(challenge: string): boolean {
    const { secret } = this.#registry.settings;
    const isFirst = this.#session === null;
    this.#session = null;
    if (secret === null) return false;
    // Of the peer's life before, or of a nonce that it has forgotten: a new call begins without one.
    if (!isFirst || this.state.isConnected) return false;
    this.#session = { challenge, key: proofOf(secret, "session", this.#hello, bytesOf(challenge)) };
    this.#send(NOTHING);
    return true;
  }

  #onEnd({ why, isRefusal, challenge }: Outcome): void {
    const { clock, pingEvery_ms } = this.#registry.settings;
    const sent = this.#request;
    this.#request = null;
    this.#inFlight_bytes = 0;
    this.#timer?.cancel();
    let delay_ms = pingEvery_ms;
    if (why === null) {
      this.state.connected();
    } else {
      if (challenge !== null && this.#takeUp(challenge)) return;
      sent?.destroy();
      this.#session = null;
      const asked = `${this.#registry.nameOf(this.state.to)} asks for a cluster secret; ${SAME}`;
      const isAsked = challenge !== null && this.#registry.settings.secret === null;
      delay_ms = this.state.failed(isAsked ? asked : why, isAsked || isRefusal);
    }
    // The owner may have closed the transport when it heard of this.
    if (this.#isClosed) return;
    this.#timer = clock.after(delay_ms, () => this.#send(NOTHING));
    this.flush();
  }
}

/** Reads an answer to its end, so that the connection can be used again, and says what it stands for. */
function readAnswer(answer: IncomingMessage, end: (outcome: Outcome) => void): void {
  const chunks: Uint8Array[] = [];
  let length = 0;
  answer.on("data", (chunk: Uint8Array) => {
    length += chunk.length;
    if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
    else answer.destroy();
  });
  const given = answer.headers[CHALLENGE_HEADER.toLowerCase()];
  const challenge = typeof given === "string" && /^[0-9a-f]{64}$/.test(given) ? given : null;
  answer.on("error", (error) => end({ why: error.message, isRefusal: false, challenge: null }));
  answer.on("end", () => end({ ...outcomeOf(answer.statusCode ?? 0, concatBytes(chunks)), challenge }));
}

function outcomeOf(status: number, body: Uint8Array): Omit<Outcome, "challenge"> {
  if (status === 204) return { why: null, isRefusal: false };
  let problem: { readonly code?: unknown; readonly detail?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(bytesToText(body));
    if (typeof parsed === "object" && parsed !== null) problem = parsed;
  } catch (error) {
    // Whatever it is, it is no problem of ours: said below.
    if (!(error instanceof SyntaxError)) throw error;
  }
  const { code, detail } = problem;
  if (typeof code === "string" && isRefusalCode(code)) {
    return { why: shownRefusal(String(detail)), isRefusal: code !== "NOT_READY" };
  }
  if (code === CHALLENGE_CODE) return { why: "the peer asks for a proof again", isRefusal: false };
  if (code === "BAD_FRAME") return { why: shownRefusal(String(detail)), isRefusal: false };
  return {
    why: `what answers there is no replica over HTTP: it answered with status ${status}`,
    isRefusal: status < 500,
  };
}
