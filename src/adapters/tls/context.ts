/**
 * From the texts that a client is given to what TLS calls are made with. Texts that cannot be used are refused here, by
 * name and before anything is called: the runtimes take some of them for nothing at all, or say so only at the first call.
 *
 * @module
 */
import type { PeerCertificate, SecureContext, TLSSocket } from "node:tls";
import type { ServerAddress } from "../../client/connection.ts";
import { runtimeModule } from "../runtime_modules.ts";
import type { TlsOptions } from "./options.ts";
import { certificatesIn, checkPair, OPTION_NAMES, privateKeyIn, type TlsNames, unusable } from "./pem.ts";

/** What all TLS calls of one client have in common. */
export class TlsContext {
  readonly options: TlsOptions;
  readonly #secure: SecureContext;
  readonly #checkIdentity: typeof import("node:tls").checkServerIdentity;

  /**
   * @throws {KvError} `INVALID_ARGUMENT` for texts that cannot be used
   */
  constructor(options: TlsOptions, names: TlsNames = OPTION_NAMES) {
    checkTexts(options, names);
    const { ca, cert, key } = options;
    const { checkServerIdentity, createSecureContext } = runtimeModule("node:tls");
    this.options = options;
    this.#checkIdentity = checkServerIdentity;
    this.#secure = createSecureContext({
      ca: ca ?? systemAuthorities(),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      minVersion: "TLSv1.2",
    });
  }

  /** The name that the certificate of the server at `host` must be for. */
  nameOf(host: string): string {
    return this.options.serverName ?? host;
  }

  /** What a call of `host` needs to know. */
  settingsFor(host: string): {
    readonly secureContext: SecureContext;
    readonly servername?: string;
    readonly checkServerIdentity?: typeof import("node:tls").checkServerIdentity;
  } {
    const name = this.nameOf(host);
    const isAddress = runtimeModule("node:net").isIP(name) !== 0;
    return {
      secureContext: this.#secure,
      // An address cannot be asked for (RFC 6066, section 3), only found in the certificate.
      ...(isAddress ? {} : { servername: name }),
      // Requests with a check of their own get a connection each, so that there is one only where nothing else will do.
      ...(isAddress && name !== host
        ? { checkServerIdentity: (_: string, certificate: PeerCertificate) => this.#checkIdentity(name, certificate) }
        : {}),
    };
  }

  /** Calls a server. The socket is of use from its `secureConnect` on. */
  call({ host, port }: ServerAddress): TLSSocket {
    return runtimeModule("node:tls").connect({ host, port, ...this.settingsFor(host) });
  }
}

/**
 * The authorities that the runtime trusts by itself, and those of the system where it can tell: a company's own authority
 * is among the latter only.
 */
function systemAuthorities(): string[] | undefined {
  const { getCACertificates } = runtimeModule("node:tls");
  // Node has it from 22.15 on.
  if (typeof getCACertificates !== "function") return undefined;
  return systemOnes ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

/** They are read once: it takes a while. */
let systemOnes: string[] | null = null;

function checkTexts({ ca, cert, key, serverName }: TlsOptions, names: TlsNames): void {
  for (const [name, text] of [[names.ca, ca], [names.cert, cert], [names.key, key]] as const) {
    if (text !== undefined && typeof text !== "string") throw unusable(`${name} is no text; read the file as UTF-8`);
  }
  if (ca !== undefined) certificatesIn(ca, names.ca);
  if (serverName === "") throw unusable("tls.serverName is empty; leave it out for the host that is called");
  if (cert === undefined && key === undefined) return;
  if (cert === undefined) throw unusable(`${names.key} without ${names.cert}; give both, or neither`);
  if (key === undefined) throw unusable(`${names.cert} without ${names.key}; give both, or neither`);
  const [own] = certificatesIn(cert, names.cert);
  checkPair(own!, privateKeyIn(key, names.key), names);
}
