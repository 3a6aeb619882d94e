/**
 * The connection of another replica, as who hears it needs it: a socket, or one that another thread holds.
 *
 * @module
 */

/** What is used of a `Socket` of `node:net`. */
export interface PeerSocket {
  /** Where the other end is, as far as it is known. */
  readonly remoteAddress?: string | undefined;
  /** How many bytes were written and have not left. */
  readonly writableLength: number;
  /** Whether small writes leave at once. */
  setNoDelay(noDelay: boolean): unknown;
  /** Whether the system finds out that the other end is gone. */
  setKeepAlive(keepAlive: boolean, delay_ms: number): unknown;
  /** Tells of what came. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** Tells of how it ends; "close" comes last. */
  on(event: "error" | "end" | "close", listener: () => void): unknown;
  /** Sends bytes. */
  write(bytes: Uint8Array): unknown;
  /** Closes when what was written has left. */
  end(): unknown;
  /** Sends the last bytes, and closes. */
  end(bytes: Uint8Array): unknown;
  /** Closes at once. */
  destroy(): unknown;
}
