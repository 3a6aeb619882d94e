/**
 * Somebody who speaks the bytes of replicas by hand, and wrongly if a test wants that.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { encodeFrame, FrameReader, PEER_MAGIC, TYPE_HELLO } from "../../../src/adapters/peers/frame.ts";
import { encodeHello, type Hello } from "../../../src/adapters/peers/hello.ts";
import { concatBytes } from "../../../src/codec/bytes.ts";

/** What a replica is taken for unless a test says otherwise. */
export function helloOf(cluster: string, other: Partial<Hello> = {}): Hello {
  return {
    from: 0,
    to: 1,
    incarnation: { startedAt_ms: 1_700_000_000_000, nonce: "0123456789abcdef" },
    cluster,
    nonce: "00112233445566778899aabbccddeeff",
    ...other,
  };
}

/** The first bytes of a connection, up to the end of the hello. */
export function opening(hello: Hello, version?: number): Uint8Array {
  return concatBytes([PEER_MAGIC, encodeFrame(TYPE_HELLO, encodeHello(hello), version)]);
}

/** A frame that was seen. */
export interface Seen {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Reads frames off a socket, past the magic if there is one. */
export function watchFrames(socket: Socket, hasMagic: boolean): Seen[] {
  const seen: Seen[] = [];
  const reader = new FrameReader(1 << 26, (type, body) => void seen.push({ type, body: body.slice() }));
  let skip = hasMagic ? PEER_MAGIC.length : 0;
  socket.on("data", (chunk: Uint8Array) => {
    const count = Math.min(skip, chunk.length);
    skip -= count;
    if (chunk.length > count) reader.push(chunk.subarray(count));
  });
  return seen;
}

/** A connection to a replica, made by hand. */
export interface RawPeer {
  readonly socket: Socket;
  readonly seen: Seen[];
  isClosed(): boolean;
}

/** Connects to a replica and sends `bytes`. */
export function callRaw(port: number, bytes: Uint8Array): Promise<RawPeer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    let isClosed = false;
    socket.on("close", () => void (isClosed = true));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      // A replica that has had enough may reset the connection.
      socket.on("error", () => socket.destroy());
      socket.write(bytes);
      resolve({ socket, seen: watchFrames(socket, false), isClosed: () => isClosed });
    });
  });
}
