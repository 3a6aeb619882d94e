/**
 * The figures that the front doors of one server count, for INFO and for metrics. Plain numbers that only
 * grow, but for the gauges, so that a reader can take differences.
 *
 * @module
 */

/** Counters of one server. Written by the front doors, read by INFO and `/metrics`. */
export class ServerStats {
  /** Connections accepted since the start. */
  connectionsAccepted = 0;
  /** Connections refused because there were too many. */
  connectionsRefused = 0;
  /** Connections closed by the server because of what the client did, or did not read. */
  connectionsDropped = 0;
  /** TCP connections open now. */
  connectionsOpen = 0;
  /** Commands executed, those refused included. */
  commands = 0;
  /** Logins refused: wrong users, passwords and tokens, over TCP and HTTP. */
  loginsRefused = 0;
  /** TLS handshakes that came to nothing, over TCP and HTTP. */
  handshakesFailed = 0;
  /** Error replies. */
  errors = 0;
  /** Requests that were not RESP. */
  protocolErrors = 0;
  /** Bytes received from clients over TCP and UDP. */
  bytesIn = 0;
  /** Bytes sent to clients over TCP and UDP. */
  bytesOut = 0;
  /** In how many writes replies were handed to TCP sockets: those that were ready together leave in one. */
  replyWrites = 0;
  /** Reads of one key that found it, and that did not. */
  keyHits = 0;
  keyMisses = 0;
  /** Datagrams received, answered, and dropped (malformed, or more than can be worked on at once). */
  datagramsIn = 0;
  datagramsOut = 0;
  datagramsDropped = 0;
  /** HTTP requests. */
  httpRequests = 0;

  /** Sets the counters to 0 and leaves the gauges. */
  reset(): void {
    const open = this.connectionsOpen;
    Object.assign(this, new ServerStats());
    this.connectionsOpen = open;
  }
}
