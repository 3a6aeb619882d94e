/**
 * One real replica of two: the other is played by the test, which may keep to the protocol or not.
 *
 * @module
 */
import { afterEach } from "vitest";
import { serveHttp } from "../../../src/adapters/http_serve.ts";
import { encodeFrame, TYPE_MESSAGE } from "../../../src/adapters/peers/frame.ts";
import { decodeRefusal, type Hello } from "../../../src/adapters/peers/hello.ts";
import { headersOf, PEER_PATH } from "../../../src/adapters/peers/http_hello.ts";
import { concatBytes } from "../../../src/codec/bytes.ts";
import { until } from "../../support/resp_client.ts";
import { callRaw, opening } from "./raw_peer.ts";
import {
  freePort,
  type Kind,
  listenTcp,
  openDoor,
  type Overrides,
  type SocketNode,
  startNode,
} from "./socket_cluster.ts";
import { numbered } from "./transport_contract.ts";

/** Starts replicas that are stopped when the test ends. */
export interface LoneReplicas {
  /** Replica 1 of a cluster whose replica 0 is played by the test. */
  called(overrides?: Overrides): Promise<{ node: SocketNode; port: number }>;
  /** Replica 0 of a cluster whose replica 1 is played by the test, on `port`. */
  calling(port: number, overrides?: Overrides): Promise<SocketNode>;
  /** Done at the end of the test, the last first. */
  atEnd(end: () => unknown): void;
}

/** For the tests of one file or describe. */
export function loneReplicas(kind: Kind): LoneReplicas {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  const start = async (
    id: 0 | 1,
    peerPort: number,
    overrides: Overrides,
  ): Promise<{ node: SocketNode; port: number }> => {
    const door = await openDoor(kind);
    const ports = id === 0 ? [door.port, peerPort] : [peerPort, door.port];
    const peers = ports.map((port) => ({ host: "127.0.0.1", port }));
    const node = await startNode(kind, { id, peers, cluster: "c", ...overrides }, door);
    ends.push(() => node.stop());
    return { node, port: door.port };
  };
  return {
    called: async (overrides = {}) => await start(1, await freePort(), overrides),
    calling: async (port, overrides = {}) => (await start(0, port, overrides)).node,
    atEnd: (end) => void ends.push(end),
  };
}

/** The frame of a message that a test knows again. */
export function messageFrame(number: number, length = 8): Uint8Array {
  return encodeFrame(TYPE_MESSAGE, numbered(number, length));
}

/** What a replica answers over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly problem: Record<string, unknown>;
}

/** Sends frames over HTTP as another replica would. */
export async function postFrames(port: number, headers: Record<string, string>, body: Uint8Array): Promise<HttpAnswer> {
  const answer = await fetch(`http://127.0.0.1:${port}${PEER_PATH}`, {
    method: "POST",
    headers,
    body: body.slice() as Uint8Array<ArrayBuffer>,
  });
  const text = await answer.text();
  return {
    status: answer.status,
    type: answer.headers.get("content-type"),
    problem: text === "" ? {} : JSON.parse(text) as Record<string, unknown>,
  };
}

/** Calls a replica with a message, by this hello in this version; gives the code and the text of the refusal. */
export async function refusalOf(
  kind: Kind,
  port: number,
  hello: Hello,
  version = 1,
): Promise<readonly [unknown, unknown]> {
  if (kind === "http") {
    const headers = { ...headersOf(hello), "KV-Peer-Version": `${version}`, "KV-Peer-Sequence": "1" };
    const { problem } = await postFrames(port, headers, messageFrame(1));
    return [problem["code"], problem["detail"]];
  }
  const peer = await callRaw(port, concatBytes([opening(hello, version), messageFrame(1)]));
  await until(() => peer.isClosed(), "the connection was closed");
  if (peer.seen.length !== 1) throw new Error(`${peer.seen.length} frames came instead of a refusal`);
  const { code, message } = decodeRefusal(peer.seen[0]!.body);
  return [code, message];
}

/** Something that listens and is no replica: it never answers, or says something else. */
export async function stranger(kind: Kind, isMute: boolean): Promise<{ port: number; close(): unknown }> {
  if (kind === "tcp") return await listenTcp(0, (socket) => isMute || socket.write("-ERR unknown command\r\n"));
  const fetch = (): Promise<Response> =>
    isMute ? new Promise(() => {}) : Promise.resolve(new Response("hello", { status: 404 }));
  const server = await serveHttp({ fetch, host: "127.0.0.1", port: 0 });
  return { port: server.port, close: () => server.close(0) };
}
