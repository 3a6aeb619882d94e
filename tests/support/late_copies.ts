/**
 * A network in which every datagram comes a second time, long after: when its sender has gone on, has been answered,
 * and may have lost the session that it was sent in.
 *
 * @module
 */
import type { Connection, Connector } from "../../src/client/connection.ts";

/**
 * A connector like `connector`, but that over datagrams each request is followed by a copy of the one sent `lag` requests
 * before, in whatever connection that was.
 */
export function lateCopies(connector: Connector, lag: number): Connector {
  const sent: (readonly [id: number, command: Uint8Array])[] = [];
  return (address, listener) => {
    const inner = connector(address, listener);
    if (inner.reliable) return inner;
    const connection: Connection = {
      reliable: inner.reliable,
      maxInFlight: inner.maxInFlight,
      request: (id, command) => {
        sent.push([id, command.slice()]);
        inner.request(id, command);
        if (sent.length > lag) inner.request(...sent.shift()!);
      },
      forget: (id) => inner.forget(id),
      watch: (id, request) => inner.watch(id, request),
      cancelWatch: (id) => inner.cancelWatch(id),
      close: () => inner.close(),
    };
    return connection;
  };
}
