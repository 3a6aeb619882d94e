/**
 * The way to one peer over HTTP: one request at a time, with all frames that gathered while the one before it was
 * under way; an empty one is the call, and later the sign of life.
 *
 * Invariants: at most one request is in flight; a frame is sent in one request only, whatever becomes of that.
 *
 * @module
 */
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { bytesToText, concatBytes } from "../../codec/bytes.ts";
import type { Timer } from "../../ports/clock.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { callFailure } from "../socket_errors.ts";
import type { Batch } from "./frame_queue.ts";
import { shownRefusal } from "./hello.ts";
import { headersOf, isRefusalCode, PEER_PATH } from "./http_hello.ts";
import { LinkState, type PeerLink } from "./link_state.ts";
import type { PeerRegistry } from "./registry.ts";

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
}

/** Sends to one peer over HTTP. */
export class HttpPeerLink implements PeerLink {
  readonly state: LinkState;
  #registry: PeerRegistry;
  #agent: Agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #headers: Readonly<Record<string, string>>;
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
    this.state = new LinkState(registry, to);
    this.state.pending_bytes = () => this.#inFlight_bytes;
    this.#headers = headersOf(registry.helloTo(to));
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
    const { peers, clock, connectTimeout_ms, silence_ms } = this.#registry.settings;
    // A name is looked up anew for every new connection: a replica may come back with another address.
    const { host, port } = peers[this.state.to]!;
    this.#timer?.cancel();
    const body = batch.chunks.length === 1 ? batch.chunks[0]! : concatBytes(batch.chunks);
    const sent = request({
      agent: this.#agent,
      method: "POST",
      host,
      port,
      path: PEER_PATH,
      headers: {
        ...this.#headers,
        "KV-Peer-Sequence": String(++this.#sequence),
        "Content-Type": "application/octet-stream",
        "Content-Length": String(body.length),
      },
    });
    this.#request = sent;
    this.#inFlight_bytes = body.length;
    const end = (why: string | null, isRefusal = false): void => {
      if (this.#request === sent) this.#onEnd({ why, isRefusal });
    };
    sent.on("response", (answer) => readAnswer(answer, (outcome) => end(outcome.why, outcome.isRefusal)));
    sent.on("error", (error: Error & { readonly code?: string }) => end(callFailure(host, error)));
    sent.on("close", () => end("the connection broke"));
    const patience_ms = (this.state.isConnected ? silence_ms : connectTimeout_ms) + body.length / LEAST_BYTES_PER_MS;
    this.#timer = clock.after(patience_ms, () => end(`no answer within ${Math.round(patience_ms)} ms`));
    sent.end(body);
  }

  #onEnd({ why, isRefusal }: Outcome): void {
    const { clock, pingEvery_ms } = this.#registry.settings;
    const sent = this.#request;
    this.#request = null;
    this.#inFlight_bytes = 0;
    this.#timer?.cancel();
    let delay_ms = pingEvery_ms;
    if (why === null) {
      this.state.connected();
    } else {
      sent?.destroy();
      delay_ms = this.state.failed(why, isRefusal);
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
  answer.on("error", (error) => end({ why: error.message, isRefusal: false }));
  answer.on("end", () => end(outcomeOf(answer.statusCode ?? 0, concatBytes(chunks))));
}

function outcomeOf(status: number, body: Uint8Array): Outcome {
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
  if (code === "BAD_FRAME") return { why: shownRefusal(String(detail)), isRefusal: false };
  return {
    why: `what answers there is no replica over HTTP: it answered with status ${status}`,
    isRefusal: status < 500,
  };
}
