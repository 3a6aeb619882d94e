/**
 * What a RESP connection needs of the wire below it. TCP sockets, datagrams and tests implement it.
 *
 * @module
 */

/** The wire below a connection. Calls never throw; a wire that is gone ignores them. */
export interface RespTransport {
  readonly kind: "tcp" | "udp";
  /** `address:port` of the client, for CLIENT LIST and log lines. */
  readonly remoteAddress: string;
  /** `address:port` of this end. */
  readonly localAddress: string;

  /** Sends `chunks` in order. Returns whether it is done with their memory, which may then be used again. */
  write(chunks: readonly Uint8Array[]): boolean;

  /** How many bytes were written and have not left yet. When they have, {@link RespConnection.onDrain} is due. */
  bufferedBytes(): number;

  /** Stops reading until {@link resume}. */
  pause(): void;
  resume(): void;

  /** Sends what was written, then closes. */
  end(): void;

  /** Closes at once. */
  destroy(): void;
}
