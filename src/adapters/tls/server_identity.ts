/**
 * A server's certificate, key and authorities, and everything that follows them when they are replaced: the doors that are
 * open show the new ones to who comes next, the ways to other replicas with their next call. Connections that are there
 * live on.
 *
 * @module
 */
import type { Server, TlsOptions } from "node:tls";
import {
  checkServerTexts,
  type ServerCertificate,
  type ServerTlsOptions,
  type ServerTlsTexts,
} from "./server_texts.ts";

/** A certificate in use. */
export class ServerIdentity {
  /** Whether clients need a certificate. */
  readonly clientAuth: boolean;
  readonly #replicaHost: string | null;
  readonly #followers = new Set<() => void>();
  #texts: ServerTlsTexts;
  #certificate: ServerCertificate;

  /**
   * `replicaHost` is what other replicas call the server; null for one without others.
   *
   * @throws {KvError} `INVALID_ARGUMENT` for texts that cannot be used
   */
  constructor(options: ServerTlsOptions, replicaHost: string | null) {
    this.#certificate = checkServerTexts(options, replicaHost, Date.now());
    this.#texts = options;
    this.#replicaHost = replicaHost;
    this.clientAuth = options.clientAuth ?? false;
  }

  /** The texts in use. */
  get texts(): ServerTlsTexts {
    return this.#texts;
  }

  /** What is known of the certificate in use. */
  get certificate(): ServerCertificate {
    return this.#certificate;
  }

  /**
   * Uses other texts from now on.
   *
   * @throws {KvError} `INVALID_ARGUMENT` for texts that cannot be used; everything stays as it was
   */
  replace(texts: ServerTlsTexts): void {
    this.#certificate = checkServerTexts(texts, this.#replicaHost, Date.now());
    this.#texts = texts;
    for (const follow of this.#followers) follow();
  }

  /** What a door is opened with. `hearsReplicas` says whether some of those who come have a certificate to show. */
  settings(hearsReplicas: boolean): TlsOptions {
    const { cert, key, ca = null } = this.#texts;
    const settings: TlsOptions = { cert, key, minVersion: "TLSv1.2" };
    if (ca === null || !(hearsReplicas || this.clientAuth)) return settings;
    // Who needs a certificate is known later, unless everybody does.
    return { ...settings, ca, requestCert: true, rejectUnauthorized: this.clientAuth };
  }

  /** Calls back when the texts have been replaced. Returns what ends that. */
  onReplaced(callback: () => void): () => void {
    this.#followers.add(callback);
    return () => this.#followers.delete(callback);
  }

  /** Lets a door that was opened with {@link settings} follow when the texts are replaced. */
  attach(door: Server, hearsReplicas: boolean): void {
    door.once("close", this.onReplaced(() => door.setSecureContext(this.settings(hearsReplicas))));
  }
}
