/**
 * What a client is given to speak TLS with. Data only, so that whoever needs the type loads nothing.
 *
 * @module
 */

/**
 * How to speak TLS. Certificates are always verified: there is no option that trusts whoever answers.
 *
 * @example
 * ```ts
 * import { connect, type TlsOptions } from "@x/kvpaxos";
 * import { readFileSync } from "node:fs";
 *
 * function example(): void {
 *   const tls: TlsOptions = {
 *     ca: readFileSync("ca.pem", "utf8"),
 *     cert: readFileSync("app.pem", "utf8"),
 *     key: readFileSync("app-key.pem", "utf8"),
 *   };
 *   connect({ servers: "kv-0.example:32000,kv-1.example:32000", tls });
 * }
 * void example;
 * ```
 */
export interface TlsOptions {
  /**
   * The authorities to trust, and no others: the text of their certificates in PEM, one after the other. A server's own
   * certificate will do where it has signed itself. @default those that the runtime and the system trust
   */
  readonly ca?: string;
  /**
   * This client's certificate in PEM, for servers that ask for one, with those between it and its authority after it.
   * It needs a `key`. @default none
   */
  readonly cert?: string;
  /** The private key of `cert` in PEM, not encrypted. @default none */
  readonly key?: string;
  /** The name or address that the servers' certificates must be for. @default the host that is called */
  readonly serverName?: string;
}
