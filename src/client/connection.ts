/**
 * A connection to one server, as the client's logic sees it. Adapters implement it over TCP, UDP and HTTP;
 * the simulator over its own network. Requests and replies are the bytes of commands and results.
 *
 * @module
 */
import type { Key } from "../codec/bytes.ts";
import type { KvError } from "../core/errors.ts";

/** Where a server listens. */
export interface ServerAddress {
  /** A name or an address. */
  readonly host: string;
  /** The port number. */
  readonly port: number;
}

/** What to watch: the keys in [start, end), from a revision on (0 for from now on). */
export interface WatchRequest {
  /** The lowest key of the range. */
  readonly start: Key;
  /** Null means no upper bound. */
  readonly end: Key | null;
  /** The first revision whose events are wanted; 0 for those after the watch begins. */
  readonly fromRevision: number;
}

/**
 * What a connection tells the client. Never called from within a call of the client to the connection. Bytes
 * are valid until the call returns.
 */
export interface ConnectionListener {
  /** The connection is ready for requests. */
  onOpen(): void;
  /** A request was answered: the bytes of its result. */
  onReply(id: number, result: Uint8Array): void;
  /**
   * A request was refused before it was executed; or, with the code `PROTOCOL_ERROR` or `OUTCOME_UNKNOWN`, its
   * answer cannot be understood, so that it may have been executed.
   */
  onRefused(id: number, error: KvError): void;
  /** A watch has begun, or has got this far without events: those after `revision` follow, and none before do. */
  onWatching(id: number, revision: number): void;
  /** Events of a watch: the bytes of whole revisions. */
  onEvents(id: number, events: Uint8Array): void;
  /** A watch was ended by the server. */
  onWatchEnd(id: number, error: KvError): void;
  /** The connection is gone, or could not be made: nothing more is called. */
  onClose(error: KvError): void;
}

/** A connection to one server. Calls never throw; what goes wrong comes to the listener. */
export interface Connection {
  /** False when requests and replies may get lost or repeated one by one, so that the client must resend. */
  readonly reliable: boolean;
  /** How many requests may wait for their replies at once; the client queues what is beyond. */
  readonly maxInFlight: number;
  /**
   * Sends the bytes of a command under an id that is not in use (or, when the connection is not reliable, sends
   * them once more under the same id). The bytes may change after the call. What is sent in one turn leaves in
   * one write.
   */
  request(id: number, command: Uint8Array): void;
  /** The caller no longer waits for this id; its reply is dropped. */
  forget(id: number): void;
  /** Begins a watch under an id that is not in use. */
  watch(id: number, request: WatchRequest): void;
  /** Ends a watch; nothing more is called for it. */
  cancelWatch(id: number): void;
  /** Closes without a call to the listener. What was requested before is still sent where that is possible. */
  close(): void;
}

/** Begins to connect. The listener hears `onOpen` or `onClose`. */
export type Connector = (address: ServerAddress, listener: ConnectionListener) => Connection;
