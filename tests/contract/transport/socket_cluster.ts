/**
 * Replicas on loopback sockets, over TCP or HTTP.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { serveHttp } from "../../../src/adapters/http_serve.ts";
import { createHttpTransport, type HttpTransport } from "../../../src/adapters/http_transport.ts";
import {
  createTcpTransport,
  type PeerTransportOptions,
  type TcpTransport,
} from "../../../src/adapters/tcp_transport.ts";
import type { ServerAddress } from "../../../src/client/connection.ts";
import type { ReplicaId, Transport } from "../../../src/ports/transport.ts";
import { startTcpServer } from "../../../src/server/tcp_server.ts";
import { until } from "../../support/resp_client.ts";
import { testContext } from "../../support/resp_server.ts";
import { type Cluster, listenOn, type Node } from "./transport_contract.ts";

/** What the transport runs over. */
export type Kind = "tcp" | "http";

/** Options of one replica, or of all. */
export type Overrides = Partial<PeerTransportOptions>;

/** A replica at an address. */
export interface SocketNode extends Node {
  /** What it said to its operator. */
  readonly said: string[];
  stop(): Promise<void>;
}

/** Replicas at addresses. */
export interface SocketCluster extends Cluster {
  readonly nodes: SocketNode[];
  readonly peers: readonly ServerAddress[];
}

/** Quick enough for tests, and slow enough for a machine that is busy with others. */
const QUICK: Overrides = { backoff: { base_ms: 5, max_ms: 50 }, pingEvery_ms: 50, silence_ms: 10_000 };

/** Listens on a port; every connection is closed with the server. */
export function listenTcp(port: number, onSocket: (socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, () => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("a server without a port");
      const close = (): void => {
        server.close();
        for (const socket of sockets) socket.destroy();
      };
      resolve({ port: address.port, close });
    });
  });
}

/** A port at which nobody listens now. */
export async function freePort(): Promise<number> {
  const { port, close } = await listenTcp(0, () => {});
  close();
  return port;
}

/** The door of a replica, the one that clients use. */
export interface Door {
  readonly port: number;
  /** Shows those who come in on to this transport from now on. */
  attach(transport: Transport): void;
  close(): Promise<void>;
}

/** Opens a door, on a free port unless one is given. Nobody is let in before there is a transport. */
export async function openDoor(kind: Kind, port = 0): Promise<Door> {
  if (kind === "http") {
    let http: HttpTransport | null = null;
    const fetch = (request: Request): Response | Promise<Response> =>
      http?.fetch(request) ?? new Response(null, { status: 503 });
    const server = await serveHttp({ fetch, host: "127.0.0.1", port });
    return {
      port: server.port,
      attach: (transport) => void (http = transport as HttpTransport),
      close: () => server.close(0),
    };
  }
  let tcp: TcpTransport | null = null;
  const acceptPeer = (socket: Socket, head: Uint8Array): void => {
    if (tcp === null) socket.destroy();
    else tcp.accept(socket, head);
  };
  const server = await startTcpServer({ host: "127.0.0.1", port, context: testContext().context, acceptPeer });
  return {
    port: server.port,
    attach: (transport) => void (tcp = transport as TcpTransport),
    close: () => server.close(0),
  };
}

/** Opens a door on a port that was free a moment ago; somebody else may have it for a moment. */
async function reopenDoor(kind: Kind, port: number): Promise<Door> {
  for (let attempt = 0;; attempt++) {
    try {
      return await openDoor(kind, port);
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Starts a replica behind `door`, or one that is opened at its address. */
export async function startNode(kind: Kind, options: PeerTransportOptions, door?: Door): Promise<SocketNode> {
  const said: string[] = [];
  const all = { ...QUICK, log: (level: string, text: string) => void said.push(`${level}: ${text}`), ...options };
  const transport = kind === "http" ? createHttpTransport(all) : createTcpTransport(all);
  const opened = door ?? await reopenDoor(kind, options.peers[options.id]!.port);
  opened.attach(transport);
  const node = listenOn(transport);
  return {
    ...node,
    said,
    stop: async () => {
      transport.close();
      await opened.close();
    },
  };
}

/** Starts a cluster on free ports. `overrides` says what is different for a replica. */
export async function socketCluster(
  kind: Kind,
  replicas: number,
  overrides: (id: ReplicaId, peers: readonly ServerAddress[]) => Overrides = () => ({}),
): Promise<SocketCluster> {
  const doors = await Promise.all(Array.from({ length: replicas }, () => openDoor(kind)));
  const peers = doors.map(({ port }) => ({ host: "127.0.0.1", port }));
  const cluster = peers.map(({ host, port }) => `${host}:${port}`).join(",");
  const start = (id: ReplicaId, door?: Door): Promise<SocketNode> =>
    startNode(kind, { id, peers, cluster, ...overrides(id, peers) }, door);
  const nodes = await Promise.all(doors.map((door, id) => start(id, door)));
  const stopped = new Set<ReplicaId>();
  return {
    nodes,
    peers,
    stop: async (id) => {
      stopped.add(id);
      await nodes[id]!.stop();
    },
    restart: async (id) => {
      nodes[id] = await start(id);
      stopped.delete(id);
    },
    until: async (holds, what) => {
      // At least one turn, so that what was sent in this one leaves.
      await new Promise((resolve) => setImmediate(resolve));
      await until(holds, what);
    },
    end: async () => {
      await Promise.all(nodes.filter((_, id) => !stopped.has(id)).map((node) => node.stop()));
    },
  };
}
