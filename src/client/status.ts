/**
 * What a client can tell about itself without asking a server.
 *
 * @module
 */
import type { ServerAddress } from "./connection.ts";

/** Where a client stands. */
export interface ClientStatus {
  /** The server in use, or to be tried next. */
  readonly server: ServerAddress;
  /** Whether there is a connection to it. */
  readonly connected: boolean;
  /** Operations under way. */
  readonly pending: number;
  /** Those among them that were sent and wait for their reply. */
  readonly inFlight: number;
  /** Watches that have not ended. */
  readonly watches: number;
}
