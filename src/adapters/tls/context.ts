/**
 * From the texts that a client is given to what TLS calls are made with. Texts that cannot be used are refused here, by
 * name and before anything is called: the runtimes take some of them for nothing at all, or say so only at the first call.
 *
 * @module
 */
import type { PeerCertificate, SecureContext, TLSSocket } from "node:tls";
import type { ServerAddress } from "../../client/connection.ts";
import { KvError } from "../../core/errors.ts";
import { certificates, net, tls } from "../sockets.ts";
import type { TlsOptions } from "./options.ts";

/** What the texts of {@link TlsOptions} are called where they come from. */
export type TlsNames = Readonly<Record<"ca" | "cert" | "key", string>>;

/** What is called as the options of the library are. */
const OPTION_NAMES: TlsNames = { ca: "tls.ca", cert: "tls.cert", key: "tls.key" };

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
    const { checkServerIdentity, createSecureContext } = tls();
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
    const isAddress = net().isIP(name) !== 0;
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
    return tls().connect({ host, port, ...this.settingsFor(host) });
  }
}

/**
 * The authorities that the runtime trusts by itself, and those of the system where it can tell: a company's own authority
 * is among the latter only.
 */
function systemAuthorities(): string[] | undefined {
  const { getCACertificates } = tls();
  // Node has it from 22.15 on.
  if (typeof getCACertificates !== "function") return undefined;
  return systemOnes ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

/** They are read once: it takes a while. */
let systemOnes: string[] | null = null;

function checkTexts({ ca, cert, key, serverName }: TlsOptions, names: TlsNames): void {
  for (const [name, text] of [[names.ca, ca], [names.cert, cert], [names.key, key]] as const) {
    if (text !== undefined && typeof text !== "string") throw refused(`${name} is no text; read the file as UTF-8`);
  }
  if (ca !== undefined) certificatesIn(ca, names.ca);
  if (serverName === "") throw refused("tls.serverName is empty; leave it out for the host that is called");
  if (cert === undefined && key === undefined) return;
  if (cert === undefined) throw refused(`${names.key} without ${names.cert}; give both, or neither`);
  if (key === undefined) throw refused(`${names.cert} without ${names.key}; give both, or neither`);
  const [own] = certificatesIn(cert, names.cert);
  if (/-----BEGIN ENCRYPTED |^Proc-Type: .*ENCRYPTED/m.test(key)) {
    throw refused(`the private key in ${names.key} is encrypted; decrypt it: openssl pkey -in FILE -out FILE`);
  }
  const privateKey = parsed(names.key, "private key", () => certificates().createPrivateKey(key));
  if (!own!.checkPrivateKey(privateKey)) {
    throw refused(
      `the private key in ${names.key} is not that of the certificate in ${names.cert}; give the two that belong together`,
    );
  }
}

/** The certificates of a text, at least one. */
function certificatesIn(text: string, name: string): import("node:crypto").X509Certificate[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (found.length === 0) {
    throw refused(
      `there is no certificate in ${name}; it is the text of a PEM file, with "-----BEGIN CERTIFICATE-----"`,
    );
  }
  return found.map((each) => parsed(name, "certificate", () => new (certificates().X509Certificate)(each)));
}

function parsed<T>(name: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw refused(
      `a ${what} in ${name} cannot be read; it is the text of a PEM file, and this one may be damaged`,
      cause,
    );
  }
}

function refused(message: string, cause?: unknown): KvError {
  return new KvError("INVALID_ARGUMENT", message, cause === undefined ? undefined : { cause });
}
