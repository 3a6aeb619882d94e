/**
 * How the transports between replicas are set up, whatever they run over.
 *
 * @module
 */
import type { BackoffOptions } from "../../client/backoff.ts";
import type { ServerAddress } from "../../client/connection.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { systemClock } from "../system_clock.ts";
import { systemRandom } from "../system_random.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { isClusterName } from "./hello.ts";
import type { PeerTls } from "./peer_tls.ts";
import { MIN_SECRET_CHARACTERS } from "./proof.ts";

/** How much an operator should care. */
export type NoticeLevel = "debug" | "info" | "warning";

/** How a transport is set up. */
export interface PeerTransportOptions {
  /** Which of {@link peers} this replica is. */
  readonly id: ReplicaId;
  /** Where every replica takes frames, this one included, in the order of their numbers. */
  readonly peers: readonly ServerAddress[];
  /**
   * The cluster, by name: the list of replicas as it was given to every one of them. Replicas of another list are
   * refused. 1 to 4,096 visible ASCII characters.
   */
  readonly cluster: string;
  /**
   * What the replicas of a cluster know and strangers do not: each proves to the other that it knows it, and it is never
   * sent. At least 16 characters; null lets everybody be a replica who says so. @default null
   */
  readonly secret?: string | null;
  /** Speaks TLS with the other replicas, and with nobody who does not. @default null */
  readonly tls?: PeerTls | null;
  /** Is told what an operator should know: who is connected, and who is refused. @default nobody */
  readonly log?: (level: NoticeLevel, text: string) => void;
  /** The clock of time-outs and pauses. @default the system's */
  readonly clock?: Clock;
  /** What spreads the pauses between calls. @default the system's */
  readonly random?: Random;
  /** The most that waits for one peer, in bytes: what comes beyond is dropped. @default 67108864 */
  readonly maxQueue_bytes?: number;
  /** The largest body of a frame, in bytes. @default 33554432 */
  readonly maxFrame_bytes?: number;
  /** How long a peer may take to answer a call, in milliseconds. @default 2000 */
  readonly connectTimeout_ms?: number;
  /** A peer is asked for a sign of life this often, in milliseconds. @default 1000 */
  readonly pingEvery_ms?: number;
  /** A peer that gives no sign of life, nor takes what is sent, for this long is called anew. @default 5000 */
  readonly silence_ms?: number;
  /** How long to wait between calls. @default 20 ms, doubled up to 1 s */
  readonly backoff?: BackoffOptions;
}

/** {@link PeerTransportOptions} with everything filled in. */
export type PeerSettings = Required<PeerTransportOptions>;

const DEFAULTS = {
  secret: null,
  tls: null,
  log: (): void => {},
  clock: systemClock,
  random: systemRandom,
  maxQueue_bytes: 64 * 1024 * 1024,
  maxFrame_bytes: 32 * 1024 * 1024,
  connectTimeout_ms: 2000,
  pingEvery_ms: 1000,
  silence_ms: 5000,
  backoff: { base_ms: 20, max_ms: 1000 },
};

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} for settings that cannot be meant
 */
export function peerSettings(options: PeerTransportOptions): PeerSettings {
  const settings: PeerSettings = { ...DEFAULTS, ...options };
  const { id, peers, cluster, maxQueue_bytes, maxFrame_bytes } = settings;
  if (!Number.isInteger(id) || id < 0 || id >= peers.length) {
    throw new RangeError(`replica ${id} is none of the ${peers.length} peers: the first is 0`);
  }
  if (!isClusterName(cluster)) {
    throw new RangeError(
      `the name of a cluster is 1 to 4,096 visible ASCII characters, not ${JSON.stringify(cluster.slice(0, 100))}`,
    );
  }
  if (settings.secret !== null && settings.secret.length < MIN_SECRET_CHARACTERS) {
    throw new RangeError(
      `the secret of a cluster has at least ${MIN_SECRET_CHARACTERS} characters, drawn at random, and this one ` +
        `${settings.secret.length}`,
    );
  }
  if (!(maxFrame_bytes > 0 && maxFrame_bytes <= 0x3fff_ffff)) {
    throw new RangeError(`a frame has 1 to 2^30 - 1 bytes: maxFrame_bytes is ${maxFrame_bytes}`);
  }
  if (maxQueue_bytes < maxFrame_bytes + FRAME_HEADER_BYTES) {
    throw new RangeError(
      `the largest frame (${maxFrame_bytes} bytes and its header) must fit into the queue (${maxQueue_bytes} bytes)`,
    );
  }
  return settings;
}
