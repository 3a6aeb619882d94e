/**
 * What the connections of one replica's transport share: who this replica is, who may be heard, who was heard, and
 * the owner that frames go to.
 *
 * Invariant: frames of a peer reach the owner only from a process that was admitted, and nothing reaches it after
 * {@link PeerRegistry.close}.
 *
 * @module
 */
import { toHex } from "../../codec/bytes.ts";
import type { ReplicaId, TransportListener } from "../../ports/transport.ts";
import { addressText } from "../socket_errors.ts";
import { describeOtherCluster } from "./cluster_name.ts";
import { PEER_PROTOCOL_VERSION } from "./frame.ts";
import type { CallerCertificate } from "../tls/caller_certificate.ts";
import { type Hello, type Incarnation, isEarlier, NONCE_BYTES, type Refusal } from "./hello.ts";
import type { NoticeLevel, PeerSettings } from "./options.ts";
import { SharedCopies } from "./shared_copies.ts";

/** A process that speaks for a peer. */
interface Presence {
  readonly incarnation: Incarnation;
  /** When it was heard last, on the monotonic clock. */
  heard_ms: number;
  /** Ends its connection. */
  readonly end: () => void;
}

/** What to do about secrets that differ. */
export const SAME = "give every replica the same with --cluster-secret-file";

/** The operator does not hear of one matter again within this time. */
const REPEAT_MS = 60_000;
/** How many matters are remembered for that. */
const MAX_REMEMBERED = 200;

/** Shared by the links to all peers and whatever takes theirs. */
export class PeerRegistry {
  readonly settings: PeerSettings;
  readonly incarnation: Incarnation;
  /** What goes to several peers in this turn. */
  readonly copies: SharedCopies = new SharedCopies();
  /** Called when a peer has called, so that it can surely be called as well. */
  onCalled: (peer: ReplicaId) => void = () => {};
  #listener: TransportListener | null = null;
  #isClosed = false;
  #present = new Map<ReplicaId, Presence>();
  #received: number[];
  #said = new Map<string, number>();

  /** Nobody is heard before there is a {@link listener}. */
  constructor(settings: PeerSettings) {
    this.settings = settings;
    const { clock, random, peers } = settings;
    this.incarnation = { startedAt_ms: Math.max(0, Math.floor(clock.now())), nonce: toHex(random.bytes(8)) };
    this.#received = peers.map(() => 0);
  }

  /** Whether frames are taken. */
  get isOpen(): boolean {
    return this.#listener !== null && !this.#isClosed;
  }

  /** The other replicas. */
  get others(): ReplicaId[] {
    return this.settings.peers.map((_, id) => id).filter((id) => id !== this.settings.id);
  }

  /** Names the owner. */
  listen(listener: TransportListener): void {
    if (this.#listener !== null) throw new RangeError("the transport has a listener already");
    this.#listener = listener;
  }

  /** Hears nobody any more. */
  close(): void {
    this.#isClosed = true;
    const present = [...this.#present.values()];
    this.#present.clear();
    for (const presence of present) presence.end();
  }

  /** A replica as operators know it. */
  nameOf(id: ReplicaId): string {
    const address = this.settings.peers[id];
    return address === undefined ? `number ${id}` : `replica ${addressText(address)}`;
  }

  /** What this replica says of itself to another, in one call. */
  helloTo(to: ReplicaId): Hello {
    const { id: from, cluster, random } = this.settings;
    return { from, to, incarnation: this.incarnation, cluster, nonce: toHex(random.bytes(NONCE_BYTES)) };
  }

  /** Why a caller of this version is not heard. */
  otherVersion(version: number): Refusal {
    const message =
      `${this.nameOf(this.settings.id)} speaks version ${PEER_PROTOCOL_VERSION} of the protocol between ` +
      `replicas, the caller version ${version}; run the same kvpaxos on both`;
    return { code: "OTHER_VERSION", message };
  }

  /** Why a caller is not heard whose proof is another than the cluster's secret makes. */
  otherSecret(): Refusal {
    return { code: "UNAUTHENTICATED", message: `${this.nameOf(this.settings.id)} has another cluster secret; ${SAME}` };
  }

  /**
   * Why who has shown this certificate is not heard, or null: under TLS it must be for the host of the replica that it
   * says it is, `from`, or of any of them before it has said so.
   */
  judgeCertificate(certificate: CallerCertificate | undefined, from: ReplicaId | null): Refusal | null {
    const { id, peers, tls } = this.settings;
    if (tls === null) return null;
    const peer = from === null ? undefined : peers[from];
    const hosts = peer === undefined ? [...new Set(peers.map(({ host }) => host))] : [peer.host];
    const trouble = tls.troubleWith(certificate, hosts);
    return trouble === null
      ? null
      : { code: "UNAUTHENTICATED", message: `${this.nameOf(id)} does not take the caller for a replica: ${trouble}` };
  }

  /**
   * Why whoever says this is not heard, or null when it is. Where there is a secret it must have been proved before:
   * what is said here tells of the cluster.
   */
  judge(hello: Hello): Refusal | null {
    const { id, cluster, peers } = this.settings;
    if (hello.cluster !== cluster) {
      return { code: "OTHER_CLUSTER", message: describeOtherCluster(this.nameOf(id), cluster, hello.cluster) };
    }
    if (hello.from >= peers.length || hello.to >= peers.length) {
      const message = `there are ${peers.length} replicas, and none is number ${Math.max(hello.from, hello.to)}`;
      return { code: "UNKNOWN_REPLICA", message };
    }
    if (hello.to !== id) {
      const message = `you reached ${this.nameOf(id)}, not ${this.nameOf(hello.to)}; check the addresses`;
      return { code: "WRONG_ADDRESSEE", message };
    }
    if (hello.from === id) {
      const message = `you say that you are ${
        this.nameOf(id)
      }, and so am I; start one of us with an address of its own`;
      return { code: "DUPLICATE_ID", message };
    }
    if (!this.isOpen) return { code: "NOT_READY", message: `${this.nameOf(id)} is starting or stopping` };
    return this.#judgePresence(hello);
  }

  /** Of two processes that speak for one peer, the one that started later is heard, while it lives. */
  #judgePresence({ from, incarnation }: Hello): Refusal | null {
    const present = this.#present.get(from);
    if (present === undefined || !isEarlier(incarnation, present.incarnation)) return null;
    const { clock, silence_ms, id } = this.settings;
    if (clock.monotonic() - present.heard_ms > 2 * silence_ms) return null;
    const message = `${this.nameOf(id)} hears another process as ${this.nameOf(from)}, which started later than you; ` +
      `stop one of the two`;
    return { code: "DUPLICATE_ID", message };
  }

  /**
   * Hears whoever said this, and nobody else in its place. `end` ends its connection; it is not called for a further
   * call with the same `end`. Returns a token for {@link heard} and {@link leave}.
   */
  admit({ from, incarnation }: Hello, end: () => void): object {
    const before = this.#present.get(from);
    const presence: Presence = { incarnation, heard_ms: this.settings.clock.monotonic(), end };
    this.#present.set(from, presence);
    if (before !== undefined && before.end !== end) before.end();
    this.onCalled(from);
    return presence;
  }

  /** There was a sign of life. */
  heard(presence: object): void {
    (presence as Presence).heard_ms = this.settings.clock.monotonic();
  }

  /** The connection of a peer has ended. */
  leave(from: ReplicaId, presence: object): void {
    if (this.#present.get(from) === presence) this.#present.delete(from);
  }

  /**
   * Hands a frame to the owner. A `CodecError` that the owner throws is about the frame, and closes the connection
   * on which it came; anything else goes on to the event loop, and ends the process.
   */
  deliver(from: ReplicaId, body: Uint8Array): void {
    if (this.#isClosed || this.#listener === null) return;
    this.#received[from]!++;
    this.#listener.onMessage(from, body);
  }

  /** How many frames came from a peer. */
  receivedFrom(from: ReplicaId): number {
    return this.#received[from]!;
  }

  /** Tells the owner that frames to a peer can leave, or cannot. */
  hint(peer: ReplicaId, isConnected: boolean): void {
    if (this.isOpen) this.#listener?.onPeer?.(peer, isConnected);
  }

  /** Tells the operator. */
  say(level: NoticeLevel, text: string): void {
    this.settings.log(level, text);
  }

  /** Tells the operator what a stranger can bring about as often as it likes: once in a minute for one `topic`. */
  sayOnce(level: NoticeLevel, text: string, topic: string = text): void {
    const now_ms = this.settings.clock.monotonic();
    const last_ms = this.#said.get(topic);
    if (last_ms !== undefined && now_ms - last_ms < REPEAT_MS) return;
    if (this.#said.size >= MAX_REMEMBERED) this.#said.clear();
    this.#said.set(topic, now_ms);
    this.say(level, text);
  }
}
