/**
 * Where the requests of peers come in: who calls is judged before the body is read.
 *
 * Invariants: a request is heard once, also when something on the way repeats it; frames before a damaged one are
 * delivered, none after it.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { addressText } from "../socket_errors.ts";
import type { CallerCertificate } from "../tls/caller_certificate.ts";
import { FrameReader, PeerFrameError, TYPE_MESSAGE } from "./frame.ts";
import type { Hello, Refusal, RefusalCode } from "./hello.ts";
import { CHALLENGE_CODE, CHALLENGE_HEADER, helloOf, MAC_HEADER, PEER_PATH, REFUSAL_STATUS } from "./http_hello.ts";
import { HttpSessions } from "./http_sessions.ts";
import { digestOf } from "./proof.ts";
import type { PeerRegistry } from "./registry.ts";

/** The process that is heard as a peer. */
interface Caller {
  readonly nonce: string;
  readonly presence: object;
  /** The number of its latest request. */
  sequence: number;
}

const TITLE = "The replica is not heard";
const nothingToEnd = (): void => {};

/** Takes the requests of peers. */
export class HttpDoor {
  readonly #registry: PeerRegistry;
  readonly #sessions: HttpSessions;
  readonly #callers = new Map<ReplicaId, Caller>();

  /** Takes nothing until {@link fetch} is served. */
  constructor(registry: PeerRegistry) {
    this.#registry = registry;
    this.#sessions = new HttpSessions(registry);
  }

  /** Answers a request of a peer; `certificate` is who calls, over HTTPS. */
  async fetch(request: Request, certificate?: CallerCertificate): Promise<Response> {
    if (request.method !== "POST" || new URL(request.url).pathname !== PEER_PATH) {
      return new Response(null, { status: 404 });
    }
    const registry = this.#registry;
    const stranger = registry.judgeCertificate(certificate, null);
    if (stranger !== null) return this.#refuse(stranger);
    const said = helloOf(request.headers);
    if (said === null) return problem("BAD_FRAME", 400, "the request lacks the headers by which replicas are known");
    const { hello, sequence } = said;
    if (hello === null) return this.#refuse(registry.otherVersion(said.version));
    const impostor = registry.judgeCertificate(certificate, hello.from);
    if (impostor !== null) return this.#refuse(impostor);
    const entry = this.#sessions.enter(hello, sequence, request.headers);
    // Before anything that tells a stranger of this cluster.
    if (entry.kind === "refused") return this.#refuse(registry.otherSecret());
    if (entry.kind === "challenge") return challengeAnswer(entry.challenge);
    const refusal = registry.judge(hello);
    if (refusal !== null) return this.#refuse(refusal);
    const { from } = hello;
    const headers: Record<string, string> = entry.kind === "proved" ? { [MAC_HEADER]: entry.answerMac } : {};
    // Heard before the body is there: of two copies that are under way together the second must not pass.
    if (!this.#admit(hello, sequence)) return new Response(null, { status: 204, headers });
    // A body that does not come whole is the caller's trouble.
    const body = await request.arrayBuffer().catch(() => null);
    const bytes = body === null ? null : new Uint8Array(body);
    const fault = bytes === null
      ? "a body that broke off"
      : entry.kind === "proved" && digestOf(bytes) !== entry.digest
      ? "a body that is not the one that was proved"
      : this.#take(from, bytes);
    if (fault === null) return new Response(null, { status: 204, headers });
    const text = `closed a request from ${registry.nameOf(from)}: ${fault}`;
    registry.sayOnce("warning", text, `closed ${from}`);
    return problem("BAD_FRAME", 400, `${addressText(registry.settings.peers[registry.settings.id]!)} got ${fault}`);
  }

  #refuse(refusal: Refusal): Response {
    const text = `refused a call over HTTP: ${refusal.message}`;
    if (refusal.code !== "NOT_READY") this.#registry.sayOnce("warning", text);
    return problem(refusal.code, REFUSAL_STATUS[refusal.code], refusal.message);
  }

  /** Notes who calls; false for a request that was there before. */
  #admit(hello: Hello, sequence: number): boolean {
    const { from, incarnation: { nonce } } = hello;
    const caller = this.#callers.get(from);
    if (caller === undefined || caller.nonce !== nonce) {
      this.#callers.set(from, { nonce, sequence, presence: this.#registry.admit(hello, nothingToEnd) });
      return true;
    }
    this.#registry.heard(caller.presence);
    if (sequence <= caller.sequence) return false;
    caller.sequence = sequence;
    return true;
  }

  /** Hands the frames in `body` to the owner. Returns what is wrong with it, or null. */
  #take(from: ReplicaId, body: Uint8Array): string | null {
    const registry = this.#registry;
    const reader = new FrameReader(registry.settings.maxFrame_bytes, (type, frame) => {
      if (type !== TYPE_MESSAGE) throw new PeerFrameError(`a frame of type ${type} out of turn`);
      registry.deliver(from, frame);
    });
    try {
      reader.push(body);
      return reader.isBetweenFrames ? null : "a body that ends within a frame";
    } catch (error) {
      if (error instanceof PeerFrameError || error instanceof CodecError) return error.message;
      // The owner failed. That is not the caller's concern, and must not pass as an answer to it.
      queueMicrotask(() => {
        throw error;
      });
      return null;
    }
  }
}

function challengeAnswer(challenge: string): Response {
  const answer = problem(CHALLENGE_CODE, 401, "prove that you know the cluster's secret");
  answer.headers.set(CHALLENGE_HEADER, challenge);
  return answer;
}

function problem(
  code: RefusalCode | "BAD_FRAME" | typeof CHALLENGE_CODE,
  status: 400 | 401 | 409 | 503,
  detail: string,
): Response {
  const body = { type: `about:blank#${code}`, title: TITLE, status, detail, code, retryable: status === 503 };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      ...(status === 401 ? { "WWW-Authenticate": 'KV-Peer realm="kvpaxos"' } : {}),
      ...(status === 503 ? { "Retry-After": "1" } : {}),
    },
  });
}
