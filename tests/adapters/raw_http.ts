/** A whole HTTP server on a free port, and a client that sends it raw bytes. */
import { connect, type Socket } from "node:net";
import { expect } from "vitest";
import { type HttpServeOptions, type HttpServer, serveHttp } from "../../src/adapters/http_serve.ts";
import { createFixture, type Fixture, type FixtureOptions } from "../server/http/http_fixture.ts";

const servers: HttpServer[] = [];
const sockets = new Set<Socket>();

/** Ends what a test has started; call it after each. */
export async function endAll(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((server) => server.close(100)));
}

export interface Running {
  readonly fixture: Fixture;
  readonly server: HttpServer;
  readonly url: string;
}

export async function start(
  options: FixtureOptions = {},
  fetch?: HttpServeOptions["fetch"],
  rest: Partial<HttpServeOptions> = {},
): Promise<Running> {
  const fixture = createFixture(options);
  const server = await serveHttp({ fetch: fetch ?? fixture.http.fetch, host: "127.0.0.1", port: 0, ...rest });
  servers.push(server);
  return { fixture, server, url: `http://127.0.0.1:${server.port}` };
}

/** A socket to the server, and what came back on it. */
export class RawClient {
  readonly socket: Socket;
  received = "";
  isClosed = false;
  #wake: () => void = () => undefined;

  constructor({ server }: Running) {
    this.socket = connect(server.port, "127.0.0.1");
    sockets.add(this.socket);
    this.socket.on("data", (chunk) => {
      this.received += chunk.toString("latin1");
      this.#wake();
    });
    const onClose = (): void => {
      this.isClosed = true;
      this.#wake();
    };
    // The server may well reset a connection that sends garbage.
    this.socket.on("error", onClose);
    this.socket.on("close", onClose);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
    sockets.delete(this.socket);
  }

  /** Settles when something comes, or the connection goes. */
  activity(): Promise<void> {
    return new Promise((resolve) => void (this.#wake = resolve));
  }

  send(text: string | Uint8Array): void {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  async until(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.received, { timeout: 10_000 }).toMatch(pattern);
  }

  statuses(): number[] {
    return Array.from(this.received.matchAll(/HTTP\/1\.[01] (\d{3}) /g), ([, status]) => Number(status));
  }
}

export const HOST: string = "Host: kv\r\n";

export function put(key: string, value: string): string {
  return `PUT /v1/kv/${key} HTTP/1.1\r\n${HOST}Content-Length: ${value.length}\r\n\r\n${value}`;
}

export function get(key: string): string {
  return `GET /v1/kv/${key} HTTP/1.1\r\n${HOST}\r\n`;
}
