/**
 * TLS between replicas, as the transports need it. What does it is elsewhere, so that nobody who does without has to load
 * it.
 *
 * @module
 */
import type { Agent, ClientRequest, RequestOptions } from "node:http";
import type { Socket } from "node:net";
import type { ServerAddress } from "../../client/connection.ts";
import type { CallerCertificate } from "../tls/caller_certificate.ts";

/** Calls other replicas, and judges those that call. */
export interface PeerTls {
  /** Opens a socket, which is of use from its "secureConnect" on: the other end is who it should be. */
  call(address: ServerAddress): Socket;
  /** Keeps the connection for requests. */
  agent(): Agent;
  /** Begins a request. */
  request(options: RequestOptions): ClientRequest;
  /** Why whoever has shown this certificate is none of the replicas on these hosts, or null when it may be. */
  troubleWith(certificate: CallerCertificate | undefined, hosts: readonly string[]): string | null;
}
