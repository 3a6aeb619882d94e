/**
 * What a RESP connection needs of the wire below it, and the wire of the connection. TCP sockets, datagrams, the channel
 * between threads and tests are wires.
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

/** What the wire tells its client. */
export interface WireClient {
  /** Bytes have come; they may be reused after the call. */
  receive(chunk: Uint8Array): void;

  /** What was written has left. */
  onDrain(): void;

  /** No more bytes will come. */
  onInputEnd(): void;

  /** Nothing has come for the longest time that is allowed. */
  onIdle(): void;

  /** The wire is gone. */
  onClosed(): void;

  /** Takes no more requests, and ends the wire when the replies to those taken have left. */
  finish(): void;

  /** Closes at once for what happened, and tells the operator. */
  drop(why: string): void;
}
