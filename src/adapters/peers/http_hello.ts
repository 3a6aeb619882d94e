/**
 * What a replica says of itself over HTTP: the same as over TCP, in headers that people can read.
 *
 * @module
 */
import { type Hello, isClusterName, type RefusalCode } from "./hello.ts";
import { PEER_PROTOCOL_VERSION } from "./frame.ts";

/** Where a replica takes frames. */
export const PEER_PATH = "/v1/peer/frames";

/** The status with which each refusal is answered. */
export const REFUSAL_STATUS: Readonly<Record<RefusalCode, 401 | 409 | 503>> = {
  OTHER_VERSION: 409,
  UNAUTHENTICATED: 401,
  OTHER_CLUSTER: 409,
  UNKNOWN_REPLICA: 409,
  WRONG_ADDRESSEE: 409,
  DUPLICATE_ID: 409,
  NOT_READY: 503,
};

/** The code of an answer that asks for a proof. Its header `KV-Peer-Challenge` is the nonce. */
export const CHALLENGE_CODE = "CHALLENGE";

/** The proof of a request or an answer: the called's nonce, the digest of the body, and the MAC. */
export const CHALLENGE_HEADER = "KV-Peer-Challenge";
/** SHA-256 of the body. */
export const DIGEST_HEADER = "KV-Peer-Digest";
/** HMAC of the sequence and the digest, under the key of the session. */
export const MAC_HEADER = "KV-Peer-Mac";

/** Whether `code` names a refusal. */
export function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(REFUSAL_STATUS, code);
}

/** The headers that say `hello`. */
export function headersOf(hello: Hello): Record<string, string> {
  const { from, to, incarnation, cluster, nonce } = hello;
  return {
    "KV-Peer-Version": String(PEER_PROTOCOL_VERSION),
    "KV-Peer-Cluster": cluster,
    "KV-Peer-From": String(from),
    "KV-Peer-To": String(to),
    "KV-Peer-Incarnation": `${incarnation.startedAt_ms}-${incarnation.nonce}`,
    "KV-Peer-Nonce": nonce,
  };
}

/** What a request says of itself. */
export interface HttpHello {
  readonly version: number;
  /** Null when the version is another, or the headers cannot be understood. */
  readonly hello: Hello | null;
  readonly sequence: number;
}

/** Reads the headers; null when they are none of ours. */
export function helloOf(headers: Headers): HttpHello | null {
  const whole = (name: string): number => {
    const text = headers.get(name) ?? "";
    return /^[0-9]{1,15}$/.test(text) ? Number(text) : -1;
  };
  const version = whole("kv-peer-version");
  if (version < 0) return null;
  if (version !== PEER_PROTOCOL_VERSION) return { version, hello: null, sequence: 0 };
  const from = whole("kv-peer-from");
  const to = whole("kv-peer-to");
  const sequence = whole("kv-peer-sequence");
  const cluster = headers.get("kv-peer-cluster") ?? "";
  const incarnation = /^([0-9]{1,15})-([0-9a-f]{16})$/.exec(headers.get("kv-peer-incarnation") ?? "");
  const nonce = /^[0-9a-f]{32}$/.exec(headers.get("kv-peer-nonce") ?? "")?.[0];
  if (from < 0 || to < 0 || sequence < 0 || incarnation === null || !isClusterName(cluster)) return null;
  if (nonce === undefined) return null;
  return {
    version,
    sequence,
    hello: {
      from,
      to,
      cluster,
      nonce,
      incarnation: { startedAt_ms: Number(incarnation[1]), nonce: incarnation[2]! },
    },
  };
}
