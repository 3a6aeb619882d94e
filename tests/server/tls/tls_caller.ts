/**
 * Callers over TLS for tests of servers: they say what became of them, and never throw.
 *
 * @module
 */
import { connect as connectPlain, type Socket } from "node:net";
import { request, type RequestOptions } from "node:https";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { keyFromBytes } from "../../../src/codec/bytes.ts";
import { until } from "../../support/resp_client.ts";

/** Somebody who is connected, or was refused. */
export class Caller {
  readonly socket: Socket;
  /** What came, one character per byte. */
  received = "";
  isClosed = false;
  error: string | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => void (this.received += keyFromBytes(chunk)));
    socket.on("error", (error: Error & { readonly code?: string }) => {
      this.error = `${error.code ?? ""} ${error.message}`;
      socket.destroy();
    });
    socket.on("close", () => void (this.isClosed = true));
  }

  /** Sends `text` and waits for what `isWhole` of the answer. */
  async ask(text: string, isWhole: (received: string) => boolean = (all) => all.endsWith("\r\n")): Promise<string> {
    this.received = "";
    this.socket.write(text);
    await until(() => isWhole(this.received) || this.isClosed, `${JSON.stringify(text)} was answered`);
    return this.received;
  }

  /** Waits until the other end has closed. */
  async closed(): Promise<this> {
    await until(() => this.isClosed, "the connection was closed");
    return this;
  }
}

/** Calls over TLS; resolves when the handshake is over, either way. */
export async function callTls(
  port: number,
  options: ConnectionOptions,
): Promise<Caller & { readonly socket: TLSSocket }> {
  const socket = connect({ host: "127.0.0.1", port, ...options });
  const caller = new Caller(socket);
  let isSecure = false;
  socket.once("secureConnect", () => void (isSecure = true));
  await until(() => isSecure || caller.isClosed, "the handshake was over");
  return caller as Caller & { readonly socket: TLSSocket };
}

/** Calls without TLS and sends `bytes`. */
export async function callPlain(port: number, bytes: string | Uint8Array): Promise<Caller> {
  const socket = connectPlain({ host: "127.0.0.1", port });
  const caller = new Caller(socket);
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  socket.write(bytes);
  return caller;
}

/** The names in the certificate that a server shows. */
export async function namesAt(port: number, ca: string): Promise<string> {
  const caller = await callTls(port, { ca });
  const names = caller.socket.getPeerCertificate().subjectaltname ?? "none";
  caller.socket.destroy();
  return names;
}

/** Asks for a page over HTTPS, by GET unless `options` say otherwise: its status and text, or why there is none. */
export function getPage(port: number, path: string, options: RequestOptions): Promise<string> {
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false, ...options }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => void (text += part));
      answer.on("end", () => resolve(`${answer.statusCode} ${text}`));
    });
    sent.on("error", (error: Error & { readonly code?: string }) => resolve(`${error.code ?? ""} ${error.message}`));
    sent.end();
  });
}

/** A call by somebody who knows TLS 1.1 and nothing newer (RFC 4346, section 7.4.1.2). */
export function helloOfTls11(): Uint8Array {
  const body = [
    ...[3, 2],
    ...Array.from({ length: 32 }, (_, i) => i),
    ...[0],
    ...[0, 8, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f, 0x00, 0x35],
    ...[1, 0],
  ];
  const handshake = [1, 0, 0, body.length, ...body];
  return Uint8Array.from([22, 3, 1, 0, handshake.length, ...handshake]);
}
