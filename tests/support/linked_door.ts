/**
 * A TCP door in one thread whose two halves know of each other only by their batches, as if they were in two.
 *
 * @module
 */
import { systemClock } from "../../src/adapters/system_clock.ts";
import type { ServerContext } from "../../src/server/resp/server_context.ts";
import { startTcpServer, type TcpServer, type TcpServerOptions } from "../../src/server/tcp_server.ts";
import { DoorLink, type DoorLinkOptions } from "../../src/server/threads/door_link.ts";
import { OwnerLink } from "../../src/server/threads/owner_link.ts";

/** How such a door is opened. */
export interface LinkedDoorOptions
  extends Omit<TcpServerOptions, "context" | "acceptPeer" | "host" | "port">, Pick<DoorLinkOptions, "acceptPeer"> {
  readonly context: ServerContext;
  /** Sees every batch on its way. */
  readonly onBatch?: (from: "door" | "owner", batch: Uint8Array) => void;
}

/** Opens one. */
export function startLinkedDoor({ context, acceptPeer, onBatch, ...options }: LinkedDoorOptions): Promise<TcpServer> {
  const send = (from: "door" | "owner", batch: Uint8Array, take: (batch: Uint8Array) => void): void => {
    // What was posted is the receiver's: the sender must not count on its memory.
    const own = batch.slice();
    batch.fill(0xff);
    onBatch?.(from, own);
    setImmediate(() => take(own));
  };
  const near = new DoorLink({
    context,
    post: (batch) => send("owner", batch, (own) => far.receive(own)),
    ...(acceptPeer === undefined ? {} : { acceptPeer }),
  });
  const far = new OwnerLink({
    post: (batch) => send("door", batch, (own) => near.receive(own)),
    clock: systemClock,
    limits: context.limits,
    mustLogIn: !context.logins.isOpen,
    onNotice: (message) => context.notice(message),
  });
  return startTcpServer({
    host: "127.0.0.1",
    port: 0,
    context: far,
    ...options,
    ...(acceptPeer === undefined ? {} : { acceptPeer: (socket, head): void => far.acceptPeer(socket, head) }),
  });
}
