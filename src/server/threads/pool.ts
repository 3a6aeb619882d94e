/**
 * The doors of a server with several threads. Each listens on the same ports, and the system divides the clients among
 * them; this thread alone owns the state, and executes what the others hand it.
 *
 * @module
 */
import { createServer } from "node:net";
import type { PeerSocket } from "../../adapters/peers/peer_socket.ts";
import type { HttpServer } from "../../adapters/http_serve.ts";
import type { CallerCertificate } from "../../adapters/tls/caller_certificate.ts";
import type { ServerIdentity } from "../../adapters/tls/server_identity.ts";
import { KvError } from "../../core/errors.ts";
import type { ServerContext } from "../resp/server_context.ts";
import type { TcpServer } from "../tcp_server.ts";
import { DoorLink } from "./door_link.ts";
import type { HttpNearOptions } from "./http_near.ts";
import { type ServerThread, startThread } from "./thread.ts";

/** How a door with several threads is opened. */
export interface ThreadPoolOptions {
  /** How many threads hold sockets. */
  readonly threads: number;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly context: ServerContext;
  /** The most clients at once, of all threads together. */
  readonly maxConnections: number;
  /** As in `TcpServerOptions`. */
  readonly acceptPeer?: (socket: PeerSocket, head: Uint8Array, certificate?: CallerCertificate) => void;
  /** As in `TcpServerOptions`. */
  readonly tls?: ServerIdentity;
  /** Told once when a thread has died: its clients are gone, and new ones may be sent where nobody takes them. */
  readonly onFailure: (error: KvError) => void;
}

/** The HTTP door of several threads. */
export interface PoolHttpOptions extends HttpNearOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** The most bytes of a body. */
  readonly maxBody_bytes: number;
  /** Whether the owner must see every request. */
  readonly relaysAll: boolean;
}

/** The doors of several threads. */
export interface ThreadPool extends TcpServer {
  /** Opens an HTTP door, too. Rejects when it cannot listen. Close it before the other. */
  serveHttp(options: PoolHttpOptions): Promise<HttpServer>;
}

/** Opens a TCP door with several threads. Rejects when it cannot listen. */
export async function startThreadPool(options: ThreadPoolOptions): Promise<ThreadPool> {
  const { threads, host, context, maxConnections, acceptPeer, tls } = options;
  const port = await freePort(host, options.port);
  const connections = new SharedArrayBuffer(4);
  const { logins, limits: { maxBulkBytes, maxRequestBytes } } = context;
  let hasFailed = false;
  const start = (_: unknown, index: number): { readonly thread: ServerThread; readonly link: DoorLink } => {
    const link = new DoorLink({
      context,
      post: (batch) => thread.post(batch),
      ...(acceptPeer === undefined ? {} : { acceptPeer }),
    });
    const thread = startThread({
      host,
      port,
      limits: { maxBulkBytes, maxRequestBytes },
      mustLogIn: !logins.isOpen,
      hasPeers: acceptPeer !== undefined,
      maxConnections,
      connections,
      tls: tls === undefined ? null : { ...tls.texts, clientAuth: tls.clientAuth },
    }, {
      onBatch: (batch) => link.receive(batch),
      onNotice: (message) => context.notice(message),
      onDeath: (reason) => {
        link.lose();
        if (hasFailed) return;
        hasFailed = true;
        options.onFailure(
          new KvError("UNAVAILABLE", `thread ${index + 1} of ${threads} for clients has ended: ${reason}`),
        );
      },
    });
    return { thread, link };
  };
  const all = Array.from({ length: threads }, start);
  const listening = await Promise.allSettled(all.map(({ thread }) => thread.listening));
  const failed = listening.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await Promise.all(all.map(({ thread }) => thread.end()));
    throw failed.reason;
  }
  const unfollow = tls?.onReplaced(() => {
    for (const { thread } of all) thread.replaceCertificate(tls.texts);
  });
  return {
    port,
    connections: () => new Int32Array(connections)[0]!,
    serveHttp: async ({ port: wanted, maxBody_bytes, relaysAll, ...near }) => {
      const httpPort = await freePort(host, wanted);
      const { limits } = near.service.store;
      const task = { port: httpPort, limits, relaysAll, maxBody_bytes };
      await Promise.all(all.map(({ thread, link }) => {
        link.openHttp(near);
        return thread.openHttp(task);
      }));
      return {
        port: httpPort,
        close: async (deadline_ms) => {
          await Promise.all(all.map(({ thread }) => thread.closeHttp(deadline_ms)));
        },
      };
    },
    close: async (deadline_ms = CLOSE_DEADLINE_MS) => {
      unfollow?.();
      await Promise.all(all.map(async ({ thread, link }) => {
        await thread.close(deadline_ms);
        link.lose();
      }));
    },
  };
}

const CLOSE_DEADLINE_MS = 5000;

/**
 * The port, once it is sure that nobody listens on it: a port that is shared would be shared with another server, too,
 * and each would get some of the other's clients.
 */
function freePort(host: string, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen({ host, port: wanted }, () => {
      const address = probe.address();
      const port = address === null || typeof address === "string" ? wanted : address.port;
      probe.close(() => resolve(port));
    });
  });
}
