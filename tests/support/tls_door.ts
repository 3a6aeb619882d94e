/**
 * A door of TLS before a plain one: what comes in is passed on in the clear, and back. So the tests of clients need no
 * server that speaks TLS itself, and can have one whose certificate is as wrong as they like.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import type { IssuedCertificate } from "./certificates.ts";

/** What the door shows and asks for. */
export interface TlsDoorOptions extends Pick<TlsOptions, "minVersion" | "maxVersion"> {
  /** What the door shows. */
  readonly shown: IssuedCertificate;
  /** The authority whose clients are let in, in PEM. @default everybody is */
  readonly clients?: string;
}

/** A door that is open. */
export interface TlsDoor {
  readonly port: number;
  /** How many connections of TLS have come about. */
  readonly entered: number;
  /** Cuts all connections and closes. */
  close(): Promise<void>;
}

/** Opens a door on a free port of 127.0.0.1, before one on `port`. */
export function openTlsDoor(port: number, { shown, clients, ...versions }: TlsDoorOptions): Promise<TlsDoor> {
  const sockets = new Set<Socket>();
  let entered = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const asked = clients === undefined ? {} : { ca: clients, requestCert: true, rejectUnauthorized: true };
  const options = { cert: shown.certificate, key: shown.key, ...asked, ...versions };
  const server = createServer(options, (outside) => {
    entered++;
    const inside = connect(port, "127.0.0.1");
    for (const each of [outside, inside]) keep(each);
    outside.pipe(inside);
    inside.pipe(outside);
    outside.on("close", () => inside.destroy());
    inside.on("close", () => outside.destroy());
  });
  // Who does not get in is what some tests are about.
  server.on("tlsClientError", () => {});
  server.on("connection", keep);
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("a door without a port");
      resolve({
        port: address.port,
        get entered(): number {
          return entered;
        },
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}
