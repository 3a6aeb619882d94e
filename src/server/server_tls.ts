/**
 * The TLS of one server: its certificate, what it is to the doors and to the ways between replicas, and a word to the
 * operator before it expires.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import type { PeerTls } from "../adapters/peers/peer_tls.ts";
import { systemClock } from "../adapters/system_clock.ts";
import type { ServerIdentity } from "../adapters/tls/server_identity.ts";
import type { ServerTlsTexts } from "../adapters/tls/server_texts.ts";
import type { Timer } from "../ports/clock.ts";
import type { ServerOptions } from "./server.ts";

/** TLS that is spoken. */
export interface ServerTls {
  readonly identity: ServerIdentity;
  /** Null for a server without other replicas. */
  readonly peers: PeerTls | null;
  /** As in `RunningServer`. */
  replace(texts: ServerTlsTexts): void;
  /** Looks at the clock no more. */
  close(): void;
}

const DAY_MS = 86_400_000;
/** The operator hears of a certificate this long before it expires, and then every day. */
const WARNING_MS = 30 * DAY_MS;

/**
 * The TLS that options ask for; null for none. Only a server that speaks it loads what it takes.
 *
 * @throws {KvError} `INVALID_ARGUMENT` for texts that cannot be used
 */
export async function tlsOf({ tls = null, cluster }: ServerOptions, logger: Logger): Promise<ServerTls | null> {
  if (tls === null) return null;
  const [{ ServerIdentity }, { createPeerTls }] = await Promise.all([
    import("../adapters/tls/server_identity.ts"),
    import("../adapters/tls/peer_tls.ts"),
  ]);
  const identity = new ServerIdentity(tls, cluster === undefined ? null : cluster.peers[cluster.id]?.host ?? null);
  const expiry = new ExpiryWatch(identity, logger);
  return {
    identity,
    peers: cluster === undefined ? null : createPeerTls(identity),
    replace: (texts) => {
      identity.replace(texts);
      expiry.look();
    },
    close: () => expiry.close(),
  };
}

/** Tells the operator of a certificate that will expire. */
class ExpiryWatch {
  readonly #identity: ServerIdentity;
  readonly #logger: Logger;
  #timer: Timer | null = null;

  constructor(identity: ServerIdentity, logger: Logger) {
    this.#identity = identity;
    this.#logger = logger;
    this.look();
  }

  look(): void {
    this.close();
    this.#timer = systemClock.after(DAY_MS, () => this.look());
    const { expiresAt_ms, subject } = this.#identity.certificate;
    const left_ms = expiresAt_ms - systemClock.now();
    if (left_ms > WARNING_MS) return;
    const expires = new Date(expiresAt_ms).toISOString();
    if (left_ms > 0) {
      this.#logger.warning(
        "the certificate of {subject} expires in {days} days, on {expires}; have another one issued, put it in place of " +
          "this one and send SIGHUP",
        { subject, days: Math.floor(left_ms / DAY_MS), expires },
      );
    } else {
      this.#logger.error(
        "the certificate of {subject} expired on {expires}, and is refused; put another one in its place and send SIGHUP",
        { subject, expires },
      );
    }
  }

  close(): void {
    this.#timer?.cancel();
  }
}
