/**
 * The ways between the replicas of a cluster, over TCP or over HTTP, and what operators see of them. They carry the
 * frames of every protocol alike.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { clusterName } from "../../adapters/peers/cluster_name.ts";
import { createHttpTransport, type PeerTransportOptions } from "../../adapters/http_transport.ts";
import type { PeerSocket } from "../../adapters/peers/peer_socket.ts";
import type { PeerTls } from "../../adapters/peers/peer_tls.ts";
import { addressText } from "../../adapters/socket_errors.ts";
import type { CallerCertificate } from "../../adapters/tls/caller_certificate.ts";
import { createTcpTransport } from "../../adapters/tcp_transport.ts";
import { KvError } from "../../core/errors.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import type { ClusterFigures } from "../status_page.ts";

/** Where a replica listens. */
export interface PeerAddress {
  /** A name or an address. */
  readonly host: string;
  /** The port of TCP and UDP. */
  readonly port: number;
}

/** How the replicas of a cluster are linked. */
export interface LinkOptions {
  /** Which of the {@link peers} this replica is, counted from 0. */
  readonly id: ReplicaId;
  /** All replicas, this one included. Ports are those of TCP. */
  readonly peers: readonly PeerAddress[];
  /** The digest of the snapshot that the data began with; null when it began empty. The same on all replicas. */
  readonly origin: string | null;
  /** How replicas reach each other. */
  readonly transport: "tcp" | "http";
  /** How far the HTTP port of every replica is above its TCP port. */
  readonly httpPortOffset: number;
  /** What the replicas prove to each other that they know; null for nothing. */
  readonly secret: string | null;
  /** The TLS that they speak with each other; null for none. */
  readonly tls: PeerTls | null;
  /** The largest command of a client. A frame has room for what else came in its turn. */
  readonly maxCommand_bytes: number;
  readonly logger: Logger;
  /** Where another replica is called. */
  readonly route: (peer: PeerAddress) => PeerAddress;
}

/** The ways of one replica to the others, and the doors by which the others come in. */
export interface Links {
  readonly transport: Transport;
  /** Takes connections of the other replicas, or turns them away when they should come over HTTP. */
  readonly acceptPeer: (socket: PeerSocket, head: Uint8Array, certificate?: CallerCertificate) => void;
  /** Answers requests of the other replicas; null when they come over TCP. */
  readonly peerFetch: ((request: Request, certificate?: CallerCertificate) => Promise<Response>) | null;
  /** The most bytes that a request of another replica has; 0 when they come over TCP. */
  readonly maxPeerRequest_bytes: number;
  /** The replicas and the ways to them. */
  figures(): ClusterFigures;
}

const MIB = 1024 * 1024;
/** Above the largest command a frame holds what else came in its turn, and a header. */
const FRAME_ROOM_BYTES = 2 * MIB;
const DEFAULT_FRAME_BYTES = 32 * MIB;
/** What waits in one request of the HTTP transport beside the largest frame. */
const REQUEST_ROOM_BYTES = 8 * MIB;

/**
 * Makes the ways, which are closed by closing the transport.
 *
 * @throws {KvError} `INVALID_ARGUMENT` for ports that leave no room for those of HTTP
 */
export function createLinks(options: LinkOptions): Links {
  const { id, peers, logger, route } = options;
  const maxFrame_bytes = Math.max(DEFAULT_FRAME_BYTES, options.maxCommand_bytes + FRAME_ROOM_BYTES);
  const common: PeerTransportOptions = {
    id,
    peers: peers.map((peer, to) => to === id ? peer : route(peer)),
    cluster: clusterName(peers.map(addressText), options.origin),
    secret: options.secret,
    tls: options.tls,
    maxFrame_bytes,
    maxQueue_bytes: 2 * maxFrame_bytes,
    log: (level, text) => logger[level]("{text}", { text }),
  };
  const { transport, ...doors } = options.transport === "tcp"
    ? overTcp(common)
    : overHttp(common, options.httpPortOffset, logger);
  return { transport, ...doors, figures: () => figuresOf(options, transport) };
}

function overTcp(options: PeerTransportOptions): Omit<Links, "figures"> {
  const transport = createTcpTransport(options);
  return {
    transport,
    acceptPeer: (socket, head, certificate) => transport.accept(socket, head, certificate),
    peerFetch: null,
    maxPeerRequest_bytes: 0,
  };
}

function overHttp(options: PeerTransportOptions, offset: number, logger: Logger): Omit<Links, "figures"> {
  const peers = options.peers.map(({ host, port }) => ({ host, port: port + offset }));
  const beyond = peers.find(({ port }) => port > 65_535);
  if (beyond !== undefined) {
    throw new KvError(
      "INVALID_ARGUMENT",
      `the replica at port ${
        beyond.port - offset
      } would take HTTP at port ${beyond.port}, past 65535: choose lower ports`,
    );
  }
  const transport = createHttpTransport({ ...options, peers });
  return {
    transport,
    acceptPeer: turnAway(logger),
    peerFetch: (request, certificate) => transport.fetch(request, certificate),
    maxPeerRequest_bytes: (options.maxFrame_bytes ?? DEFAULT_FRAME_BYTES) + REQUEST_ROOM_BYTES,
  };
}

/** For replicas that were started with another `--transport`: they call again and again, the operator is told once. */
function turnAway(logger: Logger): Links["acceptPeer"] {
  let isTold = false;
  return (socket) => {
    const from = socket.remoteAddress ?? "somewhere";
    socket.on("error", () => {});
    socket.destroy();
    if (isTold) return;
    isTold = true;
    logger.warning(
      "a replica calls over TCP from {from}, and this one was started with --transport http: give all the same",
      { from },
    );
  };
}

function figuresOf({ id, peers, transport: kind }: LinkOptions, transport: Transport): ClusterFigures {
  const links = new Map(transport.status().map((status) => [status.id, status]));
  return {
    transport: kind,
    peers: peers.map((address, peer) => ({
      id: peer,
      address: addressText(address),
      link: peer === id ? null : links.get(peer) ?? null,
    })),
  };
}
