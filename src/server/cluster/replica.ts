/**
 * One replica of several: Multi-Paxos over a log, a store and the way to the others, and what an operator hears of
 * it. The server around it opens the doors, through which the others come in too.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { Logger } from "@logtape/logtape";
import type { Hono } from "hono";
import { createHttpTransport, type PeerTransportOptions } from "../../adapters/http_transport.ts";
import { addressText } from "../../adapters/socket_errors.ts";
import { systemClock } from "../../adapters/system_clock.ts";
import { systemRandom } from "../../adapters/system_random.ts";
import { createTcpTransport } from "../../adapters/tcp_transport.ts";
import { KvError } from "../../core/errors.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { PaxosEvent, PaxosTimes } from "../../core/paxos/options.ts";
import { Paxos } from "../../core/paxos/paxos.ts";
import type { SnapshotOptions } from "../../core/snapshotter.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplicaId, Transport } from "../../ports/transport.ts";
import type { ClusterFigures } from "../status_page.ts";
import type { Place } from "./place_file.ts";
import { type RoleFailureOptions, RoleFailures } from "./role_failures.ts";

/** Where a replica listens. */
export interface PeerAddress {
  /** A name or an address. */
  readonly host: string;
  /** The port of TCP and UDP. */
  readonly port: number;
}

/** A replica's place among the others. */
export interface ClusterOptions {
  /** Which of the {@link peers} this server is, counted from 0. */
  readonly id: ReplicaId;
  /** The replicas, this one included: the same list in the same order on all of them. Ports are those of TCP. */
  readonly peers: readonly PeerAddress[];
  /** How replicas reach each other: over TCP at the port of the clients, or over HTTP. @default "tcp" */
  readonly transport?: "tcp" | "http";
  /** How far the HTTP port of every replica is above its TCP port; looked at when they talk over HTTP. @default 1000 */
  readonly httpPortOffset?: number;
  /** Lets roles crash at random times. @default nothing crashes */
  readonly failures?: RoleFailureOptions | null;
  /** How long things may take. @default see PaxosTimes */
  readonly times?: Partial<PaxosTimes>;
}

/** What a replica is made of. */
export interface ReplicaOptions extends Partial<SnapshotOptions> {
  readonly cluster: ClusterOptions;
  readonly log: Log;
  readonly store: KVStore;
  readonly password: string | null;
  readonly logger: Logger;
}

/** A replica, before it is started. */
export interface Replica {
  readonly replication: Paxos;
  /** Takes connections of the other replicas, or turns them away when they should come over HTTP. */
  readonly acceptPeer: (socket: Socket, head: Uint8Array) => void;
  /** Takes requests of the other replicas; null when they come over TCP. */
  readonly peerRoutes: Hono | null;
  /** The most bytes that a request of another replica has; 0 when they come over TCP. */
  readonly maxPeerRequest_bytes: number;
  /** The replicas and the ways to them. */
  figures(): ClusterFigures;
  /** Joins the others, and lets roles crash if it is to. */
  start(): Promise<void>;
  /** Finishes what was accepted, if the others help, and stops. Closes the log. */
  close(): Promise<void>;
}

const MIB = 1024 * 1024;
/** Above the largest command a frame holds what else came in its turn, and a header. */
const FRAME_ROOM_BYTES = 2 * MIB;
const DEFAULT_FRAME_BYTES = 32 * MIB;
/** What waits in one request of the HTTP transport beside the largest frame. */
const REQUEST_ROOM_BYTES = 8 * MIB;
const HTTP_PORT_OFFSET = 1000;

/** Which replica of which list it is, as text. */
export function placeOf({ id, peers }: ClusterOptions): Place {
  const addresses = peers.map(addressText);
  return { address: addresses[id] ?? `replica ${id}`, peers: addresses };
}

/**
 * Puts a replica together.
 *
 * @throws {RangeError} for a place among the others that cannot be meant
 */
export function createReplica(options: ReplicaOptions): Replica {
  const { cluster, log, store, logger } = options;
  const { id, peers, transport: kind = "tcp" } = cluster;
  const maxFrame_bytes = Math.max(DEFAULT_FRAME_BYTES, store.limits.maxCommandBytes + FRAME_ROOM_BYTES);
  const common: PeerTransportOptions = {
    id,
    peers,
    cluster: placeOf(cluster).peers.join(","),
    password: options.password,
    maxFrame_bytes,
    maxQueue_bytes: 2 * maxFrame_bytes,
    log: (level, text) => logger[level]("{text}", { text }),
  };
  const ways = kind === "tcp" ? overTcp(common) : overHttp(common, cluster.httpPortOffset ?? HTTP_PORT_OFFSET, logger);
  const replication = new Paxos({
    ...options,
    id,
    replicas: peers.length,
    transport: ways.transport,
    log,
    clock: systemClock,
    random: systemRandom,
    stateMachine: store,
    ...(cluster.times === undefined ? {} : { times: cluster.times }),
  });
  replication.onEvent((event) => tell(logger, event, cluster));
  let failures: RoleFailures | null = null;
  return {
    replication,
    acceptPeer: ways.accept,
    peerRoutes: ways.routes,
    maxPeerRequest_bytes: kind === "tcp" ? 0 : maxFrame_bytes + REQUEST_ROOM_BYTES,
    figures: () => figuresOf(cluster, ways.transport),
    start: async () => {
      await replication.start();
      if (cluster.failures !== null && cluster.failures !== undefined) {
        failures = beginFailures(replication, cluster.failures, id, logger);
      }
    },
    close: () => {
      failures?.close();
      return replication.close();
    },
  };
}

interface Ways {
  readonly transport: Transport;
  readonly accept: Replica["acceptPeer"];
  readonly routes: Hono | null;
}

function overTcp(options: PeerTransportOptions): Ways {
  const transport = createTcpTransport(options);
  return { transport, accept: (socket, head) => transport.accept(socket, head), routes: null };
}

function overHttp(options: PeerTransportOptions, offset: number, logger: Logger): Ways {
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
  return { transport, accept: turnAway(logger), routes: transport.routes() };
}

/** For replicas that were started with another `--transport`: they call again and again, the operator is told once. */
function turnAway(logger: Logger): Replica["acceptPeer"] {
  let isTold = false;
  return (socket) => {
    const from = socket.remoteAddress ?? "somewhere";
    socket.on("error", () => {}).destroy();
    if (isTold) return;
    isTold = true;
    logger.warning(
      "a replica calls over TCP from {from}, and this one was started with --transport http: give all the same",
      { from },
    );
  };
}

function figuresOf({ id, peers, transport: kind = "tcp" }: ClusterOptions, transport: Transport): ClusterFigures {
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

function beginFailures(replication: Paxos, failures: RoleFailureOptions, id: ReplicaId, logger: Logger): RoleFailures {
  const { roles, every, lasting, seed } = failures;
  logger.warning(
    "a drill: {roles} of this replica crash every {every} for {lasting}; seed {seed}",
    { roles: roles.join(", "), every: rangeText(every), lasting: rangeText(lasting), seed },
  );
  // One seed for a whole cluster must not let all its replicas crash at the same moments.
  return new RoleFailures(replication, { ...failures, seed: seed + Math.imul(id, 0x85ebca6b) }, systemClock);
}

function rangeText({ least_ms, most_ms }: RoleFailureOptions["every"]): string {
  return `${least_ms}ms..${most_ms}ms`;
}

/** One line for each thing that happens. Connections are told of by the transport. */
function tell(logger: Logger, event: PaxosEvent, { id, peers }: ClusterOptions): void {
  const name = (replica: ReplicaId): string =>
    replica === id ? "this replica" : `replica ${replica + 1} (${addressText(peers[replica]!)})`;
  switch (event.type) {
    case "leader":
      if (event.leader === null) logger.warning("no leader", { ballot: event.ballot });
      else {
        logger.info("{leader} leads with ballot {ballot}", { leader: name(event.leader), ballot: event.ballot });
      }
      return;
    case "role":
      if (event.isUp) logger.info("the {role} of this replica is back", { role: event.role });
      else logger.warning("the {role} of this replica has crashed", { role: event.role });
      return;
    case "member":
      logger.info("this replica votes now: enough of the others know its log");
      return;
    case "refused":
      logger.error(
        "{by} remembers another log of this replica: it may have forgotten promises, so it does not vote and does not " +
          "serve. Bring its data directory back, or give its place to a new replica",
        { by: name(event.by) },
      );
      return;
    case "installed":
      logger.info("caught up by a snapshot of another replica, up to slot {slot}", { slot: event.slot });
      return;
    case "peer":
      return;
  }
}
